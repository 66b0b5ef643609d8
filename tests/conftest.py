"""The order of the suite: what is quick first, then notebooks, then the browser."""

from __future__ import annotations

import pytest

SLOW_ROOMS = ("notebooks", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order within a room; what fails quickly is then known early."""
    items.sort(key=room_rank)


def room_rank(item: pytest.Item) -> int:
    """0 for unit tests, then one more per slow room."""
    parts = item.path.parts
    return next((rank for rank, room in enumerate(SLOW_ROOMS, 1) if room in parts[-2:]), 0)
