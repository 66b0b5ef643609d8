"""Records as they are when two settings were measured in turns."""

from __future__ import annotations

from dataclasses import replace

from perflab.lab.record import Record

SLICES = 10


def side_by_side(*records: Record) -> list[Record]:
    """The same runs, measured in turns in ten slices that brought about as many samples each; each column has at least ten."""
    return [replace(record, turns="together", sizes=_sizes(record)) for record in records]


def _sizes(record: Record) -> dict[str, tuple[int, ...]]:
    columns = record.frame.samples.items()
    return {
        name: tuple((column.size * (at + 1)) // SLICES - (column.size * at) // SLICES for at in range(SLICES))
        for name, column in columns
    }
