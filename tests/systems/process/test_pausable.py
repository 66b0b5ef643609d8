"""Time stands still for a server at once, however much its threads have to do, and goes on where it stood."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from asking import ask
from cpu_time import cpu_s
from patience import PATIENCE_S, wait_until
from relations import two_of_three

from perflab.systems.process.child import ServerFailed
from perflab.systems.process.pausable import PausableServer, PausableSleep, RunningClock
from perflab.systems.servers.worker_kinds import KINDS
from perflab.systems.servers.worker_server import worker_server

pytestmark = pytest.mark.clock


@pytest.fixture
def clock() -> Iterator[RunningClock]:
    clock = RunningClock()
    clock.start()
    yield clock
    clock.close()


def test_the_clock_begins_at_nothing_and_runs(clock: RunningClock) -> None:
    first = clock.now_ns()
    time.sleep(0.02)
    assert 0 <= first < clock.now_ns() - 19e6


def test_it_stands_still_and_goes_on_from_where_it_stood(clock: RunningClock) -> None:
    clock.resume()
    before = clock.now_ns()
    clock.pause()
    stood = clock.now_ns()
    time.sleep(0.05)
    clock.pause()
    assert clock.is_paused and clock.now_ns() == stood >= before
    resumed = time.perf_counter_ns()
    clock.resume()
    assert not clock.is_paused
    assert 0 <= clock.now_ns() - stood <= time.perf_counter_ns() - resumed


def test_another_process_sees_the_same_clock(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    path.write_bytes(bytes(8))
    clock = RunningClock(path)
    clock.start()
    time.sleep(0.02)
    code = (
        "import sys; from pathlib import Path; from perflab.systems.process.pausable import RunningClock\n"
        f"clock = RunningClock(Path({str(path)!r}))\n"
        "for line in sys.stdin: print(clock.is_paused, clock.now_ns(), flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdin is not None and other.stdout is not None

        def seen() -> tuple[bool, int]:
            print(file=other.stdin, flush=True)
            paused, now_ns = other.stdout.readline().split()  # type: ignore[union-attr]
            return paused == "True", int(now_ns)

        before = clock.now_ns()
        paused, now_ns = seen()
        assert not paused and before < now_ns < clock.now_ns()
        clock.pause()
        assert seen() == (True, clock.now_ns())
        clock.resume()
        assert seen()[0] is False
        other.stdin.close()
    clock.close()


def test_a_sleep_takes_its_time(clock: RunningClock) -> None:
    started = time.monotonic()
    PausableSleep(clock).sleep(0.05)
    assert time.monotonic() - started >= 0.05


class HandClock(RunningClock):
    """One that goes on only when the test says so."""

    def __init__(self) -> None:
        self.ns, self.paused = 0, False

    @property
    def is_paused(self) -> bool:
        return self.paused

    def now_ns(self) -> int:
        return self.ns


@pytest.mark.parametrize("told", [True, False])
def test_no_time_passes_while_it_is_paused_and_what_was_left_is_slept_afterwards(told: bool) -> None:
    hand = HandClock()
    sleeping = PausableSleep(hand)
    sleepers = [threading.Thread(target=sleeping.sleep, args=(0.02,)) for _ in range(3)]
    for sleeper in sleepers:
        sleeper.start()

    def all_sleep_on() -> bool:
        time.sleep(0.1)  # five times as long as they sleep
        return all(sleeper.is_alive() for sleeper in sleepers)

    hand.ns = 10_000_000
    hand.paused = True
    if told:
        sleeping.settle()
    assert all_sleep_on()
    sleeping.get_ready()
    assert all_sleep_on()
    hand.paused = False
    assert all_sleep_on(), "half of it was left"
    hand.ns = 40_000_000
    for sleeper in sleepers:
        sleeper.join(PATIENCE_S)
    assert not any(sleeper.is_alive() for sleeper in sleepers)


def test_a_sleep_that_begins_in_a_pause_waits_for_its_end(clock: RunningClock) -> None:
    sleeping = PausableSleep(clock)
    clock.pause()
    sleeping.settle()
    sleeper = threading.Thread(target=sleeping.sleep, args=(0.01,))
    sleeper.start()
    sleeper.join(0.2)
    assert sleeper.is_alive()
    sleeping.get_ready()
    clock.resume()
    sleeper.join(PATIENCE_S)
    assert not sleeper.is_alive()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_whose_workers_all_compute_stands_still_at_once(kind: str) -> None:
    """A message would wait until a thread has the interpreter's lock to read it, and the workers would go on meanwhile."""
    with worker_server(8, kind=kind) as server, ThreadPoolExecutor(8) as crowd:
        processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]

        def used_in_a_pause() -> float:
            before_s = cpu_s(*processes)
            asked = [crowd.submit(ask, server.port, "compute=100") for _ in range(8)]
            # By the CPU's time, not by ours: how soon 8 times 100 ms are done depends on the CPUs and on the machine's mood.
            wait_until(lambda: cpu_s(*processes) > before_s + 0.15)
            server.pause()
            paused_s = cpu_s(*processes)
            time.sleep(0.5)
            used_s = cpu_s(*processes) - paused_s
            assert not all(each.done() for each in asked)
            server.resume()
            assert {each.result()[0] for each in asked} == {200}
            return used_s

        two_of_three(used_in_a_pause, lambda used_s: used_s < 0.1, "hardly any CPU time in half a second")


def test_nothing_is_left_of_the_clock_of_a_server_that_has_ended_or_did_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with worker_server(1) as server:
        assert list(tmp_path.glob("perflab-clock-*")) == [], "not even while it runs"
        server.pause()
        server.resume()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ServerFailed, match="no_such_module"):
        PausableServer("perflab.no_such_module", {})
    assert list(tmp_path.iterdir()) == []
