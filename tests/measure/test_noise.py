"""The noise ledger."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from perflab.measure import noise
from perflab.measure.noise import FIGURES, NoiseLedger, NoiseWatch
from perflab.measure.others import read_cpu_use
from perflab.measure.told import told
from perflab.systems.machine.handover import between_processes

QUIET = NoiseLedger(1e6, 1.05e6, 2.0, 1.9, 10, 0.001, 0.0, 1.0)


def test_a_quiet_run_says_so() -> None:
    assert not QUIET.noisy
    assert QUIET.sentence == "quiet machine"


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"spin_after_ns": 1.6e6}, "speed changed by 60%"),
        ({"stolen_share": 0.1}, "host took 10% of the CPU time"),
        ({"throttled_ms": 80.0}, "held it back for 80 ms"),
        ({"involuntary_switches": 5_000}, "others took the CPU 5,000 times"),
        ({"others_measuring": 1}, "another notebook measured at the same time"),
        ({"others_share": 0.5, "busy_share": 0.97}, "other programs used 50% of all CPUs"),
    ],
)
def test_each_disturbance_trips_the_verdict_and_is_named(change: dict[str, float], phrase: str) -> None:
    noisy = replace(QUIET, **change)  # type: ignore[arg-type]
    assert noisy.noisy
    assert phrase in noisy.sentence


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_that_a_system_does_not_tell_raises_no_alarm_and_is_not_called_quiet(
    figure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    untold = replace(QUIET, **{figure: None})
    monkeypatch.setattr(noise, "EXPECTED", tuple(FIGURES))
    assert not untold.noisy
    assert untold.sentence == f"no noise seen, but unknown here: {FIGURES[figure]}"
    monkeypatch.setattr(noise, "EXPECTED", ())
    assert untold.sentence == "quiet machine", "this kind of system has no such figure"


def unreadable(*_: object, **__: object) -> Any:
    raise PermissionError("/proc/stat")


SOURCES = {
    "the machine's CPU times": (
        psutil,
        "cpu_times",
        ["stolen_share", "others_share", "busy_share", "others_measuring"],
    ),
    "the list of processes": (
        psutil,
        "process_iter",
        ["stolen_share", "others_share", "busy_share", "others_measuring"],
    ),
    "what it started": (noise, "our_processes", ["stolen_share", "others_share", "busy_share", "others_measuring"]),
    "switches": (noise, "_switches_by_others", ["involuntary_switches"]),
    "the quota": (noise, "throttled_ms", ["throttled_ms"]),
}


@pytest.mark.clock
@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_cannot_be_read_leaves_its_figures_unknown_and_all_others_known(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, figures = SOURCES[source]
    monkeypatch.setattr(module, name, unreadable)
    ledger = NoiseWatch().stop()
    known = asdict(ledger)
    assert [figure for figure in known if known[figure] is None and figure in figures] == figures
    assert ledger.spin_after_ns > 0
    assert ledger.sentence != "quiet machine"


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("made_up", ["missing", "empty", "garbage", "folder"])
def test_a_proc_stat_of_any_kind_ends_no_measurement(
    made_up: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    if made_up == "folder":
        stat.mkdir()
    elif made_up != "missing":
        stat.write_bytes(b"" if made_up == "empty" else b"cpu x y\xff\n")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert told(read_cpu_use, None) is None


@pytest.mark.parametrize("change", [{"others_share": 0.5, "busy_share": 0.6}, {"others_share": 0.2, "busy_share": 1.0}])
def test_others_that_leave_cpus_free_or_use_little_disturb_nothing(change: dict[str, float]) -> None:
    assert not replace(QUIET, **change).noisy  # type: ignore[arg-type]


@pytest.mark.parametrize(("taken", "by_others"), [(1_000, 0), (5_000, 3_300)])
def test_what_wakes_of_ours_do_not_explain_was_done_by_others(
    taken: int, by_others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    counted = {resource.RUSAGE_SELF: [0, 0], resource.RUSAGE_CHILDREN: [0, 0]}
    children: list[Any] = []
    monkeypatch.setattr(
        resource, "getrusage", lambda of: SimpleNamespace(ru_nivcsw=counted[of][0], ru_nvcsw=counted[of][1])
    )
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: children)
    watch = NoiseWatch()
    counted |= {resource.RUSAGE_SELF: [taken, 900], resource.RUSAGE_CHILDREN: [70, 500]}
    children.append(SimpleNamespace(num_ctx_switches=lambda: SimpleNamespace(voluntary=300)))
    children.append(SimpleNamespace(num_ctx_switches=unreadable))
    assert watch.stop().involuntary_switches == by_others


@pytest.mark.clock
def test_a_process_of_ours_that_takes_our_cpu_makes_no_run_noisy() -> None:
    with between_processes() as switch:
        watch = NoiseWatch()
        for _ in range(5_000):
            switch()
        ledger = watch.stop()
    assert (ledger.involuntary_switches or 0) < 1_000


@pytest.mark.clock
def test_a_real_watch_measures_wall_and_cpu_time() -> None:
    watch = NoiseWatch()
    total = sum(range(300_000))
    ledger = watch.stop()
    assert total and 0 < ledger.cpu_s <= 10 * ledger.wall_s
    assert ledger.spin_before_ns > 0 and ledger.spin_after_ns > 0 and ledger.resolution_ns > 0
