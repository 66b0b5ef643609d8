"""Python's garbage collector, kept out of a measurement."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused(paused: bool = True) -> Iterator[None]:
    """Collect, then keep the collector off inside the block; afterwards it is as it was. `paused=False` changes nothing."""
    was_on = gc.isenabled()
    if paused:
        gc.collect()
        gc.disable()
    try:
        yield
    finally:
        if paused and was_on:
            gc.enable()
