"""When compressing pays: what it takes, against what the link saves. Sizes in bytes, times in one unit, rates per that unit.

The reply is compressed as a whole, sent, and decompressed as a whole, one after the other. Where these overlap (streams), a
reply takes as long as the slowest of them, and compressing pays on faster links too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Codec:
    """`ratio`: compressed size over size; bytes compressed per time; *compressed* bytes decompressed per time."""

    ratio: float
    compressed: float
    decompressed: float

    def __post_init__(self) -> None:
        if not (self.ratio > 0 and self.compressed > 0 and self.decompressed > 0):
            raise ValueError("a ratio and speeds are above 0")

    @property
    def computing(self) -> float:
        """Time of the CPUs of both sides for each byte: 1/V_c + r/V_d."""
        return 1 / self.compressed + self.ratio / self.decompressed

    @property
    def break_even(self) -> float:
        """Bytes per time below which a reply arrives sooner compressed: S/V_c + rS/B + rS/V_d < S/B, solved for B.

        (1 − r)/(1/V_c + r/V_d); 0 where nothing is saved.
        """
        return max(0.0, 1 - self.ratio) / self.computing

    def reply_time(self, size: float, link: ArrayLike) -> NDArray[np.float64]:
        """Time of a compressed reply over links of so many bytes per time."""
        return size * (self.computing + self.ratio / np.asarray(link, float))


def crossing(links: ArrayLike, ratios: ArrayLike) -> float:
    """The link at which measured times (compressed over plain) cross 1, read between its neighbours on log axes; NaN where none
    does. Both of shape (links,), in any order.
    """
    x, y = np.asarray(links, float), np.asarray(ratios, float)
    order = np.argsort(x)
    x, y = np.log(x[order]), np.log(y[order])
    crosses = np.flatnonzero((y[:-1] <= 0) & (y[1:] > 0))
    if not crosses.size:
        return math.nan
    at = crosses[0]
    return float(np.exp(x[at] + (x[at + 1] - x[at]) * -y[at] / (y[at + 1] - y[at])))
