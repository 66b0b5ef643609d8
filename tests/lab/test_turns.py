"""Two settings measured in turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from perflab.lab.turns import TURN, in_turns
from perflab.measure.frame import Frame

CLOSED: list[int] = []


def experiment(rows: int, seed: int = 0) -> Iterator[Frame]:
    try:
        for _ in range(10):
            yield Frame({"latency_ns": np.array([rows])}, facts={"seed": seed})
    finally:
        CLOSED.append(rows)


def unseeded(rows: int) -> Iterator[Frame]:
    yield from experiment(rows, seed=-1)


SETTINGS: list[dict[str, Any]] = [{"rows": 10}, {"rows": 20}]


def turns(frames: list[Frame]) -> list[Any]:
    return [frame.facts[TURN] for frame in frames]


def test_each_round_has_a_slice_of_each_in_an_order_drawn_anew() -> None:
    frames = list(in_turns(experiment, SETTINGS, seed=3))[:20]
    rounds = [tuple(turns(frames)[start : start + 2]) for start in range(0, 20, 2)]
    assert set(rounds) == {(0, 1), (1, 0)}
    assert all(frame.samples["latency_ns"][0] == (10, 20)[frame.facts[TURN]] for frame in frames)
    assert Counter(turns(frames)) == {0: 10, 1: 10}


def test_all_get_the_same_seed_if_they_want_one() -> None:
    assert {frame.facts["seed"] for frame in in_turns(experiment, SETTINGS, seed=3)} == {3}
    assert {frame.facts["seed"] for frame in in_turns(unseeded, SETTINGS, seed=3)} == {-1}


def test_closing_it_closes_all_and_so_does_an_error() -> None:
    CLOSED.clear()
    slices = in_turns(experiment, SETTINGS, seed=3)
    for _ in range(4):
        next(slices)
    slices.close()  # type: ignore[attr-defined]
    assert sorted(CLOSED) == [10, 20]

    def fails(rows: int) -> Iterator[Frame]:
        yield from experiment(rows)
        raise ValueError("no such table")

    CLOSED.clear()
    with pytest.raises(ValueError, match="no such table"):
        list(in_turns(fails, SETTINGS, seed=3))
    assert sorted(CLOSED) == [10, 20]


def test_what_is_not_a_generator_can_be_measured_too() -> None:
    assert len(list(in_turns(lambda rows: iter([Frame()]), SETTINGS, seed=3))) == 2
