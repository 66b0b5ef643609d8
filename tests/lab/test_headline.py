"""The finding is the headline: the question before, what a run found after it, and never more than the verdict allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scripted import Stage

from perflab.lab import Axis, Chart, Lab, log_slider
from perflab.lab.prediction import Answer, Outcome, Prediction
from perflab.lab.protocol import Ended, Finished
from perflab.lab.record import Record
from perflab.lab.session import REST_S
from perflab.lab.verdict import INVALID, Verdict, percentile_of, verdict_of
from perflab.lab.view import View
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger

LOUD = NoiseLedger(1e6, 3e6, 1.0, 1.0, 0, 0.0, 0.0, 1.0)
QUESTION = "Which is <faster>?"


def experiment(rows: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.full(500, 100.0 * rows)})


def finding(record: Record, pinned: Record | None) -> str | None:
    rows = record.parameters["rows"]
    if rows == 1000:
        return None
    return f"{rows} rows & no more" if pinned is None else f"{rows} rows against {pinned.parameters['rows']}"


def refused(record: Record) -> Verdict | None:
    return Verdict("Too slow.", INVALID) if record.parameters["rows"] == 100 else None


def make_lab(**changes: Any) -> Lab:
    parts: dict[str, Any] = {
        "question": QUESTION,
        "experiment": experiment,
        "controls": {"rows": log_slider(1, 1000, 10)},
        "charts": (),
        "verdict": verdict_of(lambda record: "Measured.", refused, compare=percentile_of()),
        "finding": finding,
        "scenario": lambda parameters: f"{parameters['rows']} rows are read.",
    }
    return Lab(**{**parts, **changes})


@pytest.fixture
def stage() -> Stage:
    return Stage(make_lab)


def seen(view: View) -> list[str]:
    """The large and the small line."""
    assert view._headline is not None
    return re.findall(r"<(?:h3|p) [^>]*>(.*?)</", view._headline.widget.value)


def measure(stage: Stage, view: View, rows: int, noise: Any = None, until: str = "end") -> None:
    view._controls["rows"].value = rows
    stage.settle()
    stage.wait(REST_S)
    number = stage.starts()[-1].run
    stage.slice()
    if until == "end":
        stage.answer(Ended(number))
        stage.answer(Finished(number, noise))


def test_it_is_the_question_before_the_first_run_and_the_finding_after_it(stage: Stage) -> None:
    session, view = stage.shown(make_lab())
    assert seen(view) == ["Which is &lt;faster&gt;?", "10 rows are read."]
    measure(stage, view, 20, until="first slice")
    assert seen(view) == ["Which is &lt;faster&gt;?", "10 rows are read."], "a run in progress has found nothing yet"
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert seen(view) == ["20 rows &amp; no more", "20 rows are read."]
    measure(stage, view, 50, until="first slice")
    assert seen(view) == ["20 rows &amp; no more", "20 rows are read."], "that of the newest finished run"
    session.reset()
    stage.settle()
    assert seen(view) == ["Which is &lt;faster&gt;?", "10 rows are read."]


def test_it_is_the_question_of_the_prediction_and_what_a_click_will_measure(stage: Stage) -> None:
    find: Any = lambda *runs: Outcome("more", "2×")  # noqa: E731
    asked = Prediction("More or less?", {"more": Answer("", "So."), "less": Answer("No.")}, [{"rows": 50}], find)
    _, view = stage.shown(make_lab(prediction=asked))
    assert seen(view) == ["More or less?", "50 rows are read."]
    assert [type(row).__name__ for row in view.widget.children[:3]] == ["HTML", "HBox", "GridBox"], "asked only once"
    view._on_choice(view._choices[1])
    stage.settle()
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.finish()
    assert seen(view) == ["50 rows &amp; no more", "50 rows are read."]
    assert "You predicted less." in view._comment.value


@pytest.mark.parametrize(("noise", "rows"), [(LOUD, 20), (None, 100)], ids=["noisy", "invalid"])
def test_a_run_that_cannot_be_trusted_has_found_nothing(stage: Stage, noise: Any, rows: int) -> None:
    _, view = stage.shown(make_lab())
    measure(stage, view, 50)
    measure(stage, view, rows, noise)
    assert seen(view) == ["Which is &lt;faster&gt;?", f"{rows} rows are read."]
    measure(stage, view, 50)
    assert seen(view)[0] == "50 rows &amp; no more"


def test_it_stands_for_the_pictures_where_they_are_not_seen(stage: Stage) -> None:
    _, view = stage.shown(make_lab(charts=(Chart("Times", Axis("", 0, 1), Axis("", 0, 1)),)))
    (image,) = view._images
    assert 'alt="Times. Which is &lt;faster&gt;?"' in image.widget.value
    measure(stage, view, 20)
    assert 'alt="Times. 20 rows &amp; no more"' in image.widget.value


def test_a_run_about_which_there_is_nothing_to_say_leaves_the_question(stage: Stage) -> None:
    _, view = stage.shown(make_lab())
    measure(stage, view, 1000)
    assert seen(view) == ["Which is &lt;faster&gt;?", "1000 rows are read."]


def test_it_is_a_heading_below_the_notebooks_and_a_live_region(stage: Stage) -> None:
    _, view = stage.shown(make_lab(scenario=None))
    assert view._headline is not None
    value = view._headline.widget.value
    assert re.fullmatch(r'<div aria-live="polite"><h3 style="[^"]*font-size:19px[^"]*">[^<]*</h3></div>', value)


def test_a_long_question_is_smaller(stage: Stage) -> None:
    for question, size in (("Why? " * 20, 19), ("Why? " * 40, 16)):
        _, view = stage.shown(make_lab(question=question))
        assert view._headline is not None and f"font-size:{size}px" in view._headline.widget.value


def test_a_lab_without_a_finding_has_no_headline_and_asks_as_before(stage: Stage) -> None:
    asked = Prediction("More or less?", {"more": Answer("", "So.")}, [{"rows": 50}], lambda run: None)
    for prediction, rows in ((None, ["GridBox"]), (asked, ["HTML", "HBox", "GridBox"])):
        _, view = stage.shown(make_lab(finding=None, prediction=prediction))
        assert view._headline is None
        assert [type(row).__name__ for row in view.widget.children[: len(rows)]] == rows
    assert view.widget.children[0].value == "More or less?"


def side_by_side(rows: int, median_ns: float, spread: float = 0.001, **changes: Any) -> Record:
    latencies = np.random.default_rng(rows).lognormal(np.log(median_ns), spread, 2_000)
    frame = Frame({"latency_ns": latencies})
    sizes = {"latency_ns": (100,) * 20}
    return replace(Record("any", {"rows": rows}, 1, "", frame, 2.0, "complete", turns="a", sizes=sizes), **changes)


SLOW, FAST, SAME = side_by_side(20, 2e5), side_by_side(10, 1e5), side_by_side(50, 2e5)
UNSURE = side_by_side(50, 2e5, spread=0.7)


def test_the_pinned_run_is_handed_over_only_where_the_verdict_compares_clearly() -> None:
    lab = make_lab()
    assert lab.verdict_of(SLOW, FAST).kind == "clear"
    assert lab.found(SLOW, FAST) == "20 rows against 10"
    assert lab.verdict_of(SLOW, SAME).kind == "practically equal"
    assert lab.found(SLOW, SAME) == "20 rows against 50"
    assert lab.verdict_of(SLOW, UNSURE).kind == "too close to call"
    alone = "20 rows & no more"
    assert lab.found(SLOW, UNSURE) == alone
    assert lab.found(SLOW, replace(FAST, turns="b")) == alone, "not measured in turns"
    assert lab.found(SLOW, replace(FAST, noise=LOUD)) == alone
    assert lab.found(SLOW, SLOW) == lab.found(SLOW, None) == alone
    assert lab.found(replace(SLOW, noise=LOUD), FAST) == lab.found(replace(SLOW, status="failed"), None) == ""


def test_a_run_that_is_itself_too_close_to_call_has_found_nothing() -> None:
    close = make_lab(verdict=lambda record, pinned: Verdict("Both.", "too close to call"))
    assert close.found(SLOW, None) == close.found(SLOW, FAST) == ""
