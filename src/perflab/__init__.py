"""Latency vs Throughput: a hands-on lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from perflab.lab.record import Record

__all__ = ["load_record"]


def load_record(path: str | Path) -> Record:
    """A run that was saved with *Save*: `load_record("results/measuring_latency.stopwatch-….json").column("latency_ns")`."""
    from perflab.lab.save import load_record as load  # late: importing perflab costs almost nothing

    return load(path)
