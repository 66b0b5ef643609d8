"""Threads that write to one database, in a process of their own.

In the process that measures they would take the CPU from one another, and a run would be called noisy for it.
"""

from __future__ import annotations

import itertools
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from perflab.systems.databases.ledger import Ledger
from perflab.systems.databases.writing_threads import WhenToCommit, Written, write_for
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config
from perflab.systems.servers.pickled import packed, unpacked
from perflab.systems.servers.policy import Policy


class Writing(ChildServer):
    """The process, for as long as its block lasts. A request writes so many `rows`; `when` may be a function of a learner's."""

    def __init__(self, rows: int, when: WhenToCommit | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-writing-", ignore_cleanup_errors=True)
        config = {"folder": self._folder.name, "rows": rows, "when": packed(when)}
        try:
            super().__init__("perflab.systems.servers.writing", config)
        except BaseException:
            self._folder.cleanup()
            raise

    def load(self, threads: int, seconds: float, by_rule: bool = False, **setting: Any) -> Written:
        """`write_for`; with the rule where it is asked for. Raises `BadInput` where that fails, or there are too many threads."""
        found = self.ask("load", threads=threads, seconds=seconds, by_rule=by_rule, **setting)
        return Written(**{name: np.array(column, np.int64) for name, column in found.items()})

    @property
    def stored(self) -> int:
        """How many rows are in the database."""
        return int(self.ask("count")["rows"])

    def close(self) -> None:
        """End the process, and remove its database."""
        super().close()
        self._folder.cleanup()


def _main(folder: str, rows: int, when: Any) -> None:
    rule, numbers = unpacked(when), itertools.count()
    asked = Policy("The rule", rule) if rule is not None else None
    with closing(Ledger(Path(folder) / "rows.db")) as table:

        def write(requests: int) -> object:
            return table.write([(number, 1) for number in itertools.islice(numbers, rows * requests)])

        def load(by_rule: bool, **setting: Any) -> dict[str, Any]:
            done = write_for(write, **setting, when=asked if by_rule else None)
            return {name: column.tolist() for name, column in asdict(done).items()}

        announce(0)  # it listens on no port
        answer_requests({"load": load, "count": lambda: {"rows": table.count()}})


if __name__ == "__main__":
    _main(**read_config())
