"""The rungs of the ladder."""

from __future__ import annotations

from statistics import median
from time import perf_counter_ns

import psutil
import pytest
from relations import two_of_three

from perflab.systems.operations import rungs
from perflab.systems.operations.rungs import RUNGS, Rung


def one_ns(rung: Rung, calls: int = 7) -> float:
    times = []
    with rung.ready() as operation:
        operation()
        for _ in range(calls):
            started = perf_counter_ns()
            operation()
            times.append(perf_counter_ns() - started)
    return median(times) / rung.per_call


@pytest.mark.clock
@pytest.mark.parametrize("name", RUNGS)
def test_each_rung_is_measured_and_leaves_no_process(name: str) -> None:
    before = {child.pid for child in psutil.Process().children()}
    assert one_ns(RUNGS[name], 3) > 0
    assert {child.pid for child in psutil.Process().children()} == before


@pytest.mark.parametrize("name", RUNGS)
def test_what_is_quoted_has_a_range_and_a_source(name: str) -> None:
    rung = RUNGS[name]
    assert (rung.quoted_ns is None) == (rung.source == "")
    assert rung.quoted_ns is None or 0 < rung.quoted_ns[0] <= rung.quoted_ns[1]
    assert rung.is_mean == (rung.per_call > 1)
    assert rung.caveat() is None or str(rung.caveat()).endswith(".")


@pytest.mark.clock
def test_far_apart_rungs_come_in_order() -> None:
    order = ["Python: one pass of an empty loop", "system call", "round trip, loopback", "process start"]
    two_of_three(
        lambda: [one_ns(RUNGS[name], 15) for name in order],
        lambda times: times == sorted(times) and times[-1] > 1_000 * times[0],
        "in order",
    )


@pytest.mark.clock
def test_where_the_small_program_is_missing_python_is_started_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rungs, "PROGRAM", "perflab-no-such-program")
    assert "Python interpreter" in str(RUNGS["process start"].caveat())
    with rungs.process_start() as start:
        assert start().returncode == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("quoted_ns", "text"), [((105, 105), "105 ns"), ((4.3e3, 4.3e3), "4.3 µs"), ((5e6, 20e6), "5.0–20 ms"), (None, "")]
)
def test_a_single_quoted_number_is_not_called_a_range(quoted_ns: tuple[float, float] | None, text: str) -> None:
    assert Rung(rungs.interpreter_step, 1, quoted_ns).quote == text


def test_a_loopback_and_a_commit_are_not_compared_with_what_is_quoted_for_other_things() -> None:
    assert RUNGS[rungs.LOOPBACK].quoted_ns is None and RUNGS["SQLite commit"].quoted_ns is None
