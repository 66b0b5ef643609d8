"""Runs of the labs on batching and on compression, as ratios to their baselines."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.chapters.trade_off.compression_model import PACKED, PARTS, PLAIN
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S
from perflab.lab import Record
from perflab.measure.frame import Frame

SCATTER = np.linspace(0.99, 1.01, 9)


def batched(more: float, later: float, **changes: Any) -> Record:
    given = {PER_S: 100 * more, ALONE: 1e6 * later, BASE + PER_S: 100.0, BASE + ALONE: 1e6}
    chosen = {"size": 20, "max_wait": 20, "threads": 8, **changes}
    samples = {name: value * SCATTER for name, value in given.items()}
    return Record("batching", chosen, 1, "", Frame(samples, {}, {"stored": 0}), 2.0, "complete")


def packed(ratio: float, sent: int = 50_000, **changes: Any) -> Record:
    chosen = {"bandwidth": 100, "level": 6, "kind": "JSON", "size": 200, **changes}
    given = dict(zip((PLAIN, PACKED, *PARTS), (1e7, 1e7 * ratio, 1e6, 1e6), strict=True))
    samples = {name: value * SCATTER for name, value in given.items()}
    return Record("compression", chosen, 1, "", Frame(samples, {}, {"sent_bytes": sent}), 2.0, "complete")
