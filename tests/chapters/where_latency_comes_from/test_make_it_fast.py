"""The lab of the six switches."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn
from labs import measure
from relations import two_of_three

from perflab.chapters.where_latency_comes_from import make_it_fast, make_it_fast_model
from perflab.chapters.where_latency_comes_from.make_it_fast_model import CLOSE, LABELS, OTHER, START, STEPS, stages
from perflab.lab import Chart
from perflab.lab.record import Record
from perflab.measure import Ratio
from perflab.measure.frame import Frame
from perflab.systems.clients.switched_shop import SWITCHES

ALL_ON = dict.fromkeys(STEPS, True)
ALL_OFF = dict.fromkeys(STEPS, False)
CONSTANTS = {
    START: 8e6,
    "pooled": 7e6,
    "index": 6e6,
    "join": 6.5e6,
    "cache": 2e6,
    "tuning": 5e6,
    "closer": 5e6,
    "near hit": 3e5,
}


def record(frame: Frame, **changes: bool) -> Record:
    return Record("make_it_fast", {**ALL_ON, **changes}, 1, "", frame, 8.0, "complete")


def of_medians(**medians_ns: float) -> Frame:
    noise = np.random.default_rng(1).lognormal(0, 0.02, 100)
    labels = {START: medians_ns.pop("start", 8e6), **{STEPS[name]: value for name, value in medians_ns.items()}}
    return Frame({f"{label}_ns": value * noise for label, value in labels.items()}, {"calls": 100 * len(labels)})


def test_each_step_has_one_switch_more_than_the_one_before() -> None:
    assert list(stages(**ALL_ON).values()) == [tuple(STEPS)[:number] for number in range(7)]
    assert stages(**ALL_OFF) == {START: ()}
    assert list(stages(**{**ALL_OFF, "index": True, "closer": True}).values()) == [(), ("index",), ("index", "closer")]
    assert set(STEPS) == set(SWITCHES)


def test_savings_add_up_and_a_hit_leaves_only_the_way() -> None:
    steps = make_it_fast_model.predict(**ALL_ON, constants=CONSTANTS)
    assert [steps[label].value for label in LABELS] == [8e6, 7e6, 6e6, 5.5e6, 2e6, 2e6, 3e5]
    assert [step.value for step in make_it_fast_model.predict(**ALL_OFF, constants=CONSTANTS).values()] == [8e6]


@pytest.mark.clock
def test_every_round_asks_every_step_once_and_the_whole_gets_faster() -> None:
    def gain() -> float:
        frame = measure(make_it_fast.lab(), 1.0)
        columns = [frame.samples[f"{label}_ns"] for label in LABELS]
        assert len({column.size for column in columns}) == 1
        return float(np.median(columns[0]) / np.median(columns[-1]))

    two_of_three(gain, lambda found: found > 2, "all steps together")


@pytest.mark.clock
def test_the_closer_server_makes_a_hit_faster_whatever_the_drive_takes() -> None:
    def gain() -> float:
        frame = measure(make_it_fast.lab(), 1.0, **{**ALL_OFF, "cache": True, "closer": True})
        assert set(frame.samples) == {f"{label}_ns" for label in (START, STEPS["cache"], STEPS["closer"])}
        return make_it_fast.gains(record(frame))[STEPS["closer"]].value

    two_of_three(gain, lambda found: found > 1.2, "a hit from a closer server")


def test_gains_are_told_with_their_interval_and_what_changes_nothing_is_not_called_a_gain() -> None:
    measured = record(of_medians(index=4e6, join=4.0e6))
    gains = make_it_fast.gains(measured)
    assert gains[STEPS["index"]].value == pytest.approx(2, rel=0.02)
    assert gains[STEPS["join"]].verdict == "practically equal"
    verdict = make_it_fast.verdict(measured, None)
    assert "index" in verdict.text and verdict.kind == "clear"


def test_a_p99_of_too_few_requests_says_what_it_needs() -> None:
    rows = make_it_fast.table(record(of_medians(index=4e6)), None)
    assert "p99 needs 368 samples, have 100" in rows[1][3]
    assert not np.isfinite(make_it_fast.steps_of(record(of_medians(index=4e6)), 0.99)[START].high)


def with_greatest(*best: str, noise: float = 0.02) -> Record:
    """Steps of which these gain three times each, and the others a tenth."""
    generator, value, samples = np.random.default_rng(1), 8e6, {}
    for name in ("", *STEPS):
        value /= 3 if name in best else 1.1 if name else 1
        samples[f"{STEPS.get(name, START)}_ns"] = value * generator.lognormal(0, noise, 100)
    return record(Frame(samples, {"calls": 700}))


OUTCOMES = {
    "index": ("index", "The scan of 5,000 rows was the longest part"),
    "cache": ("cache", "A hit spares all queries"),
    "tuning": ("SQLite tuned", "few requests hit the cache"),
    "closer": ("server closer", "the way is what is left"),
    "pooled": (OTHER, "was the longest part here"),
    "join": (OTHER, "was the longest part here"),
    "cache closer": (CLOSE, "One was ahead in some rounds"),
}


@pytest.mark.parametrize("best", OUTCOMES)
@pytest.mark.parametrize("answer", [*make_it_fast.PREDICTION.choices, None])
def test_each_outcome_has_a_comment_that_fits_it(best: str, answer: str | None) -> None:
    choice, reason = OUTCOMES[best]
    found = make_it_fast.PREDICTION.outcome([with_greatest(*best.split())], make_it_fast.lab().check)
    assert found is not None and found.choice == choice
    comment = make_it_fast.PREDICTION.comment(answer, found)
    assert reason in comment and ("agrees" in comment) == (answer == choice)
    assert found.measured.count("×") == 2, "the greatest and the next one"


def test_every_choice_can_be_the_outcome() -> None:
    assert {choice for choice, _ in OUTCOMES.values()} == set(make_it_fast.PREDICTION.choices)


def test_fewer_switches_too_few_rounds_and_too_much_noise_settle_nothing() -> None:
    def settled(run: Record) -> object:
        return make_it_fast.PREDICTION.outcome([run], make_it_fast.lab().check)

    whole = with_greatest("cache").frame
    few = Frame({name: column[:4] for name, column in whole.samples.items()}, {"calls": 28})
    assert settled(record(few)) is None
    assert settled(record(whole, index=False)) is None
    assert settled(with_greatest("cache", "closer", noise=2.0)) is None


def test_a_verdict_has_a_p99_only_of_requests_enough() -> None:
    few, many = with_greatest("cache"), with_greatest("cache").frame
    assert "p99 needs 368 samples, have 100" in make_it_fast.verdict(few, None).text
    enough = Frame({name: np.tile(column, 4) for name, column in many.samples.items()}, {"calls": 2_800})
    assert "p99 from" in make_it_fast.verdict(record(enough), None).text


def test_what_has_become_slower_is_not_called_faster() -> None:
    assert [make_it_fast_model.faster_said(times) for times in (4.0, 0.5)] == ["4.0× faster", "2.0× slower"]


def test_nothing_measured_and_nothing_switched_on_are_said() -> None:
    assert make_it_fast.verdict(record(Frame()), None).kind == "invalid"
    assert "everything off" in make_it_fast.verdict(record(of_medians(), **ALL_OFF), None).text


def test_the_waterfall_leads_from_step_to_step_and_says_what_got_faster_slower_or_neither() -> None:
    steps = record(of_medians(start=8e6, index=2e6, join=2e6, cache=6e6), pooled=False, tuning=False, closer=False)
    built, artists = drawn(make_it_fast.CHARTS[0])
    built.show_run(steps)
    medians = {label: found.value for label, found in make_it_fast.steps_of(steps, 0.5).items()}
    kinds = {"faster": {"+ index": (START, "+ index")}, "slower": {"+ cache": ("+ join, not N+1", "+ cache")}}
    kinds["close"] = {"+ join, not N+1": ("+ index", "+ join, not N+1")}
    for kind, leads in kinds.items():
        begins, ends = make_it_fast.bars(steps, 0.5, kind)
        shown = {LABELS[row]: (begin, ends[row]) for row, begin in enumerate(begins) if np.isfinite(begin)}
        assert shown == {label: (medians[before], medians[after]) for label, (before, after) in leads.items()}
    texts = [artist.get_text() for artist in artists.values() if hasattr(artist, "get_text")]
    assert texts == ["", "", "4.0× faster", "equal", "3.0× slower", "", ""]
    assert make_it_fast.gain_text(Ratio(1.2, 0.8, 1.5)) == "too close"


@pytest.mark.long
@pytest.mark.parametrize("chart", make_it_fast.CHARTS, ids=lambda chart: chart.title)
def test_the_charts_show_steps_model_and_pinned_steps(chart: Chart) -> None:
    first, second = record(of_medians(index=2e6)), record(of_medians(index=3e6, cache=1e6))
    model = make_it_fast_model.predict(**ALL_ON, constants=CONSTANTS)
    check_shows_all_and_can_be_emptied(chart, first, second, ALL_ON, model)


FINDING, LETTERS = make_it_fast_model.finding, 120


def test_the_headline_is_what_all_steps_gain_and_which_gains_most() -> None:
    said = FINDING(with_greatest("cache"), None)
    assert (
        said is not None and said.startswith("p50 from 8.0 ms to 1.") and said.endswith(" faster; most by cache, 3.0×.")
    )
    assert make_it_fast.lab().found(with_greatest("cache"), None) == said
    two = FINDING(with_greatest("cache", "closer"), None)
    assert two is not None and two.endswith(("; most by cache or server closer.", "; most by server closer or cache."))
    longest = FINDING(with_greatest("pooled", "join"), None)
    assert longest is not None and "pooled connections" in longest and len(longest) <= LETTERS


def test_steps_that_gain_nothing_or_cost_are_not_called_gains() -> None:
    slower = FINDING(record(of_medians(index=16e6)), None)
    assert slower == "p50 from 8.0 ms to 16 ms: no single step made it much faster."
    equal = FINDING(record(of_medians(index=8e6)), None)
    assert equal == "p50 from 8.0 ms to 8.0 ms: no single step made it much faster."
    undone = FINDING(record(of_medians(index=4e6, cache=3.2e7)), None)
    assert undone == "p50 from 8.0 ms to 32 ms, 4.0× slower; most by index, 2.0×."
    assert FINDING(record(of_medians(), **ALL_OFF), None) == "With everything off, the median request takes 8.0 ms."


def test_beside_another_setting_the_headline_is_what_the_switch_does() -> None:
    without, with_cache = record(of_medians(index=4e6), cache=False), record(of_medians(index=4e6, cache=5e5))
    assert FINDING(with_cache, without) == (
        "After the last step the p50 is 4.0 ms without “cache”, 500 µs with “cache”."
    )
    assert (FINDING(without, with_cache) or "").endswith("500 µs with “cache”, 4.0 ms without “cache”.")
    same = FINDING(record(of_medians(index=4e6, cache=4e6)), without)
    assert same is not None and same.endswith(": practically equal.")
    other = FINDING(with_cache, record(of_medians(), **ALL_OFF))
    assert other == "After the last step the p50 is 8.0 ms in the pinned run, 500 µs in this one."
    longest = FINDING(record(of_medians(pooled=7.99e8, start=8e8)), record(of_medians(start=8e8), pooled=False))
    assert longest is not None and "“pooled connections”" in longest and len(longest) <= LETTERS


def test_too_few_rounds_and_no_times_have_no_headline() -> None:
    assert FINDING(record(Frame()), None) is None
    few = Frame({name: column[:4] for name, column in with_greatest("cache").frame.samples.items()}, {"calls": 28})
    assert FINDING(record(few), None) is None
    assert FINDING(record(of_medians(index=0.0)), None) is None


def test_what_a_run_does_is_said() -> None:
    all_on, one, none = (make_it_fast_model.scenario({**ALL_OFF, **on}) for on in (ALL_ON, {"cache": True}, {}))
    assert all_on == (
        "Again and again, one product is asked for with everything off, and after each of 6 improvements, which are switched on "
        "one after the other."
    )
    assert one.endswith("with everything off, and with one improvement switched on.")
    assert none == "Again and again, one product is asked for with everything off."
