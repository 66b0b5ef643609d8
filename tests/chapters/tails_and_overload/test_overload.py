"""The lab on overload: its model, its words on a virtual clock, and disciplines that differ on a real server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three
from tail_records import overload_record
from turns import side_by_side

from perflab.chapters.tails_and_overload import overload, own_rules
from perflab.chapters.tails_and_overload import overload_model as model
from perflab.chapters.tails_and_overload import overload_outcomes as became_of
from perflab.chapters.tails_and_overload.overload_model import (
    CAPACITY,
    CONSTANT,
    DISCIPLINES,
    DROP_HOPELESS,
    DROP_LATE,
    EXPONENTIAL,
    FIFO,
    LIFO,
    LIKE_CODEL,
    LOADS,
    LONG_QUEUE,
    RUN_S,
    SHORT_QUEUE,
    SHORTEST_FIRST,
)
from perflab.chapters.tails_and_overload.overload_outcomes import goodput
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput
from perflab.measure.schedule import poisson
from perflab.theory.overload import from_empty, goodput_first_come

LAB = overload.lab()
START = LAB.check({})
LOSSLESS = (SHORT_QUEUE, DROP_HOPELESS, LIFO, LIKE_CODEL)


def share(discipline: str, load: float, kind: str = CONSTANT, deadline: int = 80) -> float:
    """Goodput in the model, over the capacity."""
    return float(LAB.predict(load, discipline, deadline, kind).goodput[LOADS.index(load)]) / CAPACITY  # type: ignore[misc]


@pytest.mark.parametrize("discipline", LOSSLESS)
@pytest.mark.parametrize("load", [1.5, 2.0, 3.0])
def test_four_ways_answer_in_time_nearly_what_the_server_can_do(discipline: str, load: float) -> None:
    assert share(discipline, load) > 0.93 and share(discipline, load, EXPONENTIAL) > 0.85


@pytest.mark.parametrize("load", [1.5, 2.0, 3.0])
def test_two_ways_collapse_as_the_formulas_say(load: float) -> None:
    first_come = goodput_first_come(load, 0.080, 0.004, RUN_S)
    assert share(FIFO, load) == pytest.approx(first_come, rel=0.2) and first_come < 0.12
    for kind in (CONSTANT, EXPONENTIAL):
        closed = model.long_run(DROP_LATE, kind, 80)
        assert closed is not None
        assert share(DROP_LATE, load, kind) == pytest.approx(from_empty(load, 0.080, RUN_S, closed(load)), rel=0.25)


@pytest.mark.parametrize("deadline", [40, 80, 120])
def test_a_bounded_queue_that_is_longer_than_the_deadline_helps_nobody(deadline: int) -> None:
    """Each request that finds the last place waits for twice the deadline."""
    assert (
        in_a_long_run(2.0, LONG_QUEUE, CONSTANT, deadline)
        == 0
        < 0.9
        < in_a_long_run(2.0, SHORT_QUEUE, CONSTANT, deadline)
    )
    assert share(LONG_QUEUE, 2.0, deadline=deadline) < 0.2


def in_a_long_run(load: float, discipline: str, kind: str, deadline: int, seconds: float = 40.0) -> float:
    """Goodput over the capacity, from when the queue is what it will be."""
    arrivals = poisson(load * CAPACITY, seconds, 1) / 1e9
    took = model.service_us(kind, arrivals.size, 1) / 1e6
    run = model.simulated(arrivals, took, discipline, deadline / 1e3, until_s=seconds)
    in_time = (run.departures - arrivals <= deadline / 1e3) & (run.departures <= seconds)
    return np.count_nonzero(in_time & (arrivals > seconds / 4)) / (0.75 * seconds * CAPACITY)


@pytest.mark.parametrize("kind", model.KINDS)
@pytest.mark.parametrize("discipline", model.DISCIPLINES)
def test_the_long_run_is_told_only_for_deadlines_at_which_long_runs_come_near_it(discipline: str, kind: str) -> None:
    for deadline in LAB.controls["deadline"].values:
        if (closed := model.long_run(discipline, kind, deadline)) is not None:
            found = [in_a_long_run(load, discipline, kind, deadline) for load in (0.75, 1.5, 2.0, 3.0)]
            assert found == pytest.approx([closed(load) for load in (0.75, 1.5, 2.0, 3.0)], rel=0.08, abs=0.02), (
                deadline
            )
    assert model.long_run(discipline, kind, 20) is None and not LAB.predict(2.0, discipline, 20, kind).loads.size  # type: ignore[misc]


@pytest.mark.parametrize("kind", model.KINDS)
def test_codel_wastes_much_of_the_capacity_where_the_deadline_is_short(kind: str) -> None:
    assert max(share(LIKE_CODEL, load, kind, 20) for load in (1.5, 2.0)) < 0.7 < share(LIKE_CODEL, 2.0, kind, 40) < 0.93
    assert [model.long_run(LIKE_CODEL, kind, deadline) is None for deadline in (40, 60, 80, 200)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("kind", model.KINDS)
@pytest.mark.parametrize("discipline", model.DISCIPLINES)
def test_the_quick_simulation_answers_the_very_requests_that_the_general_one_does(discipline: str, kind: str) -> None:
    places = model.rules(discipline, 80)["places"]
    for load in (0.75, 2.0):
        arrivals, services = model.requests(load, kind, 4)
        quick = model.simulated(arrivals, services, discipline, 0.08)
        general = model.simulated(arrivals, services, discipline, 0.08, lambda queued, *_: queued < places)
        assert np.array_equal(quick.lost, general.lost)
        assert quick.starts == pytest.approx(general.starts, nan_ok=True, rel=1e-9)


def test_the_shortest_first_answers_more_than_the_capacity_where_services_differ_and_collapses_where_they_do_not() -> (
    None
):
    assert share(SHORTEST_FIRST, 2.0, EXPONENTIAL) > 1.3
    assert share(SHORTEST_FIRST, 2.0) == share(FIFO, 2.0)


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_a_server_that_keeps_up_answers_all_in_time_whatever_it_does(discipline: str) -> None:
    assert share(discipline, 0.5) == pytest.approx(0.5, rel=0.1) == share(FIFO, 0.5)
    assert LAB.predict(0.5, discipline, 80, CONSTANT) is LAB.predict(3.0, discipline, 80, CONSTANT)  # type: ignore[misc]


@pytest.mark.parametrize("discipline", DISCIPLINES)
@pytest.mark.parametrize("kind", [CONSTANT, EXPONENTIAL])
@pytest.mark.parametrize("load", [0.75, 2.0])
def test_the_real_decisions_and_the_simulation_agree_request_for_request(
    discipline: str, kind: str, load: float
) -> None:
    run = overload_record(discipline=discipline, services=kind, offered=load)
    assert model.replayed_per_s(run) == goodput(run)


def test_a_learners_rule_decides_in_the_model() -> None:
    none = LAB.predict(**START, may_queue=lambda queued, service_s, deadline_s: False)  # type: ignore[misc]
    assert not none.loads.size and none.goodput[-1] < CAPACITY
    asked: list[tuple[int, float, float]] = []

    def may_queue(queued: int, service_s: float, deadline_s: float) -> bool:
        asked.append((queued, service_s, deadline_s))
        return queued < 10

    own = LAB.predict(**START, may_queue=may_queue)  # type: ignore[misc]
    assert own.goodput.tolist() == LAB.predict(**{**START, "discipline": SHORT_QUEUE}).goodput.tolist()  # type: ignore[misc]
    assert asked[0] == (0, 0.004, 0.08)
    with pytest.raises(BadInput, match="must return True or False"):
        LAB.predict(**START, may_queue=lambda *_: None)  # type: ignore[misc]


def test_each_request_is_in_one_part() -> None:
    for discipline in DISCIPLINES:
        run = overload_record(discipline=discipline)
        _, times, became = became_of.outcomes(run)
        number = np.bincount(became, minlength=5)
        assert number.sum() == run.column("arrived_s").size
        assert number[became_of.REJECTED] == run.count("rejected") == np.isnan(times).sum()
        assert number[became_of.IN_TIME] + number[became_of.TOO_LATE] == run.count("calls")
        assert number[became_of.OVERDUE] + number[became_of.OPEN] == run.fact("in_flight")
        assert (
            times[became == became_of.OVERDUE].min(initial=np.inf)
            > 80e6
            >= times[became == became_of.OPEN].max(initial=0)
        )


def test_what_waits_too_long_counts_as_late_though_it_was_never_answered() -> None:
    good, late, rejected = became_of.parts(overload_record(discipline=LIFO))
    assert good > 450 and late > 400 and rejected == 0


def test_the_words_tell_what_became_of_the_offered_load() -> None:
    run = overload_record(discipline=DROP_LATE)
    good, late, rejected = became_of.per_s(run)
    said = LAB.verdict(run, None).text
    assert f"{good:.0f} of 500 requests/s were answered within 80 ms" in said and "of the capacity of 250/s" in said
    assert f" {late:.0f}/s were answered later or still wait. {rejected:.0f}/s were rejected or dropped." in said
    assert "rejected" not in LAB.verdict(overload_record(discipline=FIFO), None).text
    assert LAB.found(run, None).startswith(f"At 2 × capacity, “drop the late” answers {good:.0f} requests/s in time: ")
    assert "500 requests/s at one worker, which takes exactly 4 ms" in LAB.scenario(START)  # type: ignore[misc]
    assert "on average" in LAB.scenario({**START, "services": EXPONENTIAL})  # type: ignore[misc]


def test_the_pinned_run_is_compared_by_its_goodput() -> None:
    short, dropping = side_by_side(overload_record(discipline=SHORT_QUEUE), overload_record(discipline=DROP_LATE))
    found = LAB.verdict_of(short, dropping)
    assert found.kind == "clear" and "in time; this run has 3." in found.text
    assert "“drop the late” answers" in LAB.found(short, dropping) and "“short queue”" in LAB.found(short, dropping)


def test_a_pinned_run_that_answered_hardly_any_in_time_is_told_and_not_compared() -> None:
    short = overload_record(discipline=SHORT_QUEUE)
    told, kind = became_of.compare(short, replace(short, frame=Frame(facts={"elapsed_s": 2.0})))
    assert (told, kind) == ("Pinned run: 0/s in time.", "")


@pytest.mark.parametrize("other", [{"offered": 0.75}, {"deadline": 20}, {"services": EXPONENTIAL}])
def test_runs_that_differ_in_more_than_the_discipline_are_not_compared_in_the_headline(other: dict[str, Any]) -> None:
    pair = side_by_side(overload_record(discipline=LIFO), overload_record(discipline=FIFO, **other))
    assert LAB.found(*pair).startswith("At 2 × capacity, “LIFO” answers ")


def test_a_generator_that_is_late_by_a_fifth_of_the_deadline_says_nothing() -> None:
    run = overload_record()
    late = np.full(run.column("arrived_s").size, 17_000_000)
    slow = replace(run, frame=Frame({**run.frame.samples, "lateness_ns": late}, run.frame.counts, run.frame.facts))
    assert LAB.verdict(slow, None).kind == "invalid" and LAB.found(slow, None) == ""
    assert LAB.verdict(replace(slow, parameters={**START, "deadline": 120}), None).kind == ""


def test_a_run_that_has_just_begun_can_be_shown() -> None:
    frame = Frame(
        {name: column[:0] for name, column in overload_record().frame.samples.items()}, {}, {"elapsed_s": 0.0}
    )
    empty = Record("overload", START, 1, "", frame)
    assert LAB.verdict(empty, None).kind == "invalid"
    assert np.isnan(goodput(empty)) and became_of.parts(empty).tolist() == [0, 0, 0]


def test_the_charts_show_it() -> None:
    run, pinned = overload_record(discipline=DROP_LATE), overload_record(discipline=LIFO, offered=3.0)
    short = {**START, "discipline": SHORT_QUEUE, "deadline": 120}
    check_shows_all_and_can_be_emptied(LAB.charts[0], run, pinned, short, LAB.predict(**short))  # type: ignore[misc,arg-type]
    chart, artists = drawn(LAB.charts[1])  # type: ignore[arg-type]
    chart.show_run(run, (run,))
    counted = {name: len(points(artists[name])) for name in ("in time", "late", "rejected", "no answer yet")}
    assert [*counted.values()] == np.bincount(became_of.outcomes(run)[2], minlength=5)[:4].tolist()


def outcome(dropping: Record, short: Record) -> Any:
    return LAB.prediction.outcome(side_by_side(dropping, short), LAB.check)  # type: ignore[union-attr]


def test_the_question_is_settled_whatever_was_found() -> None:
    dropping, short = overload_record(discipline=DROP_LATE), overload_record(discipline=SHORT_QUEUE)
    found = outcome(dropping, short)
    assert found.choice == overload.EARLY and "/s in time by dropping" in found.measured
    assert_each_comment_fits(overload.PREDICTION, found)
    swapped = [replace(run, parameters=other.parameters) for run, other in ((short, dropping), (dropping, short))]
    assert outcome(*swapped).choice == overload.DROPPING
    same = [short, replace(short, seed=2)]
    assert outcome(replace(same[0], parameters=dropping.parameters), same[1]).choice == overload.SAME
    cut = replace(short, frame=Frame(short.frame.samples, short.frame.counts, {**short.frame.facts, "elapsed_s": 1.0}))
    assert outcome(dropping, cut) is None


@pytest.mark.clock
def test_on_a_real_server_a_short_queue_answers_more_than_twice_as_many_in_time() -> None:
    def pair() -> tuple[float, float]:
        dropping, short = corpus.click("tails_and_overload.overload").records if not seen else again()
        seen.append(1)
        return goodput(dropping), goodput(short)

    def again() -> tuple[Record, ...]:
        return measured_together(LAB, *overload.PREDICTION.runs, budget_s=1.0)

    seen: list[int] = []
    two_of_three(pair, lambda found: found[1] > 2 * found[0], "more in time")


@pytest.mark.clock
def test_on_a_real_server_lifo_and_codel_answer_more_than_twice_as_many_in_time_as_fifo() -> None:
    def goodputs() -> list[float]:
        runs = measured_together(LAB, *({"discipline": name} for name in (FIFO, LIFO, LIKE_CODEL)), budget_s=1.0)
        return [goodput(run) for run in runs]

    two_of_three(goodputs, lambda found: min(found[1:]) > 2 * found[0], "more in time")


@pytest.mark.parametrize(
    ("rank", "discipline"),
    [
        (lambda number, _: number, FIFO),
        (lambda number, _: -number, LIFO),
        (lambda _, service_s: service_s, SHORTEST_FIRST),
    ],
)
def test_a_learners_discipline_decides_in_the_model(rank: Any, discipline: str) -> None:
    chosen = {**START, "services": EXPONENTIAL}
    own = own_rules.lab_with(rank=rank).model({**chosen, "discipline": FIFO})
    assert own.goodput.tolist() == LAB.model({**chosen, "discipline": discipline}).goodput.tolist()
    assert not own.loads.size, "there is no closed form for it"


def test_a_discipline_of_a_learner_asks_about_those_that_wait_and_its_nonsense_is_said() -> None:
    asked: list[tuple[int, float]] = []

    def rank(number: int, service_s: float) -> float:
        asked.append((number, service_s))
        return 0.0

    arrivals, services = np.array([0.0, 0.001, 0.002, 0.1]), np.array([0.004, 0.003, 0.002, 0.001])
    model.simulated(arrivals, services, FIFO, 0.08, rank=rank)
    assert asked == [(0, 0.003), (1, 0.002)]
    with pytest.raises(BadInput, match="The discipline must return a number; it returned None"):
        model.simulated(arrivals, services, FIFO, 0.08, rank=lambda *_: None)  # type: ignore[arg-type, return-value]


def test_the_headline_does_not_take_a_learners_rule_for_the_discipline() -> None:
    lab = own_rules.lab_with(rank=lambda number, service_s: -number)
    said = lab.found(overload_record(discipline=FIFO), None)
    assert said.startswith("At 2 × capacity, “FIFO” with your rule answers ")


@pytest.mark.clock
def test_a_learners_discipline_decides_in_the_real_server() -> None:
    lab = own_rules.lab_with(rank=lambda number, service_s: -number)
    (run,) = measured_together(lab, {"discipline": FIFO}, budget_s=0.6)
    in_order = np.argsort(run.column("arrived_ns"))
    arrived, starts = run.column("arrived_ns")[in_order], run.column("started_ns")[in_order]
    waited = starts > arrived
    assert waited.sum() > 20
    assert np.any(np.diff(starts[waited]) < 0), "the newest one is served first"


@pytest.mark.clock
def test_a_learners_rule_decides_in_the_real_server() -> None:
    lab = own_rules.lab_with(may_queue=lambda queued, service_s, deadline_s: False)
    (run,) = measured_together(lab, {}, budget_s=0.3)
    assert run.count("rejected") > 20
    assert np.all(run.column("started_ns") == run.column("arrived_ns")), "no request waits"
