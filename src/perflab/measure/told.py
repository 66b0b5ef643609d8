"""Figures beside the measurement: whatever is wrong with the source of one, the measurement goes on without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def told(read: Callable[[], Value], otherwise: Value) -> Value:
    """What the system tells, or `otherwise` where it does not: files that are missing, forbidden or odd, or no such call."""
    try:
        return read()
    except Exception:
        return otherwise
