"""Two settings of one experiment measured in turns, slice by slice: what disturbs one of them disturbs the other too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from perflab.measure.frame import Frame

TURN = "__turn__"
"""The fact that says whose slice it is: the number of its settings."""


def in_turns(
    experiment: Callable[..., Iterator[Frame]], settings: Sequence[Mapping[str, Any]], seed: int
) -> Iterator[Frame]:
    """Rounds of one slice of each of `settings`, in an order drawn anew for each round; it ends with the first that ends.

    All get the same seed: where that decides arrivals and services, they are the same for all.
    """
    seeded = {"seed": seed} if "seed" in inspect.signature(experiment).parameters else {}
    generator = np.random.default_rng(seed)
    with ExitStack() as opened:
        runs = [iter(experiment(**each, **seeded)) for each in settings]
        for run in runs:
            opened.callback(getattr(run, "close", lambda: None))
        while True:
            for number in generator.permutation(len(runs)).tolist():
                try:
                    frame = next(runs[number])
                except StopIteration:
                    return
                yield replace(frame, facts={**frame.facts, TURN: number})
