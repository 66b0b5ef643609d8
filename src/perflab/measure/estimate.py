"""A number and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its 95% interval, all in one unit; NaN for an end that the samples cannot give.

    `name` is what it is called ("p99"), `shortage` says why an end is missing. `stands`: whether the number says something
    without its interval; a p99 of too few samples does not.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    name: str = ""
    shortage: str = ""
    stands: bool = True

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)
