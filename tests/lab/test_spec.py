"""The description of a lab: which runs can be trusted, and what a policy is handed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cloudpickle
import numpy as np
import pytest

from perflab.lab.controls import log_slider
from perflab.lab.display import Words
from perflab.lab.prediction import DOUBTFUL as NOT_SETTLED
from perflab.lab.prediction import UNDECIDED, UNMEASURED, Answer, Outcome, Prediction
from perflab.lab.record import Record
from perflab.lab.results import Results
from perflab.lab.spec import ALONE, APART, LabSpec
from perflab.lab.verdict import INVALID, NOISY, Verdict, percentile_of, table_of, verdict_of
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger

LOUD = NoiseLedger(1e6, 3e6, 1.0, 1.0, 0, 0.0, 0.0, 1.0)


def experiment(rows: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.full(500, 100.0 * rows)})


def refused(record: Record) -> Verdict | None:
    return Verdict("The generator was too slow.", INVALID) if record.fact("late") else None


def make_lab(**changes: Any) -> LabSpec:
    parts: dict[str, Any] = {
        "question": "?",
        "experiment": experiment,
        "controls": {"rows": log_slider(1, 1_000, 10)},
        "charts": (),
        "verdict": verdict_of(lambda record: "Measured.", refused, compare=percentile_of()),
    }
    return LabSpec(**{**parts, **changes})


def record(rows: int = 10, late: bool = False, **changes: Any) -> Record:
    latencies = np.random.default_rng(rows).lognormal(np.log(100 * rows), 0.1, 2_000)
    frame = Frame({"latency_ns": latencies}, facts={"late": late})
    sizes = {"latency_ns": (100,) * 20}
    return replace(Record("any", {"rows": rows}, 1, "", frame, 2.0, "complete", turns="a", sizes=sizes), **changes)


SOUND = record()
NOISY_RUN, LATE, FAILED = record(20, noise=LOUD), record(20, late=True), record(20, status="failed")
DOUBTFUL = pytest.mark.parametrize("doubtful", [NOISY_RUN, LATE, FAILED], ids=["noisy", "invalid", "failed"])


@DOUBTFUL
def test_a_noisy_invalid_or_failed_run_cannot_be_trusted(doubtful: Record) -> None:
    lab = make_lab()
    assert lab.can_be_trusted(SOUND)
    assert lab.can_be_trusted(record(status="stopped")), "stopping a run does not spoil it"
    assert not lab.can_be_trusted(doubtful)


@DOUBTFUL
def test_it_is_compared_with_nothing_and_nothing_with_it(doubtful: Record) -> None:
    lab = make_lab()
    assert "above the pinned run" in lab.verdict_of(record(20), SOUND).text
    for run, pinned in ((doubtful, SOUND), (SOUND, doubtful)):
        verdict = lab.verdict_of(run, pinned)
        assert verdict.text.endswith(ALONE)
        assert "×" not in verdict.text and verdict.kind == lab.verdict_of(run, None).kind
    assert lab.verdict_of(SOUND, doubtful).kind == ""


def test_runs_that_were_not_measured_in_turns_are_not_compared_whatever_their_numbers() -> None:
    lab = make_lab()
    for turns in ("", "b"):
        verdict = lab.verdict_of(record(20, turns=turns), SOUND)
        assert verdict.text == f"Measured. {APART}" and verdict.kind == ""


@DOUBTFUL
def test_a_run_that_is_pinned_itself_or_stands_alone_is_not_said_to_be_compared_with_nothing(doubtful: Record) -> None:
    lab = make_lab()
    for pinned in (None, doubtful):
        assert ALONE not in lab.verdict_of(doubtful, pinned).text
    assert lab.verdict_of(NOISY_RUN, None).kind == NOISY
    assert lab.verdict_of(LATE, None).kind == INVALID
    assert lab.verdict_of(FAILED, None).kind == INVALID


def rows_of(run: Record) -> Outcome | None:
    return None if run.fact("undecided") else Outcome(f"{run.parameters['rows']} rows", f"{run.seed} rows counted")


ASKED = Prediction(
    "?", {"10 rows": Answer("Not few.", "Few."), "20 rows": Answer("Not many.", "Many.")}, ({"rows": 20},), rows_of
)


def answered(answer: str | None, *records: Record) -> str:
    results = Results(make_lab(prediction=ASKED))
    results.ask(answer)
    for each in records:
        results.add(each)
    return results.words(results.records[-1]).comment


@DOUBTFUL
def test_it_settles_no_prediction(doubtful: Record) -> None:
    assert (
        answered("10 rows", doubtful) == f"You predicted 10 rows. {UNMEASURED if doubtful is FAILED else NOT_SETTLED}"
    )
    assert answered(None, doubtful) == (UNMEASURED if doubtful is FAILED else NOT_SETTLED)


@DOUBTFUL
def test_what_is_counted_is_settled_by_a_noisy_run_but_by_no_other_that_is_doubtful(doubtful: Record) -> None:
    lab = make_lab(prediction=replace(ASKED, counted=True))
    assert lab.may_settle(SOUND) and lab.may_settle(doubtful) == (doubtful is NOISY_RUN)
    assert not make_lab(prediction=ASKED).may_settle(doubtful) and not make_lab().may_settle(doubtful)
    results = Results(lab)
    results.ask(None)
    results.add(doubtful)
    assert ("the answer is 20 rows" in results.words(doubtful).comment) == (doubtful is NOISY_RUN)
    settled = answered("10 rows", record(20), doubtful)
    assert settled.startswith("You predicted 10 rows. Not few."), "what is settled stays so"


def test_a_run_that_cannot_tell_says_so_and_one_of_other_settings_nothing() -> None:
    undecided = replace(record(20), frame=Frame({"latency_ns": np.arange(9.0)}, facts={"undecided": True}))
    assert answered("10 rows", undecided) == f"You predicted 10 rows. {UNDECIDED}"
    assert answered("10 rows", record(10)) == f"You predicted 10 rows. {UNMEASURED}"


def test_a_prediction_that_is_settled_stays_so_when_its_run_is_long_past_and_until_another_run_says_otherwise() -> None:
    results = Results(make_lab(prediction=ASKED))
    assert results.ask("20 rows") == {"rows": 20}
    results.add(record(20))
    assert "agrees: 1 rows counted. Many." in results.words(results.records[-1]).comment
    for _ in range(30):
        results.add(record(10))
    assert "agrees: 1 rows counted. Many." in results.words(results.records[-1]).comment
    results.add(record(20, seed=7))
    assert "agrees: 7 rows counted. Many." in results.words(results.records[-1]).comment
    results.clear()
    results.add(record(10))
    assert results.words(results.records[-1]).comment == f"You predicted 20 rows. {UNMEASURED}"


def test_before_the_question_is_answered_nothing_is_said_of_it() -> None:
    results = Results(make_lab(prediction=ASKED))
    results.add(record(20))
    assert results.words(results.records[-1]).comment == ""


def test_of_two_settings_in_question_the_first_is_pinned_until_the_learner_goes_on() -> None:
    results = Results(make_lab(prediction=replace(ASKED, runs=({"rows": 10}, {"rows": 20}))))
    assert results.ask(None) == {"rows": 20}
    assert results.pinned is not None and results.pinned.parameters == {"rows": 10}
    assert results.unpin_question() and results.pinned is None
    assert not results.unpin_question()
    results.add(SOUND)
    results.pin()
    assert not results.unpin_question() and results.pinned is SOUND, "what the learner pinned stays"


def test_whether_a_run_can_be_trusted_is_found_out_once() -> None:
    asked = []

    def verdict(record: Record, pinned: Record | None) -> Verdict:
        asked.append(record)
        return Verdict("Measured.")

    lab = make_lab(verdict=verdict)
    assert [lab.can_be_trusted(SOUND) for _ in range(3)] == [True] * 3
    assert asked == [SOUND]


def test_words_hold_the_results_and_apart_from_them_how_far_they_can_be_trusted() -> None:
    results = Results(make_lab(trust=table_of(("lateness", lambda run: "1 ms"))))
    results.add(SOUND)
    words = results.words(SOUND)
    assert words.trust[1] == ("lateness", "1 ms")
    assert not any(row[0] == "lateness" for row in words.table)
    assert not Results(make_lab()).words(SOUND).trust and not Words().trust


def routed(rows: int, route: Callable[[int], int]) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.array([route(rows)])})


def test_a_policy_is_an_argument_of_the_experiment_and_of_a_model_that_names_it() -> None:
    lab = make_lab(
        experiment=routed, predict=lambda rows, route: route(rows), policy={"route": lambda rows: rows, "skew": 2}
    )
    assert lab.model({"rows": 7}) == 7
    assert replace(lab, policy={"route": lambda rows: 2 * rows}).model({"rows": 7}) == 14
    assert replace(lab, predict=lambda rows: -rows).model({"rows": 7}) == -7, "a model need not name it"
    with_constants = replace(lab, predict=lambda rows, route, constants: route(rows) + constants["base"])
    assert with_constants.model({"rows": 7}, {"base": 100}) == 107


def test_a_policy_travels_with_its_experiment_and_not_with_the_calibration() -> None:
    def calibrate() -> Iterator[Frame]:
        yield Frame(facts={"base": 1})

    lab = replace(make_lab(experiment=routed, calibrate=calibrate), policy={"route": lambda rows: 3 * rows})
    (measured, settings), (calibrated, nothing) = (
        lab.sent(settings, bool(not settings[0])) for settings in ([{"rows": 7}], [{}])
    )
    measured, calibrated = cloudpickle.loads(measured), cloudpickle.loads(calibrated)
    assert settings == {"rows": 7} and nothing == {}
    assert next(measured(rows=7)).samples["latency_ns"].tolist() == [21]
    assert next(calibrated()).facts == {"base": 1}


def test_several_settings_travel_to_be_measured_in_turns() -> None:
    lab = make_lab(experiment=routed, policy={"route": lambda rows: 3 * rows})
    measured, settings = lab.sent([{"rows": 7}, {"rows": 8}])
    assert settings == {"settings": [{"rows": 7}, {"rows": 8}]}
    frames = cloudpickle.loads(measured)(**settings, seed=1)
    assert sorted(frame.samples["latency_ns"][0] for frame in frames) == [21, 24]


def test_a_lab_with_another_policy_keeps_name_and_code_and_shares_nothing_that_changes() -> None:
    lab = make_lab(experiment=routed, policy={"route": lambda rows: rows})
    assert lab.can_be_trusted(SOUND)
    other = replace(lab, policy={"route": lambda rows: 2 * rows})
    assert (other.name, other.code) == (lab.name, lab.code)
    assert other.code.startswith("def routed(rows")
    assert other._trusted is not lab._trusted and not other._trusted
    assert lab.policy["route"](7) == 7
