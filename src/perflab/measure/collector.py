"""Python's garbage collector, kept out of a measurement."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused(paused: bool = True, generation: int = 2) -> Iterator[None]:
    """Collect, then keep the collector off inside the block; afterwards it is as it was. `paused=False` changes nothing.

    `generation` 2 collects everything, which takes long where much is alive; 0 only what is new.
    """
    was_on = gc.isenabled()
    if paused:
        gc.collect(generation)
        gc.disable()
    try:
        yield
    finally:
        if paused and was_on:
            gc.enable()
