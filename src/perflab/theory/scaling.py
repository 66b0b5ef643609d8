"""How throughput grows with the number of workers: Amdahl's law and the universal scalability law.

X(N) = γN / (1 + α(N − 1) + βN(N − 1)): γ is what one worker does, α the share that has to queue up (contention), β what it costs
to keep each pair in step (coherency). Gunther, "Guerrilla Capacity Planning" (2007). β = 0 is Amdahl's law (1967).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS = 200
PRECISION = 1e-9
DRAWS = 400
MIN_ROUNDS = 8
LEAST = 0.01
"""No throughput that is drawn is less than this share of the mean: it stays above 0."""
TAIL = 0.025


@dataclass(frozen=True)
class ScalabilityLaw:
    """The universal scalability law with its three constants; γ in operations per unit of time."""

    alpha: float
    beta: float
    gamma: float

    def throughput(self, workers: ArrayLike) -> NDArray[np.float64]:
        """Operations per unit of time with so many workers."""
        n = np.asarray(workers, float)
        return self.gamma * n / (1 + self.alpha * (n - 1) + self.beta * n * (n - 1))

    @property
    def peak(self) -> float:
        """The number of workers with the highest throughput, √((1 − α)/β); infinite where it only grows."""
        if self.alpha >= 1:
            return 1.0
        return max(1.0, math.sqrt((1 - self.alpha) / self.beta)) if self.beta > 0 else math.inf


def fit(workers: ArrayLike, throughputs: ArrayLike) -> ScalabilityLaw:
    """Least squares in the throughputs, with α, β ≥ 0, by Gauss and Newton. Both of shape (points,), at least three different N.

    It begins with the linear fit of N/X, whose coefficients are γ⁻¹ · (1, α, β). Raises ValueError for fewer points.
    """
    n, x = _checked(workers, throughputs)
    best, error = None, math.inf
    # A constraint that holds with equality leaves a smaller problem: all four are solved, and the best that is allowed is kept.
    for free in ((True, True), (True, False), (False, True), (False, False)):
        found = _gauss_newton(n, x, free)
        if all(free) and found.alpha >= 0 and found.beta >= 0:
            return found
        residual = float(((found.throughput(n) - x) ** 2).sum())
        if found.alpha >= 0 and found.beta >= 0 and residual < error:
            best, error = found, residual
    assert best is not None  # with α = β = 0 the fit is a line, which is always allowed
    return best


@dataclass(frozen=True)
class Fitted:
    """A fit, and laws drawn around it, from which every interval comes."""

    law: ScalabilityLaw
    drawn: tuple[ScalabilityLaw, ...]

    def interval(self, name: str) -> tuple[float, float]:
        """95% interval of "alpha", "beta", "gamma" or "peak"."""
        return _ends([getattr(law, name) for law in self.drawn])

    def prediction(self, workers: float) -> tuple[float, float]:
        """95% interval of the mean throughput with so many workers."""
        return _ends([float(law.throughput(workers)) for law in self.drawn])


def _ends(drawn: list[float]) -> tuple[float, float]:
    """The values outside of which at most 2.5% lie at each end, each of them one that was drawn: a peak may be infinite."""
    ordered = sorted(drawn)
    rank = max(1, int(TAIL * (len(ordered) + 1)))
    return ordered[rank - 1], ordered[-rank]


def fit_rounds(workers: ArrayLike, rounds: ArrayLike, seed: int = 0, draws: int = DRAWS) -> Fitted:
    """Fit the means of repeated rounds of shape (rounds, points), and of means as they might as well have been.

    These scatter as the means of so few rounds do (Student's t with rounds − 1 degrees of freedom, in all points at once, so that
    what was slow in a whole round stays so). The intervals hold the truth in 93 to 98 of 100 runs, from `MIN_ROUNDS` on.
    """
    table = np.asarray(rounds, float)
    if table.ndim != 2 or len(table) < MIN_ROUNDS:
        raise ValueError(f"rounds have the shape (rounds, points), and there are at least {MIN_ROUNDS}")
    generator, freedom, mean = np.random.default_rng(seed), len(table) - 1, table.mean(axis=0)
    weights = generator.normal(size=(draws, len(table))) / np.sqrt(
        generator.chisquare(freedom, (draws, 1)) * len(table)
    )
    drawn = np.maximum(mean + weights @ (table - mean), LEAST * mean)
    return Fitted(fit(workers, mean), tuple(fit(workers, each) for each in drawn))


def _gauss_newton(n: NDArray[np.float64], x: NDArray[np.float64], free: tuple[bool, bool]) -> ScalabilityLaw:
    columns = [True, *free]
    terms = _terms(n)[:, columns]
    # Weights make the errors of N/X into those of X, as far as the first order goes.
    weights = x**2 / n
    start = np.linalg.lstsq(terms * weights[:, None], n / x * weights, rcond=None)[0]
    constants = start
    for _ in range(STEPS):
        inverse = terms @ constants
        slope = -(n / inverse**2)[:, None] * terms
        step = np.linalg.lstsq(slope, x - n / inverse, rcond=None)[0]
        constants = constants + step
        if np.abs(step).max() <= PRECISION * np.abs(constants).max():
            break
    if not np.all(np.isfinite(constants)) or constants[0] <= 0 or np.any(terms @ constants <= 0):
        constants = start
    whole = np.zeros(3)
    whole[columns] = constants
    return ScalabilityLaw(float(whole[1] / whole[0]), float(whole[2] / whole[0]), float(1 / whole[0]))


def _terms(n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(n.size), n - 1, n * (n - 1)])


def _checked(workers: ArrayLike, throughputs: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n, x = np.asarray(workers, float), np.asarray(throughputs, float)
    if n.shape != x.shape or np.unique(n).size < 3:
        raise ValueError("the law has three constants: measure at three different numbers of workers or more")
    if np.any(n < 1) or np.any(x <= 0):
        raise ValueError("there is at least one worker, and throughputs are above 0")
    return n, x
