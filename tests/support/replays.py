"""How near a replayed queue must come to the one that was measured: within 5%, and what the generator was late."""

from __future__ import annotations

from perflab.lab import Record
from perflab.measure.percentiles import percentile
from perflab.theory.replay import Replay


def agrees(found: Replay | None, record: Record) -> bool:
    """Whether the replay lies within 5% of the measured mean, plus the p99 of the lateness as a share of that mean."""
    lateness = record.column("lateness_ns")
    late_ns = percentile(lateness, 0.99) if lateness.size else 0.0
    return found is not None and found.deviation <= 0.05 + late_ns / found.measured
