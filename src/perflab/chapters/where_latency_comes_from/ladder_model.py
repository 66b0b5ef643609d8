"""What theory expects of a read of memory: one cache with memory behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.theory.memory import random_read

SMALLEST, LARGEST = 16_000, 64_000_000


def predict(part: str, working_set: int, constants: Mapping[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A read of memory (ns) against the working set (bytes): one cache with memory behind it."""
    costs = constants["cache"], constants["inside_ns"], constants["outside_ns"]
    # The bend of the curve is a point of its own: between two others it would look like a slope.
    sizes = np.sort(np.append(np.geomspace(SMALLEST, LARGEST, 60), np.clip(costs[0], SMALLEST, LARGEST)))
    return sizes, random_read(sizes, *costs)
