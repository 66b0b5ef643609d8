"""The machine card."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from perflab.measure import control_groups, machine
from perflab.measure.guards import MEMORY_SHARE, machine_limits
from perflab.measure.machine import describe_limits, effective_cpus, file_system_of, inspect_machine, memory_limit


@pytest.mark.clock
def test_the_card_of_this_machine_is_complete() -> None:
    card = inspect_machine()
    assert 0 < card.effective_cpus <= (os.cpu_count() or 1)
    assert card.memory_bytes > 1e8
    assert card.fsync_ns > 0
    assert all(text and "None" not in text for _, text in card.rows())


@pytest.mark.parametrize(("quota", "cpus"), [(0.5, 0.5), (None, math.inf), (1e6, math.inf)])
def test_the_quota_of_the_control_groups_counts(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cpus: float
) -> None:
    monkeypatch.setattr(machine, "cpu_quota", lambda: quota)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert effective_cpus() == min(float(allowed or 1), cpus)


def test_the_memory_limit_of_the_control_groups_counts_and_so_do_guard_rails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_quota", lambda: None)
    physical = memory_limit()
    monkeypatch.setattr(machine, "memory_quota", lambda: 400_000_000)
    assert memory_limit() == min(physical, 400_000_000)
    assert machine_limits().bytes == int(MEMORY_SHARE * memory_limit())
    monkeypatch.setattr(machine, "memory_quota", lambda: 2 * physical)
    assert memory_limit() == physical


@pytest.mark.clock
def test_a_card_of_a_system_that_tells_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: object, **__: object) -> None:
        raise PermissionError

    for module, name in (
        (psutil, "virtual_memory"),
        (psutil, "disk_partitions"),
        (os, "sched_getaffinity"),
        (machine.platform, "platform"),
        (machine, "measure_fsync"),
        (machine, "cpu_quota"),
        (machine, "memory_quota"),
    ):
        monkeypatch.setattr(module, name, unreadable, raising=False)
    card = inspect_machine()
    rows = dict(card.rows())
    assert (rows["fsync there"], rows["System"], card.file_system) == ("unknown", "unknown", "unknown")
    assert card.effective_cpus == os.cpu_count()
    assert not any("fsync" in limit for limit in describe_limits(card)), "what is unknown is no limit"


@pytest.mark.clock
@pytest.mark.parametrize(
    ("kind", "real", "said"),
    [
        ("tmpfs", False, "is not durable here: this folder is in memory"),
        ("ext4", False, "returns too soon to have reached a disk"),
        ("ext4", True, "reaches the disk"),
    ],
)
def test_the_card_says_what_an_fsync_is_worth(kind: str, real: bool, said: str) -> None:
    card = replace(inspect_machine(), file_system=kind, fsync_ns=5e3, fsync_is_real=real)
    assert dict(card.rows())["fsync there"].endswith(said)


def test_a_system_that_tells_nothing_of_itself_still_gets_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(**_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(control_groups, "ROOT", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", unreadable)
    monkeypatch.setattr(psutil, "disk_partitions", unreadable)
    assert memory_limit() == machine.UNKNOWN_MEMORY
    assert file_system_of(tmp_path) == "unknown"
    usual = tmp_path / control_groups.USUAL
    usual.mkdir(parents=True)
    (usual / "cpu.max").write_bytes(b"\xff\xfe")
    assert effective_cpus() >= 1


@pytest.mark.clock
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to one CPU")
def test_one_cpu_is_seen_and_what_it_means_is_said() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {0})\n"
        "from perflab.measure.machine import *\nprint(describe_limits(inspect_machine()))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "client and server share it" in shown


@pytest.mark.clock
def test_small_memory_and_memory_file_systems_are_pointed_out() -> None:
    card = replace(inspect_machine(), memory_bytes=1_000_000_000, fsync_is_real=False, effective_cpus=4)
    assert describe_limits(card) == [
        "1.0 GB of memory: the largest tables are smaller here.",
        "fsync is not durable here: writes look faster than on a disk.",
    ]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no memory file system at a known place")
def test_a_memory_file_system_is_recognised() -> None:
    assert file_system_of(Path("/dev/shm")) in machine.MEMORY_FILE_SYSTEMS
