"""The checks of notebook 06 accept every right answer, and say of a wrong one what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labs import measured_together
from two_axes import batched, packed

from perflab.chapters.trade_off import exercises
from perflab.chapters.trade_off.exercises import FRONTS, SAMPLE, Rounds, served, what_waits
from perflab.lab import Record
from perflab.measure import paired_ratio

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "06-trade-off.ipynb"


def fuller(waiting: int, oldest_wait_s: float, last: int) -> bool:
    return waiting >= last or oldest_wait_s >= 0.002


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "Not done yet. Run the lab"),
        ("a text", "is no run"),
        (packed(0.5), "should be one of 'batching'"),
        (batched(3, 1, max_wait=0), "`threads` should be 16"),
        (batched(1.2, 1, threads=16), "How many requests could share a commit?"),
        (batched(3, 20, threads=16), "What does a request alone wait for?"),
        (batched(3, np.array([0.5, 2, 2] * 3), threads=16), "too close to call. Run it again"),  # type: ignore[arg-type]
        (batched(3, 1, threads=16, max_wait=0), "Right: 3.00×"),
    ],
)
def test_a_setting_without_a_price_has_twice_the_capacity_at_the_same_latency(
    record: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exercises.check_no_price(record)
    assert said in capsys.readouterr().out


def test_a_run_without_an_interval_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    whole = batched(3, 1, threads=16)
    few = {name: column[:4] for name, column in whole.frame.samples.items()}
    exercises.check_no_price(Record(**{**vars(whole), "frame": type(whole.frame)(few)}))
    assert "too short for an interval" in capsys.readouterr().out


@pytest.mark.parametrize("threads", [1, 4, 16])
def test_what_waits_on_the_virtual_clock_is_what_the_theory_says(threads: int) -> None:
    cost, found = exercises.COST, served(what_waits, threads)[0]
    closed = threads / (2 * cost.each_batch + threads * cost.each_row) if threads > 1 else 1 / float(cost.of(1))
    # Threads are back after 5 µs each, which the closed form leaves out.
    assert found == pytest.approx(closed, rel=0.03)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (fuller, "Right: "),
        (lambda waiting, oldest_wait_s, last: waiting > last or oldest_wait_s > 15e-6, "Not done yet. "),
        (what_waits, "Which threads are about to come back"),
        (lambda waiting, oldest_wait_s, last: waiting >= last, "when 7 of 8 threads leave"),
        (lambda waiting, oldest_wait_s, last: oldest_wait_s >= 0.002, "A request alone takes"),
        (lambda waiting, oldest_wait_s, last: False, "A request alone takes 100 ms"),
        (lambda waiting, oldest_wait_s: True, "Not yet: `when` is called with"),
        ("no rule", "is no function"),
    ],
)
def test_a_rule_is_tried_alone_in_crowds_and_when_the_crowd_leaves(
    rule: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = exercises.check_rule(rule)
    assert said in capsys.readouterr().out
    assert (lab is None) == (said.startswith("Not yet") or said == "is no function")


def test_the_lab_runs_the_rule_that_was_written() -> None:
    lab = exercises.rule_lab(fuller)
    assert lab.policy["when"] is fuller and list(lab.controls) == ["threads"]
    run = batched(3, 1)
    own = Record(**{**vars(run), "parameters": lab.check({})})
    assert "never fills" not in lab.verdict(own, None).text and lab.found(own, None).startswith(
        "Your rule: 3.0× the requests/s"
    )
    assert lab.scenario is not None and "Your rule" in lab.scenario(lab.check({}))


@pytest.mark.clock
def test_the_rule_commits_in_the_real_lab() -> None:
    (found,) = measured_together(exercises.rule_lab(fuller), {}, budget_s=0.1)
    assert found.column("requests").size >= 2 and np.isfinite(found.column("per_s")).all()


@pytest.mark.parametrize(
    ("answer", "said"), [(None, "Not done yet"), ("Compress for slow links", "Right"), ("level 9 for all", "Not yet")]
)
def test_who_gets_compressed_replies_is_judged(
    answer: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exercises.check_design(answer)
    assert capsys.readouterr().out.startswith(said)


def focus(mean_response_ms: float, clients: int, alone_ms: float, per_s: float) -> str:
    return "throughput" if 1000 * clients / per_s > alone_ms else "latency"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            focus,
            "Right: it tells work from waiting. For 1, 10 and 100 clients it says latency, throughput, throughput.",
        ),
        (lambda mean, clients, alone, per_s: "throughput" if mean > 1.5 * alone else "latency", "Right"),
        (
            lambda mean, clients, alone, per_s: "latency" if mean > 200 else "throughput",
            "1 client (14 ms alone, at most 327/s): a request takes 14 ms, and the rule says “throughput”. Does it wait",
        ),
        (lambda mean, clients, alone, per_s: "throughput" if clients > 50 else "latency", "10 clients (14 ms alone"),
        (
            lambda mean, clients, alone, per_s: "throughput" if clients > 1 else "latency",
            "at most 50,000/s): a request",
        ),
        (lambda mean, clients, alone, per_s: "throughput" if mean > 20 else "latency", "takes 400 ms, and"),
        (lambda mean, clients, alone, per_s: None, "It returned None"),
        (lambda mean: "latency", "The rule is called with"),
        ("latency", "is no function"),
    ],
)
def test_what_to_optimise_is_told_by_work_and_waiting(rule: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_focus(rule)
    assert said in capsys.readouterr().out


def test_the_notebook_asks_for_that_rule_and_its_solution_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    source = r"(?ms)^def determine_optimization_focus.*?(?=^```|\Z)"
    asked, solution = (
        next(
            found[0]
            for cell in cells
            if cell["cell_type"] == kind and (found := re.findall(source, "".join(cell["source"])))
        )
        for kind in ("code", "markdown")
    )
    for text, said in ((asked, "Not done yet. 1 client"), (solution, "Right")):
        space: dict[str, Any] = {}
        exec(text, space)
        exercises.check_focus(space["determine_optimization_focus"])
        assert capsys.readouterr().out.startswith(said)


def front_of(choose: Any) -> Any:
    """The lie of the notebook: what `choose` makes of all rounds stands for the setting."""

    def front(runs: Mapping[str, Rounds]) -> set[str]:
        points = {name: (choose(x), choose(y)) for name, (x, y) in runs.items()}
        return {a for a, (x, y) in points.items() if not any(u > x and v < y for u, v in points.values())}

    return front


def by_pairs(runs: Mapping[str, Rounds]) -> set[str]:
    def beats(a: Rounds, b: Rounds) -> bool:
        return paired_ratio(a[0], b[0]).low > 1 and paired_ratio(b[1], a[1]).low > 1

    return {name for name, own in runs.items() if not any(beats(other, own) for other in runs.values())}


def by_counting(runs: Mapping[str, Rounds]) -> list[str]:
    def ahead(a: Rounds, b: Rounds) -> bool:
        more = sum(x > y for x, y in zip(a[0], b[0], strict=True))
        sooner = sum(x < y for x, y in zip(a[1], b[1], strict=True))
        return min(more, sooner) >= 9

    return [name for name, own in runs.items() if not any(ahead(other, own) for other in runs.values())]


def by_intervals(runs: Mapping[str, Rounds]) -> set[str]:
    def beats(a: Rounds, b: Rounds) -> bool:
        return sorted(a[0])[1] > sorted(b[0])[-2] and sorted(a[1])[-2] < sorted(b[1])[1]

    return {name for name, own in runs.items() if not any(beats(other, own) for other in runs.values())}


@pytest.mark.parametrize("front", [by_pairs, by_counting, by_intervals])
def test_every_way_that_asks_whether_it_is_chance_is_right(front: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_front(front)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize(
    ("front", "said"),
    [
        (
            front_of(lambda rounds: rounds[0]),
            "your front: 2 ms timer, full batches. On the real one: full batches, what waits.",
        ),
        (front_of(np.median), "A and B are one setting"),
        (front_of(np.mean), "Not done yet"),
        (lambda runs: set(runs), "Not done yet"),
        (lambda runs: set(), "On your front: nothing"),
        (lambda runs: "what waits", "It returned 'what waits'"),
        (lambda runs: {"no setting"}, "It returned {'no setting'}"),
        (lambda runs: 7, "It returned 7"),
        (lambda: set(), "Not yet: `front` is called with"),
        (7, "is no function"),
    ],
)
def test_a_front_of_single_runs_or_of_nothing_but_middles_is_refused(
    front: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exercises.check_front(front)
    assert said in capsys.readouterr().out


def test_the_runs_of_the_cases_are_as_they_are_said_to_be() -> None:
    wins = [
        sum(a > b for a, b in zip(SAMPLE["what waits"][0], SAMPLE["2 ms timer"][0], strict=True)),
        sum(a < b for a, b in zip(SAMPLE["what waits"][1], SAMPLE["2 ms timer"][1], strict=True)),
    ]
    assert wins == [9, 9]
    first, second = FRONTS[1][0]["A"], FRONTS[1][0]["B"]
    assert 2 <= sum(a > b for a, b in zip(first[0], second[0], strict=True)) <= 8


def test_a_learners_front_that_changes_its_runs_changes_no_others() -> None:
    def front(runs: Any) -> set[str]:
        found = by_pairs(runs)
        runs.clear()
        return found

    exercises.check_front(front)
    assert SAMPLE
