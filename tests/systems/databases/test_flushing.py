"""When a batch is to be written."""

from __future__ import annotations

import pytest

from perflab.systems.databases.flushing import when_to_flush


@pytest.mark.parametrize(
    ("pending", "oldest_wait_s", "is_asked"),
    [(1, 0.0, False), (9, 0.004, False), (10, 0.0, True), (11, 0.0, True), (1, 0.005, True)],
)
def test_a_batch_that_is_full_or_whose_oldest_has_waited_long_enough_is_written(
    pending: int, oldest_wait_s: float, is_asked: bool
) -> None:
    assert when_to_flush(pending, oldest_wait_s, 10, 0.005) is is_asked
