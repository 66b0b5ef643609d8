"""How long does it take to add up n numbers? The smallest lab: one slider, one line of code, one straight line as theory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, distribution, latencies_of, log_slider, nearest, two_runs, versus
from perflab.measure import Frame, call_slices, time_calls

FEW, MANY = 10, 100_000
X = np.logspace(np.log10(FEW), np.log10(MANY), 80)


def experiment(numbers: int) -> Iterator[Frame]:
    for latencies in call_slices(lambda: sum(range(numbers))):
        yield latencies.frame()


def calibrate() -> Iterator[Frame]:
    """What a call costs before the first number, and what each number adds."""
    few, many = (
        float(np.median(time_calls(lambda n=n: sum(range(n)), repeats=200).latencies_ns)) for n in (FEW, 20_000)
    )
    per_number = (many - few) / (20_000 - FEW)
    yield Frame(facts={"per_number_ns": per_number, "call_ns": max(1.0, few - FEW * per_number)})


def predict(numbers: int, constants: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The time of a call (ns) of `numbers` numbers, and of every other length: call + n · per number."""
    x = np.append(X, numbers)
    x.sort()
    return x, constants["call_ns"] + constants["per_number_ns"] * x


CHARTS = (
    versus("numbers", (FEW / 1.3, MANY * 1.3), (100, 2e7), lambda model: model, "numbers to add up"),
    distribution(100, 1e8),
)


def growth(few: Record, many: Record) -> str | None:
    """How the median grows for a hundred times as many numbers, as one of the choices."""
    if many.parameters["numbers"] != 100 * few.parameters["numbers"]:
        return None
    return nearest(CHOICES, np.median(latencies_of(many)) / np.median(latencies_of(few)))


CHOICES = {"×10": 10.0, "×70": 70.0, "×100": 100.0}

PREDICTION = Prediction(
    question="Adding up 100 numbers takes some time. How much longer does it take for 10,000 numbers?",
    choices={
        "×10": "Each number takes its turn: a hundred times the numbers cannot take ten times as long.",
        "×70": "Part of a short call is the call itself, so growth is a little less than the numbers suggest.",
        "×100": "Nearly, but the call itself costs something too, however few the numbers.",
    },
    settle=two_runs("numbers", growth),
    hint="Measure at 100 numbers, then at 10,000.",
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
    )
