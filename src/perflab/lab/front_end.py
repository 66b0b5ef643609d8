"""Which front end shows the notebook, where that matters. Voilà tells its kernels; the others show all cells."""

from __future__ import annotations

import os
from collections.abc import Mapping

VOILA = "VOILA_BASE_URL"


def shows_cells(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a learner sees the cells, and can edit and run them."""
    return VOILA not in environment
