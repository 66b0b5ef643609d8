"""In what two runs differ."""

from __future__ import annotations

from perflab.lab import Record


def only_change(record: Record, pinned: Record | None) -> str:
    """The one control in which a run differs from the pinned one; "" without a pinned run, or where none differs, or several."""
    if pinned is None:
        return ""
    names = [name for name, value in record.parameters.items() if pinned.parameters.get(name) != value]
    return names[0] if len(names) == 1 else ""
