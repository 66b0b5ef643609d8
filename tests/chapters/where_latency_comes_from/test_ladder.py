"""The ladder lab."""

from __future__ import annotations

import os
from contextlib import closing

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import constants_of, measure
from relations import assert_more
from turns import side_by_side

from perflab.chapters.where_latency_comes_from import ladder, ladder_model
from perflab.chapters.where_latency_comes_from.ladder import ROWS
from perflab.lab.prediction import Outcome
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.systems.machine.handover import can_pin
from perflab.systems.operations import rungs
from perflab.systems.operations.rungs import FLOOR, FSYNC, PARTS, RUNGS, YOURS, rungs_of

VERDICT = ladder.lab().verdict


@pytest.mark.process
@pytest.mark.skipif(not can_pin(), reason="this system does not let us choose CPUs")
def test_no_rung_keeps_the_others_on_one_cpu() -> None:
    allowed, found = os.sched_getaffinity(0), []
    with closing(ladder.experiment("system", 16_000)) as frames:  # type: ignore[type-var]
        for _ in range(12):
            next(frames)
            found.append(os.sched_getaffinity(0))
    assert found == 12 * [allowed]


CONSTANTS = {"cache": 1_000_000, "inside_ns": 10.0, "outside_ns": 110.0}


def record(frame: Frame, working_set: int = 10_000_000) -> Record:
    return Record("ladder", {"part": "all", "working_set": working_set}, 1, "", frame, 2.0, "complete")


def of(**medians_ns: float) -> Frame:
    named = {"yours": YOURS, "disk": "append 4 kB + fsync", "floor": FLOOR, "start": "process start"}
    samples = {f"{named[short]}_ns": np.full(50, value) for short, value in medians_ns.items()}
    return Frame(samples, {"calls": 50 * len(samples)}, {"caveat of append 4 kB + fsync": "fsync is not durable here."})


def test_all_parts_together_are_the_whole_ladder_in_one_order() -> None:
    assert set(ROWS) == {YOURS, *PARTS["all"]}
    assert set(PARTS["all"]) == {name for part in ("memory", "system", "storage") for name in PARTS[part]}
    assert set(PARTS["all"]) <= set(RUNGS)


@pytest.mark.clock
@pytest.mark.parametrize("part", PARTS)
def test_each_rung_of_a_part_has_its_number_after_the_first_slice(part: str) -> None:
    slices = ladder.experiment(part, 16_000)
    first = next(slices)
    slices.close()  # type: ignore[attr-defined]
    assert set(first.samples) == {f"{name}_ns" for name in rungs_of(part, 16_000)}
    assert all((values > 0).all() for values in first.samples.values())


@pytest.mark.clock
def test_a_read_far_beyond_the_cache_takes_longer_than_one_inside() -> None:
    def read_ns(size: int) -> float:
        return ladder.measured(record(measure(ladder.lab(), 0.7, part="memory", working_set=size)))[YOURS].value

    assert_more(lambda: read_ns(32_000_000), lambda: read_ns(16_000), 1.3, "a read outside the cache")


def test_the_model_climbs_where_the_cache_ends() -> None:
    sizes, reads_ns = ladder.predict("all", 10_000_000, CONSTANTS)
    assert np.interp(500_000, sizes, reads_ns) == pytest.approx(10)
    assert np.interp(64_000_000, sizes, reads_ns) == pytest.approx(110, rel=0.03)


def test_what_is_quoted_is_drawn_in_the_rows_of_the_part_and_wide_enough_to_be_seen() -> None:
    x, y = (np.reshape(each, (-1, 3)) for each in ladder.quoted({"part": "all"}))
    drawn = {ROWS[int(row)]: (low, high) for (low, high, _), (row, *_) in zip(x, y, strict=True)}
    assert drawn[FSYNC] == pytest.approx((5e6 / 1.08, 20e6 * 1.08))
    assert all(high > 1.1 * low for low, high in drawn.values())
    assert ROWS.index(FSYNC) not in ladder.quoted({"part": "memory"})[1]


@pytest.mark.clock
def test_this_machine_can_be_calibrated() -> None:
    constants = constants_of(ladder.lab())
    assert constants is not None
    assert constants["outside_ns"] >= constants["inside_ns"] > 0


def test_the_verdict_spans_the_ladder_in_seconds_that_people_know() -> None:
    text = VERDICT(record(of(floor=10.0, start=8.64e5)), None).text
    assert "factor of 86,000" in text
    assert "10 seconds and 10 days" in text
    assert VERDICT(record(Frame()), None).kind == "invalid"


def test_a_number_that_is_not_what_it_promises_says_so_in_the_table() -> None:
    rows = ladder.table(record(of(disk=500.0, yours=90.0)), None)
    assert any("fsync is not durable here." in row[-1] for row in rows)
    assert any(row[0] == YOURS and row[-1].startswith("Each value is the mean of 2,000.") for row in rows)


def test_the_verdict_names_what_is_farthest_from_its_quote_and_why() -> None:
    text = VERDICT(record(of(floor=10.0, disk=5_000.0)), None).text
    assert "Farthest from its quote (5.0–20 ms): append 4 kB + fsync, 5.0 µs, 1,000 times as quick." in text
    assert text.endswith("fsync is not durable here.")
    slow = VERDICT(record(of(floor=10.0, disk=2e8)), None).text
    assert "10 times as long." in slow


def test_what_lies_within_its_quote_or_below_python_is_not_called_far_off() -> None:
    small = Frame({"memory, 16 kB in use_ns": np.full(50, 30.0)})
    assert "Farthest" not in VERDICT(record(merge([of(floor=10.0, disk=1e7), small])), None).text


@pytest.mark.parametrize(("is_told", "says_so"), [(True, False), (False, True)])
def test_a_cache_that_the_system_does_not_tell_is_said_to_be_typical(
    is_told: bool, says_so: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rungs, "private_cache_bytes", lambda: (1_000_000, is_told))
    assert ("typical" in str(rungs.working_set_caveat())) == says_so


def test_the_bend_of_the_model_lies_where_the_cache_ends() -> None:
    sizes, reads_ns = ladder.predict("all", 10_000_000, CONSTANTS)
    assert CONSTANTS["cache"] in sizes
    assert reads_ns[sizes <= CONSTANTS["cache"]] == pytest.approx(10)


OUTCOMES = {
    "×100": (1e4, "No drive is so quick"),
    "×1,000": (2e5, "a cache of its own"),
    "×10,000": (9e5, "really writes"),
    "×100,000": (8e6, "a disk that turns"),
    "×1,000,000": (9e7, "waits in a queue"),
}


def settled(*records: Record) -> Outcome | None:
    return ladder.PREDICTION.outcome(records, ladder.lab().check)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("answer", [*ladder.PREDICTION.choices, None])
def test_each_outcome_has_a_comment_that_fits_it(outcome: str, answer: str | None) -> None:
    disk_ns, reason = OUTCOMES[outcome]
    found = settled(record(of(yours=100.0, disk=disk_ns), 50_000_000))
    assert found is not None and found.choice == outcome
    comment = ladder.PREDICTION.comment(answer, found)
    assert reason in comment and found.measured in comment
    assert ("agrees" in comment) == (answer == outcome)


def test_an_interval_that_spans_two_choices_settles_nothing() -> None:
    wide = record(of(yours=100.0, disk=3e5), 50_000_000)
    wide.frame.samples[f"{ladder.FSYNC}_ns"] = np.geomspace(1.2e5, 9e5, wide.column(f"{ladder.FSYNC}_ns").size)
    assert settled(wide) is None


def test_every_choice_can_be_the_outcome() -> None:
    assert set(OUTCOMES) == set(ladder.PREDICTION.choices)


def test_another_working_set_a_missing_rung_and_too_few_writes_settle_nothing() -> None:
    assert settled(record(of(yours=100.0, disk=2e5), 16_000)) is None
    assert settled(record(of(yours=100.0), 50_000_000)) is None
    few = Frame({f"{YOURS}_ns": np.full(50, 100.0), f"{FSYNC}_ns": np.full(4, 1e6)})
    assert settled(record(few, 50_000_000)) is None


@pytest.mark.long
def test_the_ladder_shows_rungs_quotes_and_pinned_rungs_in_their_rows() -> None:
    chart, first, second = (
        ladder.CHARTS[0],
        record(of(floor=10.0, disk=5e3, yours=80.0)),
        record(of(floor=30.0, disk=1e6)),
    )
    check_shows_all_and_can_be_emptied(chart, first, second, {"part": "all"}, None)
    built, artists = drawn(chart)
    built.show_run(first)
    built.show_pinned(second)
    assert points(artists["measured"]) == [(5e3, ROWS.index("append 4 kB + fsync"))]
    assert points(artists["mean of several"]) == [(10, ROWS.index(FLOOR)), (80, ROWS.index(YOURS))]
    assert points(artists["pinned"]) == [(30, ROWS.index(FLOOR)), (1e6, ROWS.index("append 4 kB + fsync"))]
    assert list(artists["Python's cost"].get_xdata()) == [10, 10]


def test_the_whiskers_hold_the_middle_90_percent() -> None:
    frame = Frame({f"{YOURS}_ns": np.arange(1.0, 102.0)})
    found = ladder.measured(record(frame))[YOURS]
    assert (found.low, found.value, found.high) == pytest.approx((6, 51, 96))


FINDING, LETTERS = ladder_model.finding, 120


def test_the_headline_is_how_many_reads_a_durable_write_takes() -> None:
    said = FINDING(record(of(floor=10.0, yours=110.0, disk=1.2e6)), None)
    assert said == "Appending 4 kB with fsync takes 1.2 ms, as long as 11,000 reads of your working set (110 ns each)."
    assert ladder.lab().found(record(of(floor=10.0, yours=110.0, disk=1.2e6)), None) == said
    longest = FINDING(record(of(floor=10.0, yours=0.111, disk=1.2e9)), None)
    assert longest is not None and len(longest) <= LETTERS


def test_without_such_a_write_the_headline_is_how_far_apart_the_rungs_are() -> None:
    assert FINDING(record(of(floor=10.0, yours=110.0)), None) == (
        "From loop pass of Python (10 ns) to memory, your working set (110 ns): a factor of 11."
    )
    quick = FINDING(record(of(floor=10.0, yours=110.0, disk=115.0)), None)
    assert quick is not None and quick.startswith("From loop pass of Python"), "a write as quick as a read is no lesson"
    for first, last in (("memory, 64 MB, many reads at once", "append 4 kB + fsync"), (FLOOR, "SQLite commit")):
        frame = Frame({f"{first}_ns": np.full(9, 111.1), f"{last}_ns": np.full(9, 999e6)})
        assert len(FINDING(record(frame), None) or "") <= LETTERS


def test_beside_another_working_set_the_headline_is_what_a_read_takes_in_both() -> None:
    small, large = side_by_side(
        record(of(floor=10.0, yours=12.0), 16_000), record(of(floor=10.0, yours=110.0), 64_000_000)
    )
    for pair in ((small, large), (large, small)):
        assert FINDING(*pair) == "A read takes 12 ns with 16 kB in use, and 110 ns with 64 MB."
    same = side_by_side(record(of(floor=10.0, yours=110.0), 50_000_000), large)
    assert (FINDING(*same) or "").endswith("and 110 ns with 64 MB: practically the same.")
    alone = FINDING(large, None)
    assert FINDING(large, side_by_side(record(of(floor=9.0, yours=12.0), 64_000_000))[0]) == alone, "nothing changed"
    assert FINDING(large, side_by_side(record(of(floor=9.0), 16_000))[0]) == alone, "no read in the other run"


def test_a_single_rung_none_and_times_of_0_have_no_headline() -> None:
    for frame in (Frame(), of(floor=10.0), of(floor=0.0, yours=3.0)):
        assert FINDING(record(frame), None) is None


def test_what_a_run_climbs_is_said() -> None:
    said = ladder_model.scenario({"part": "all", "working_set": 64_000_000})
    assert said.startswith(f"{len(ROWS)} operations are timed in turns") and "working set of 64 MB" in said
    assert ladder_model.scenario({"part": "storage", "working_set": 16_000}) == (
        "5 operations are timed in turns, again and again."
    )


def test_no_quote_is_shown_before_the_question_is_answered() -> None:
    assert not ladder.CHARTS[0].follows("setting")
