"""Limits of control groups, read from trees as Linux, containers, hubs and old systems make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from perflab.measure import control_groups
from perflab.measure.control_groups import cpu_quota, groups_of, memory_quota, throttled_ms
from perflab.measure.guards import Limits
from perflab.measure.machine import effective_cpus, memory_limit
from perflab.measure.noise import NoiseLedger, _readings

V2 = "30 23 0:26 {shown} {at} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "31 23 0:27 {shown} {at} rw,nosuid shared:5 - cgroup cgroup rw,{options}"
OTHER = "22 28 0:20 / /proc rw - proc proc rw"
USER = "user.slice/user-1000.slice/jupyter-ada.service"
Make = Callable[..., None]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make `/proc` and `/sys` of a system: the lines of the process's cgroup file, those of its mounts, and files by path."""

    def make(own: list[str], mounts: list[str], files: Mapping[str, str]) -> None:
        texts = {
            "proc/self/cgroup": "\n".join(own),
            "proc/self/mountinfo": "\n".join([OTHER, *mounts]),
            **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
        }
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    monkeypatch.setattr(control_groups, "ROOT", tmp_path)
    return make


def v2(shown: str = "/", at: str = "/sys/fs/cgroup") -> str:
    return V2.format(shown=shown, at=at)


def v1(options: str, shown: str = "/", at: str = "") -> str:
    return V1.format(shown=shown, at=at or f"/sys/fs/cgroup/{options}", options=options)


def test_a_users_slice_on_a_hub_is_seen_in_its_nested_group(system: Make) -> None:
    files = {
        "cpu.stat": "usage_usec 9",
        f"{USER}/cpu.max": "50000 100000",
        f"{USER}/memory.max": "400000000",
        f"{USER}/cpu.stat": "usage_usec 500\nnr_throttled 7\nthrottled_usec 542000",
    }
    system([f"0::/{USER}"], [v2()], files)
    assert (cpu_quota(), memory_quota(), throttled_ms()) == (0.5, 400_000_000, 542.0)
    assert effective_cpus() == 0.5
    assert memory_limit() == 400_000_000
    assert Limits.of(effective_cpus(), memory_limit()).bytes == 100_000_000


def test_the_tightest_of_all_levels_holds_and_the_time_of_each_that_throttles_counts(system: Make) -> None:
    files = {
        "user.slice/cpu.max": "300000 100000",
        "user.slice/user-1000.slice/cpu.max": "25000 50000",
        f"{USER}/cpu.max": "max 100000",
        f"{USER}/memory.max": "max",
        "user.slice/memory.max": "2000000000",
        "user.slice/user-1000.slice/memory.max": "700000000",
        "user.slice/user-1000.slice/memory.high": "600000000",
        "user.slice/user-1000.slice/cpu.stat": "throttled_usec 30000",
        "user.slice/cpu.stat": "throttled_usec 12000",
        "system.slice/cpu.max": "1000 100000",
        "system.slice/cpu.stat": "throttled_usec 99000000",
    }
    system([f"0::/{USER}"], [v2()], files)
    assert (cpu_quota(), memory_quota(), throttled_ms()) == (0.5, 600_000_000, 42.0)


def test_a_container_that_sees_its_own_group_as_the_top(system: Make) -> None:
    files = {"cpu.max": "150000 100000", "memory.max": "1000000000", "cpu.stat": "throttled_usec 3000"}
    system(["0::/"], [v2()], files)
    assert (cpu_quota(), memory_quota(), throttled_ms()) == (1.5, 1_000_000_000, 3.0)


@pytest.mark.parametrize("path", ["/docker/abc", "/docker/abc/nested", "/../../elsewhere", "/kubepods/other"])
def test_a_container_that_names_its_group_from_the_outside(system: Make, path: str) -> None:
    system([f"0::{path}"], [v2(shown="/docker/abc")], {"cpu.max": "50000 100000", "nested/cpu.max": "max 100000"})
    assert cpu_quota() == 0.5


def test_version_1_has_a_tree_for_each_resource(system: Make) -> None:
    files = {
        f"cpu,cpuacct/{USER}/cpu.cfs_quota_us": "50000",
        f"cpu,cpuacct/{USER}/cpu.cfs_period_us": "100000",
        f"cpu,cpuacct/{USER}/cpu.stat": "nr_periods 10\nnr_throttled 5\nthrottled_time 542000000",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
        f"memory/{USER}/memory.limit_in_bytes": "9223372036854771712",
        "memory/user.slice/memory.limit_in_bytes": "400000000",
        "memory/memory.limit_in_bytes": "9223372036854771712",
    }
    own = [f"4:memory:/{USER}", f"3:cpu,cpuacct:/{USER}", "1:name=systemd:/user.slice", "0::/user.slice"]
    system(own, [v1("cpu,cpuacct"), v1("memory"), v2(at="/sys/fs/cgroup/unified")], files)
    assert groups_of("cpu").version == 1
    assert (cpu_quota(), memory_quota(), throttled_ms()) == (0.5, 400_000_000, 542.0)


def test_a_hybrid_system_has_some_resources_in_each_version(system: Make) -> None:
    files = {"unified/a/cpu.max": "70000 100000", "memory/a/memory.limit_in_bytes": "123456789"}
    system(["2:memory:/a", "0::/a"], [v1("memory"), v2(at="/sys/fs/cgroup/unified")], files)
    assert (cpu_quota(), memory_quota()) == (0.7, 123_456_789)


def test_a_version_1_container_without_a_namespace(system: Make) -> None:
    files = {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}
    system(["3:cpu:/docker/abc"], [v1("cpu", shown="/docker/abc")], files)
    assert cpu_quota() == 2.0


def test_no_limit_is_none_and_without_a_quota_nothing_was_throttled(system: Make) -> None:
    files = {"a/cpu.max": "max 100000", "a/memory.max": "max", "cpu.stat": "usage_usec 5", "a/cpu.stat": "usage_usec 4"}
    system(["0::/a"], [v2()], files)
    assert (cpu_quota(), memory_quota(), throttled_ms()) == (None, None, 0.0)


@pytest.mark.parametrize("own", [[], ["0::/a"], ["nonsense", "0", ""]])
@pytest.mark.parametrize("mounts", [[], ["30 23 - cgroup2", "short", v1("cpu")]])
def test_a_system_that_tells_little_is_read_at_the_usual_place(system: Make, own: list[str], mounts: list[str]) -> None:
    system(own, mounts, {"cpu.max": "50000 100000"})
    assert cpu_quota() == 0.5
    assert throttled_ms() is None


def test_a_system_without_control_groups_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_groups, "ROOT", tmp_path)
    assert (cpu_quota(), memory_quota(), throttled_ms()) == (None, None, None)


@pytest.mark.parametrize("text", ["", "50000", "0 100000", "50000 0", "x y", "50000 100000 7", "\x00"])
def test_odd_files_are_no_limit(system: Make, text: str) -> None:
    system(["0::/"], [v2()], {"cpu.max": text, "memory.max": f"{text} bytes", "cpu.stat": text})
    assert (cpu_quota(), memory_quota()) == (None, None)
    assert throttled_ms() in (0.0, None)


def test_folders_with_blanks_in_their_names_are_found(system: Make) -> None:
    system(["0::/my group"], [v2(at="/sys/fs/cgroup/with\\040blank")], {"with blank/my group/cpu.max": "50000 100000"})
    assert cpu_quota() == 0.5


def test_the_noise_ledger_hears_of_throttling_in_the_own_group(system: Make) -> None:
    before = {f"{USER}/cpu.stat": "throttled_usec 0"}
    system([f"0::/{USER}"], [v2()], before)
    earlier = _readings()["throttled_ms"]
    system([f"0::/{USER}"], [v2()], {f"{USER}/cpu.stat": "throttled_usec 542000"})
    ledger = NoiseLedger(1e6, 1e6, 1.0, 1.0, 0, 0.0, _readings()["throttled_ms"] - earlier, 1.0)
    assert ledger.sentence == "noisy machine: a CPU quota held it back for 542 ms"
