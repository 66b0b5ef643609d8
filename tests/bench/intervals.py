"""Do the intervals that we show hold what they promise? Simulated, with fixed seeds: how often the truth lies within."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from perflab.measure.percentiles import percentile
from perflab.measure.summary import MIN_FOR_MEAN, summarise
from perflab.measure.units import percent
from perflab.theory.resample import spread
from perflab.theory.scaling import MIN_ROUNDS, ScalabilityLaw, fit_rounds
from perflab.theory.simulate import SimulatedQueue, simulate

RUNS, MUST = 400, "93–98%"
QUEUES = ((0.5, 400), (0.8, 400), (0.8, 1_000), (0.9, 1_000))
SHARES = (0.5, 0.95, 0.99)
LAW, WORKERS, LEFT_OUT = ScalabilityLaw(0.05, 0.002, 100.0), np.array([1, 2, 4, 8, 16, 32, 64]), 24
Draw = Callable[[np.random.Generator], NDArray[np.float64]]
CALLS: dict[str, tuple[Draw, float]] = {
    "1% of the calls 100 times as slow": (lambda draw: np.where(draw.random(MIN_FOR_MEAN) < 0.01, 100.0, 1.0), 1.99),
    "lognormal calls, σ 1.5": (lambda draw: draw.lognormal(0, 1.5, MIN_FOR_MEAN), float(np.exp(1.125))),
}


def rows() -> Iterator[tuple[str, str, str]]:
    """Means with tails, queues, and the scalability law."""
    for kind, (draw, truth) in CALLS.items():
        means = [summarise(draw(np.random.default_rng(seed)), percentiles=()).mean for seed in range(RUNS)]
        shown = [mean for mean in means if mean.has_interval]
        held = fmean(mean.low <= truth <= mean.high for mean in shown)
        yield (f"interval of the mean, {MIN_FOR_MEAN:,} calls, {kind}: holds the truth", MUST, percent(held))
    for utilisation, count in QUEUES:
        yield (f"intervals of M/M/1 at {percent(utilisation)}, {count:,} requests", MUST, _queue(utilisation, count))
    for rounds in (MIN_ROUNDS, 20):
        yield (f"intervals of the scalability law, {rounds} rounds", MUST, _law(rounds))


def _served(seed: int, utilisation: float, count: int) -> SimulatedQueue:
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1 / utilisation, count))
    return simulate(arrivals, generator.exponential(1.0, count))


def _queue(utilisation: float, count: int) -> str:
    """What a typical run of this kind shows is the truth: the run begins empty, and ends."""
    others = [_served(10_000 + seed, utilisation, count).responses for seed in range(2_000)]
    truths = [float(np.log([percentile(run, share) for run in others]).mean()) for share in SHARES]
    truths.append(float(np.log([run.mean() for run in others]).mean()))
    held = np.zeros(len(truths))
    for seed in range(RUNS):
        run = _served(seed, utilisation, count)
        summary = summarise(
            run.responses, percentiles=SHARES, queued=True, spread=spread(run.arrivals, run.starts, run.departures)
        )
        shown = (*summary.percentiles.values(), summary.mean)
        held += [each.low <= np.exp(truth) <= each.high for each, truth in zip(shown, truths, strict=True)]
    return ", ".join(
        f"{name} {percent(share)}" for name, share in zip(("p50", "p95", "p99", "mean"), held / RUNS, strict=True)
    )


def _law(rounds: int) -> str:
    names = ("alpha", "beta", "peak")
    held = np.zeros(len(names) + 1)
    for seed in range(RUNS):
        noise = np.random.default_rng(seed).normal(1, 0.05, (rounds, WORKERS.size))
        found = fit_rounds(WORKERS, LAW.throughput(WORKERS) * noise, seed, draws=100)
        ends = [*map(found.interval, names), found.prediction(LEFT_OUT)]
        truths = [*(getattr(LAW, name) for name in names), float(LAW.throughput(LEFT_OUT))]
        held += [low <= truth <= high for (low, high), truth in zip(ends, truths, strict=True)]
    return ", ".join(
        f"{name} {percent(share)}" for name, share in zip((*names, "prediction"), held / RUNS, strict=True)
    )
