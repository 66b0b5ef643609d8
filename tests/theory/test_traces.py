"""The traces that policies are tried on."""

from __future__ import annotations

import numpy as np

from perflab.theory import traces


def generator() -> np.random.Generator:
    return np.random.default_rng(1)


def test_popular_keys_are_those_that_others_can_draw_too() -> None:
    found = traces.popular(100_000, 1, generator())
    assert found[:8].tolist() == [83, 6157, 1, 6049, 11, 34, 1851, 30]
    assert found.sum() == 102_127_748
    assert traces.popular(1_000, 0, generator()).max() > 9_900


def test_scans_read_each_new_key_once_and_go_on_where_the_trace_was() -> None:
    trace = traces.popular(20_000, 1, generator())
    found = traces.with_scans(trace)
    assert found.size == trace.size
    assert found[:5_000].tolist() == trace[:5_000].tolist()
    assert found[5_000:7_000].tolist() == list(range(10_000, 12_000))
    assert found[7_000:12_000].tolist() == trace[5_000:10_000].tolist()
    new = found[found >= 10_000]
    assert new.size == np.unique(new).size == 2 * 2_000 + 1_000


def test_a_loop() -> None:
    assert traces.loop(7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_popularity_shifts_with_each_quarter() -> None:
    trace = np.zeros(8, np.int64)
    assert traces.shifting(trace).tolist() == [0, 0, 2_500, 2_500, 5_000, 5_000, 7_500, 7_500]
    assert traces.shifting(np.full(8, 9_999)).tolist()[-1] == 7_499


def test_the_mixture_has_its_shares_and_each_kind_in_order() -> None:
    trace = traces.popular(50_000, 1, generator())
    found = traces.mixed(trace, generator())
    kinds = [found[found < 10_000], found[(found >= 10_000) & (found < 11_250)], found[found >= 11_250]]
    assert np.allclose([kind.size / 50_000 for kind in kinds], traces.MIXED, atol=0.01)
    assert kinds[0].tolist() == trace[: kinds[0].size].tolist()
    assert (kinds[1] - 10_000).tolist() == traces.loop(kinds[1].size).tolist()
    assert (np.diff(kinds[2]) == 1).all()
