"""A frame: what one slice of measuring brings home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Fact = int | float | str | bool


@dataclass(frozen=True)
class Frame:
    """Columns of samples, counts that add up, and facts of which the newest holds.

    `samples` maps a column's name (with its unit: `latency_ns`) to a one-dimensional array; columns may differ in length.
    """

    samples: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)


def merge(frames: Iterable[Frame]) -> Frame:
    """One frame that holds all of `frames`: samples joined in order, counts added, the newest facts kept."""
    columns: dict[str, list[NDArray[np.generic]]] = {}
    counts: dict[str, int] = {}
    facts: dict[str, Fact] = {}
    for frame in frames:
        for name, column in frame.samples.items():
            columns.setdefault(name, []).append(np.asarray(column))
        for name, count in frame.counts.items():
            counts[name] = counts.get(name, 0) + count
        facts.update(frame.facts)
    return Frame({name: np.concatenate(parts) for name, parts in columns.items()}, counts, facts)
