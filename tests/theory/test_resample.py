"""How sure the numbers of a queue are: simulated queues of which everything is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from perflab.measure.percentiles import percentile
from perflab.measure.summary import DEPENDENT, SURE, summarise
from perflab.theory.resample import MIN_REQUESTS, drawn_again, spread
from perflab.theory.simulate import SimulatedQueue, simulate


def queue(seed: int, utilisation: float, count: int, servers: int = 1) -> SimulatedQueue:
    """M/M/c, empty at the beginning."""
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1 / utilisation / servers, count))
    return simulate(arrivals, generator.exponential(1.0, count), servers)


def spread_of(run: SimulatedQueue) -> dict[float | str, float]:
    found = spread(run.arrivals, run.starts, run.departures)
    assert found is not None
    return dict(found)


@cache
def typical(utilisation: float, count: int, servers: int) -> dict[float | str, float]:
    """What runs of this kind show on average, by their logarithms."""
    runs = [queue(10_000 + seed, utilisation, count, servers).responses for seed in range(500)]
    found: dict[float | str, float] = {"mean": np.log([run.mean() for run in runs]).mean()}
    return found | {share: np.log([percentile(run, share) for run in runs]).mean() for share in (0.5, 0.95, 0.99)}


@pytest.mark.long
@pytest.mark.parametrize(
    ("utilisation", "count", "servers"), [(0.8, 400, 1), (0.8, 1_000, 1), (0.9, 1_000, 1), (0.8, 400, 4)]
)
def test_an_interval_of_a_queue_covers_what_such_queues_show(utilisation: float, count: int, servers: int) -> None:
    runs = 100 if servers == 1 else 40
    held = dict.fromkeys((0.5, 0.95, 0.99, "mean"), 0)
    for seed in range(runs):
        run = queue(seed, utilisation, count, servers)
        summary = summarise(run.responses, queued=True, spread=spread_of(run))
        for key, truth in typical(utilisation, count, servers).items():
            estimate = summary.mean if key == "mean" else summary.percentiles[float(key)]
            assert estimate.has_interval
            held[key] += estimate.low <= np.exp(truth) <= estimate.high
    # 93 to 98%: of so few runs, give or take 3%.
    assert min(held.values()) / runs >= 0.9, held


def test_near_saturation_nothing_is_called_sure() -> None:
    sure, unsure = (spread_of(queue(3, utilisation, 400)) for utilisation in (0.3, 0.9))
    assert unsure["mean"] > 3 * sure["mean"]
    assert np.exp(SURE * unsure[0.5]) > 1.5


def test_what_the_queue_does_not_explain_has_no_interval() -> None:
    run = queue(1, 0.5, 400)
    assert spread(run.arrivals, run.starts + 5, run.departures + 5) is None, "something else holds requests up"
    few = slice(MIN_REQUESTS - 1)
    assert spread(run.arrivals[few], run.starts[few], run.departures[few]) is None
    assert spread(run.arrivals, run.starts, run.departures) == spread(run.arrivals, run.starts, run.departures)
    for shown in summarise(run.responses, queued=True).percentiles.values():
        assert not shown.has_interval and shown.shortage == DEPENDENT


def test_the_order_of_the_records_does_not_matter_and_the_servers_are_found() -> None:
    run = queue(2, 0.8, 400, servers=4)
    mixed = np.random.default_rng(2).permutation(400)
    shuffled = spread(run.arrivals[mixed], run.starts[mixed], run.departures[mixed])
    assert shuffled is not None
    assert shuffled["mean"] == pytest.approx(spread_of(run)["mean"], rel=0.3)


def test_services_without_length_have_no_logarithm() -> None:
    times = np.arange(200.0)
    assert spread(times, times, times) is None


def test_runs_drawn_again_have_as_many_requests_and_the_mean_of_such_runs() -> None:
    random = np.random.default_rng(3)
    arrived, services = np.cumsum(random.exponential(1.0, 2_000)), random.exponential(0.5, 2_000)
    run = simulate(arrived, services)
    again = list(drawn_again(arrived, run.starts, run.departures, 60, seed=1))
    assert {ordered.size for ordered in again} == {2_000}
    assert all(np.all(np.diff(ordered) >= 0) for ordered in again)
    assert np.mean([ordered.mean() for ordered in again]) == pytest.approx(run.responses.mean(), rel=0.1)
    assert not np.array_equal(again[0], again[1])
    assert np.array_equal(again[0], next(drawn_again(arrived, run.starts, run.departures, 1, seed=1)))
