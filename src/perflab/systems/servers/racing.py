"""Threads that race for one cache in front of a SQLite file, in a process of their own."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Any

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.caches.races import ORDERS, READERS, Race, Rule, Steps, delete_and_note, fill_if_newer
from perflab.systems.databases.versions import Versions
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config
from perflab.systems.servers import failing_store
from perflab.systems.servers.failing_store import checked
from perflab.systems.servers.pickled import packed, unpacked
from perflab.systems.servers.policy import PolicyFailed

COUNTS = ("reads", "stale", "fills", "overtaken", "writes")
MAX_KEYS, MAX_STORE_MS = 1_000, 100.0


class Racing(ChildServer):
    """The process, for as long as its block lasts.

    Its store does not wait for the drive at a commit, so that an access takes the time that was chosen. The rules of the version
    check may be functions of a learner's.
    """

    def __init__(
        self,
        order: str,
        store_ms: float,
        keys: int,
        writers: int,
        seed: int,
        fill: Rule | None = None,
        delete: Rule | None = None,
    ) -> None:
        if order not in ORDERS:
            raise BadInput(f"order must be one of {', '.join(ORDERS)}; got {order!r}.")
        check_number("store_ms", store_ms, 0.01, MAX_STORE_MS)
        check_number("keys", keys, 1, MAX_KEYS, whole=True)
        machine_limits().check(threads=READERS + check_number("writers", writers, 1, 1_000, whole=True))
        config = {"order": order, "store_s": store_ms / 1e3, "keys": keys, "writers": writers, "seed": seed}
        config |= {"fill": packed(fill), "delete": packed(delete)}
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-racing-", ignore_cleanup_errors=True)
        try:
            super().__init__("perflab.systems.servers.racing", {**config, "folder": self._folder.name})
        except BaseException:
            self._folder.cleanup()
            raise

    def race(self, seconds: float) -> dict[str, int]:
        """The `COUNTS` of so long; then, all being at rest, how many `entries` the cache has and how many are `wrong`."""
        return {name: int(number) for name, number in checked(self.ask("race", seconds=seconds)).items()}

    def close(self) -> None:
        """End the process, and remove its store."""
        super().close()
        self._folder.cleanup()


def _main(folder: str, order: str, store_s: float, keys: int, writers: int, seed: int, fill: Any, delete: Any) -> None:
    rules = told("fill", unpacked(fill) or fill_if_newer), told("delete", unpacked(delete) or delete_and_note)
    with (
        closing(Versions(Path(folder) / "entries.db", durable=False)) as store,
        ThreadPoolExecutor(READERS + writers) as threads,
    ):
        race, turn = Race(order, keys, store_s, store, seed, *rules), 0
        race.warm()

        def run(seconds: float) -> dict[str, Any]:
            nonlocal turn
            turn += 1
            until = time.perf_counter() + seconds
            clients = race.clients(writers, turn, lambda: time.perf_counter() >= until)
            for done in [threads.submit(live, client) for client, _ in clients]:
                done.result()
            sums = [sum(column) for column in zip(*(astuple(tally) for _, tally in clients), strict=True)]
            wrong, entries = race.wrong()
            return {**dict(zip(COUNTS, sums, strict=True)), "wrong": wrong, "entries": entries}

        announce(0)  # it listens on no port
        answer_requests({"race": failing_store.told(run)})


def told(name: str, rule: Rule) -> Rule:
    """The rule; what it raises is one sentence."""

    def call(*given: Any) -> None:
        try:
            rule(*given)
        except Exception as error:
            raise PolicyFailed(f"`{name}` raised {type(error).__name__}: {error}.") from error

    return call


def live(client: Steps) -> None:
    """Take the steps of a client in real time."""
    for wait_s in client:
        time.sleep(wait_s)


if __name__ == "__main__":
    _main(**read_config())
