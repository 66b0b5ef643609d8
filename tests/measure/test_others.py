"""What else used the CPUs while we measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from perflab.measure.others import CpuReading, compare_use, our_processes, read_cpu_use

ME, SERVER, MINE, BROWSER, OTHER, THEIR_SERVER = 10, 11, 9, 50, 70, 71
OURS = {ME, SERVER, MINE}


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a browser, and another user who measures."""
    lines = {
        BROWSER: ["chromium", "--file=/home/anna/perflab.ipynb"],
        OTHER: ["python", "-m", "perflab.lab.worker"],
        THEIR_SERVER: ["python", "-m", "perflab.systems.servers.echo", "{}"],
    }

    def process(pid: int) -> Any:
        if pid not in lines:
            raise psutil.AccessDenied(pid)
        return SimpleNamespace(cmdline=lambda: lines[pid])

    monkeypatch.setattr(psutil, "Process", process)
    monkeypatch.setattr(os, "getsid", {BROWSER: BROWSER, OTHER: OTHER, THEIR_SERVER: OTHER}.get, raising=False)


def reading(busy: float, total: float, processes: Mapping[int, float], stolen: float | None = 0.0) -> CpuReading:
    return CpuReading(100 + busy, 1_000 + total, None if stolen is None else 5 + stolen, processes)


def used(busy: float, spent: Mapping[int, float], total: float = 4.0, stolen: float | None = 0.0) -> Any:
    before = reading(0, 0, {pid: 7.0 for pid in spent if pid != SERVER})
    after = {pid: seconds + (7.0 if pid != SERVER else 0.0) for pid, seconds in spent.items()}
    return compare_use(before, reading(busy, total, after, stolen), OURS, 2.0)


@pytest.mark.usefixtures("processes")
def test_what_is_not_ours_is_others() -> None:
    use = used(3.0, {ME: 1.0, SERVER: 0.5, MINE: 0.1, BROWSER: 0.9})
    assert use.others_share == pytest.approx(1.4 / 4), "what is hidden or has ended too"
    assert use.busy_share == pytest.approx(3 / 4)
    assert use.others_measuring == 0


@pytest.mark.usefixtures("processes")
@pytest.mark.usefixtures("processes")
def test_more_of_our_own_than_the_machine_counts_is_no_others() -> None:
    assert used(1.0, {ME: 1.01}).others_share == 0.0


def test_what_our_children_used_that_are_gone_is_ours() -> None:
    before = CpuReading(100, 1_000, 0.0, {ME: 7.0}, {ME: 3.0, BROWSER: 1.0})
    after = CpuReading(103, 1_004, 0.0, {ME: 8.0}, {ME: 4.5, BROWSER: 1.2})
    assert compare_use(before, after, OURS, 2.0).others_share == pytest.approx(0.5 / 4)


@pytest.mark.process
def test_a_child_that_has_ended_is_counted_where_the_system_tells() -> None:
    def used() -> float:
        return read_cpu_use().ended[os.getpid()]

    before = used()
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    assert used() > before or not sys.platform.startswith("linux")


@pytest.mark.usefixtures("processes")
def test_another_measurement_is_seen_once_with_its_server_and_only_while_it_works() -> None:
    assert used(3.0, {ME: 1.0, OTHER: 0.5, THEIR_SERVER: 0.5}).others_measuring == 1
    assert used(3.0, {ME: 1.0, OTHER: 0.0, THEIR_SERVER: 0.5}).others_measuring == 1
    assert used(1.0, {ME: 1.0, OTHER: 0.1, THEIR_SERVER: 0.0}).others_measuring == 0
    assert used(3.0, {ME: 1.0, 999: 1.5}).others_measuring == 0, "a process that is gone or hidden"


def test_what_the_host_took_is_a_share_and_unknown_where_there_is_no_such_figure() -> None:
    assert used(1.0, {}, stolen=0.4).stolen_share == pytest.approx(0.1)
    assert used(1.0, {}, stolen=None).stolen_share is None


def test_without_cpu_time_in_between_there_are_no_shares() -> None:
    with pytest.raises(ZeroDivisionError):
        used(0.0, {}, total=0.0)


def test_a_reading_of_this_machine_counts_every_second_once() -> None:
    now = read_cpu_use()
    assert 0 < now.busy_s < now.total_s
    assert now.processes[os.getpid()] > 0
    assert {os.getpid(), os.getppid()} <= our_processes()


def test_guests_are_not_counted_twice_and_what_the_host_took_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"user": 10, "nice": 1, "system": 4, "idle": 50, "iowait": 5, "steal": 30, "guest": 6, "guest_nice": 1}

    class Times(tuple[int, ...]):
        def __getattr__(self, name: str) -> int:
            try:
                return times[name]
            except KeyError:
                raise AttributeError(name) from None

    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(times.values()))
    monkeypatch.setattr(psutil, "process_iter", lambda _: [SimpleNamespace(pid=1, info={"cpu_times": None})])
    now = read_cpu_use()
    assert (now.busy_s, now.total_s, now.stolen_s, now.processes) == (15, 100, 30, {})


@pytest.mark.clock
def test_another_workers_measurement_is_seen_and_its_sleep_is_not() -> None:
    def seen(code: str) -> int:
        command = [sys.executable, "-c", f"{code}\nprint(flush=True)\n{code}", "perflab.lab.worker"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            before, began = read_cpu_use(), time.monotonic()
            time.sleep(0.5)
            after, wall_s = read_cpu_use(), time.monotonic() - began
            rest = set(after.processes) - {other.pid}  # whatever else this machine does is not looked at
            use = compare_use(before, after, rest, wall_s)
            other.kill()
        assert use.others_measuring is not None
        return use.others_measuring

    assert seen("import time; time.sleep(0.1)") == 0
    assert seen("import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass") == 1
