"""How settings of the service are measured, under its two loads and in turns."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from perflab.chapters.trade_off.plane import ALONE, PER_S
from perflab.chapters.trade_off.service_loads import FEWEST, OFF, Measure, both_loads, clients_of, conditions, in_turns
from perflab.measure import Frame
from perflab.systems.clients.service import Answered

SETTINGS: dict[str, Any] = {**OFF, **conditions(8, 200, 8)}


class Scripted:
    """A service on which a request takes 10 ms."""

    def __init__(self) -> None:
        self.loads: list[tuple[int, int]] = []

    def set(self, **settings: Any) -> None:
        self.settings = settings

    def load_in_slices(self, clients: int, seconds: float, fewest: int) -> Generator[Frame, None, Answered]:
        self.loads.append((clients, fewest))
        yield Frame()
        took = np.full(100, 10_000_000)
        return Answered(np.cumsum(took), took, 10**12)


def test_both_loads_bring_a_point_of_the_plane() -> None:
    served = Scripted()
    measure = both_loads(served, SETTINGS, 24, "its ")  # type: ignore[arg-type]
    frames = []
    while True:
        try:
            frames.append(next(measure))
        except StopIteration as ended:
            columns, calls = ended.value
            break
    assert served.settings == SETTINGS and served.loads == [(1, FEWEST), (24, 8 + FEWEST)] and len(frames) == 2
    assert {name: column.tolist() for name, column in columns.items()} == {
        f"its {ALONE}": [1e7],
        f"its {PER_S}": [pytest.approx(100)],
    }
    assert calls == 200


def test_a_frame_ends_with_each_side_and_none_always_comes_first() -> None:
    order: list[str] = []

    def measure(of: str) -> Measure:
        order.append(of)
        yield Frame()
        return {of: np.array([float(len(order))])}, 7

    frames = list(in_turns(("a", "b", "c"), 3, measure))
    assert order == [*"abc", *"bca", *"cab"]
    assert [[*frame.samples] for frame in frames if frame.samples] == [[of] for of in order]
    assert sum(frame.counts.get("calls", 0) for frame in frames) == 7 * 9


def test_there_are_always_clients_for_all_threads_and_some_more() -> None:
    assert [clients_of(threads) for threads in (1, 4, 16, 32)] == [16, 16, 24, 48]
