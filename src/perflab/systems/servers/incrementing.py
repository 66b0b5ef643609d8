"""Threads that add 1 to the counters of one database, each with a connection of its own, in a process of their own."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.databases.counters import (
    MAX_COUNTERS,
    ONE,
    POSTGRESQL,
    WAYS,
    PostgresCounters,
    SqliteCounters,
    new_file,
)
from perflab.systems.databases.increments import Setting, Steps, Tally, client
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config
from perflab.systems.servers.cluster import connect

MAX_CLIENTS, MAX_THINK_MS = 64, 1_000.0


class Incrementing(ChildServer):
    """The process, for as long as its block lasts. For PostgreSQL's ways, `server` is the folder of a cluster with counters."""

    def __init__(
        self, way: str, clients: int, counters: int, think_ms: float, seed: int, server: Path | None = None
    ) -> None:
        if way not in WAYS:
            raise BadInput(f"way must be one of {', '.join(WAYS)}; got {way!r}.")
        check_number("counters", counters, 1, MAX_COUNTERS, whole=True)
        check_number("think_ms", think_ms, 0, MAX_THINK_MS)
        machine_limits().check(threads=check_number("clients", clients, 1, MAX_CLIENTS, whole=True))
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-incrementing-", ignore_cleanup_errors=True)
        config = {"way": way, "clients": clients, "counters": counters, "think_s": think_ms / 1e3, "seed": seed}
        config["folder"] = self._folder.name if server is None else str(server)
        try:
            super().__init__("perflab.systems.servers.incrementing", config)
        except BaseException:
            self._folder.cleanup()
            raise

    def add(self, seconds: float, clients: int | None = None, think_ms: float | None = None) -> dict[str, float]:
        """What all clients have done in so long, as in `Tally`, and by how much the `sum` of the counters has grown. Some of the
        clients may do it alone, or think for another time.
        """
        think_s = None if think_ms is None else think_ms / 1e3
        return dict(self.ask("add", seconds=seconds, clients=clients, think_s=think_s))

    def close(self) -> None:
        """End the process, and remove its file."""
        super().close()
        self._folder.cleanup()


def _main(folder: str, way: str, clients: int, counters: int, think_s: float, seed: int) -> None:
    path, setting, turn = Path(folder) / "counters.db", Setting(way == ONE, counters, think_s), 0
    if way not in POSTGRESQL:
        new_file(path)

    def connected() -> SqliteCounters | PostgresCounters:
        return PostgresCounters(connect(folder), way) if way in POSTGRESQL else SqliteCounters(path, way)

    with ExitStack() as stack, ThreadPoolExecutor(clients) as threads:
        stores = [stack.enter_context(closing(connected())) for _ in range(clients)]
        before = stores[0].sum()

        def add(seconds: float, clients: int | None, think_s: float | None) -> dict[str, float]:
            nonlocal turn, before
            turn += 1
            now = setting if think_s is None else replace(setting, think_s=think_s)
            tallies, until = [Tally() for _ in stores[:clients]], time.perf_counter() + seconds
            made = [
                client(now, store, tally, f"{seed} {turn} {number}", time.perf_counter, until)
                for number, (store, tally) in enumerate(zip(stores, tallies, strict=False))
            ]
            for done in [threads.submit(live, each) for each in made]:
                done.result()
            last, before = before, stores[0].sum()
            sums = {name: sum(getattr(each, name) for each in tallies) for name in asdict(tallies[0])}
            return {**sums, "sum": before - last}

        announce(0)  # it listens on no port
        answer_requests({"add": add})


def live(steps: Steps) -> None:
    """Take the steps of a client in real time."""
    for wait_s in steps:
        time.sleep(wait_s)


if __name__ == "__main__":
    _main(**read_config())
