"""How long does it take to add up n numbers? The smallest lab: one slider, one line of code, one straight line as theory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.findings import median_told
from perflab.lab import Answer, Lab, Outcome, Prediction, Record, distribution, log_slider, versus
from perflab.lab.verdict import ratio_in_turns
from perflab.measure import Frame, call_slices, count, duration, number, time_calls

FEW, MANY = 10, 100_000
X = np.logspace(np.log10(FEW), np.log10(MANY), 80)
ROUNDS, LONG = 5, 20_000


def experiment(numbers: int) -> Iterator[Frame]:
    values = [0.5] * numbers
    for latencies in call_slices(lambda: sum(values)):
        yield latencies.frame()


def calibrate() -> Iterator[Frame]:
    """What a call costs before the first number, and what each number adds: medians of rounds that time both in turns."""

    def median_ns(numbers: int) -> float:
        values = [0.5] * numbers
        return float(np.median(time_calls(lambda: sum(values), repeats=100).latencies_ns))

    few, many = np.median([(median_ns(FEW), median_ns(LONG)) for _ in range(ROUNDS)], axis=0)
    per_number = float(many - few) / (LONG - FEW)
    yield Frame(facts={"per_number_ns": per_number, "call_ns": max(1.0, float(few) - FEW * per_number)})


def predict(numbers: int, constants: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The time of a call (ns) of `numbers` numbers, and of every other length: call + n · per number."""
    x = np.append(X, numbers)
    x.sort()
    return x, constants["call_ns"] + constants["per_number_ns"] * x


CHARTS = (
    versus("numbers", (FEW / 1.3, MANY * 1.3), (30, 2e7), lambda model: model, "numbers to add up"),
    distribution(30, 1e8),
)


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    return f"sum(values) is timed again and again; the list has {count(chosen['numbers'])} numbers."


def finding(record: Record, pinned: Record | None) -> str | None:
    """What a call takes, and each of its numbers; beside another length, how many times as long it takes."""
    median, numbers = median_told(record), record.parameters["numbers"]
    if np.isnan(median):
        return None
    if pinned is not None and only_change(record, pinned) and not np.isnan(median_told(pinned)):
        few, many = sorted((pinned, record), key=lambda run: int(run.parameters["numbers"]))
        if (found := ratio_in_turns(many, few)) is not None:
            more = number(many.parameters["numbers"] / few.parameters["numbers"], 3)
            took = [duration(median_told(run)) for run in (few, many)]
            return f"{more} times as many numbers take {number(found.value, 3)} times as long: {took[1]} instead of {took[0]}."
    return f"Adding up {count(numbers)} numbers takes {duration(median)} (median): {duration(median / numbers)} per number."


LESS, SAME, MORE = "clearly less than ×100", "about ×100", "clearly more than ×100"
NEAR = 1.2


def growth(few: Record, many: Record) -> Outcome | None:
    """How many times the median becomes for a hundred times as many numbers, by slices measured in turns."""
    found = ratio_in_turns(many, few)
    if found is None or not found.has_interval:
        return None
    choice = LESS if found.value < 100 / NEAR else MORE if found.value > 100 * NEAR else SAME
    if (choice == LESS and found.high >= 100) or (choice == MORE and found.low <= 100):
        return None
    return Outcome(choice, f"×{number(found.value, 3)} ({number(found.low, 3)}–{number(found.high, 3)})")


PREDICTION = Prediction(
    question="Adding up 10 numbers takes some time. How many times as long does it take for 1,000 numbers?",
    choices={
        LESS: Answer(
            "That is so where the call itself takes as long as many numbers.",
            "The call itself costs something, however few the numbers. For 10 numbers that is most of the time.",
        ),
        SAME: Answer(
            "A hundred times the numbers are a hundred times the additions, but there is still only one call.",
            "The call itself costs so little here that the additions are nearly all of the time.",
        ),
        MORE: Answer(
            "Each number is added like the one before it, whether there are 10 or 1,000.",
            "A number cost more in the long list than in the short one: something slowed this machine down meanwhile.",
        ),
    },
    runs=({"numbers": FEW}, {"numbers": 100 * FEW}),
    find=growth,
)


def lab() -> Lab:
    return Lab(
        question="How long does it take to add up n numbers?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={"numbers": log_slider(FEW, MANY, 100, unit="numbers")},
        charts=CHARTS,
        prediction=PREDICTION,
        finding=finding,
        scenario=scenario,
    )
