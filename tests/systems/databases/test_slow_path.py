"""Look-ups with a slow path."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from relations import assert_more

from perflab.measure.guards import BadInput
from perflab.measure.timing import time_calls
from perflab.systems.databases.slow_path import ROWS, Pace, mixed_rows, readings


def test_the_answer_is_the_sum_of_the_rows_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with readings() as table:
        assert table.look_up(1) == 0
        assert table.look_up(3) == 7919 % 1000 + 2 * 7919 % 1000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.clock
def test_reading_more_rows_takes_longer_in_proportion() -> None:
    with readings() as table:

        def usual_ns(rows: int) -> float:
            return float(np.median(time_calls(table.look_up, [rows] * 30).latencies_ns))

        assert_more(lambda: usual_ns(50_000), lambda: usual_ns(1_000), 10)


def test_the_share_of_slow_calls_is_kept_and_the_seed_decides() -> None:
    rows = mixed_rows(20_000, 0.05, 999, random.Random(1))
    assert rows.count(999) == pytest.approx(1_000, rel=0.15)
    assert set(rows) == {1, 999}
    assert rows == mixed_rows(20_000, 0.05, 999, random.Random(1))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(BadInput, match="slow_share"):
        mixed_rows(10, share, 5, random.Random(1))


def test_rows_follow_from_the_factor_and_stay_within_the_table() -> None:
    pace = Pace(fast_ns=10_000, fast_sigma=0.1, row_ns=50, slow_sigma=0.1)
    assert pace.rows_for(51) == 10_000
    assert pace.rows_for(1) == 1
    assert pace.rows_for(10**6) == ROWS - 1
