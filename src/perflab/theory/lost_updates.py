"""Updates that are lost because a client writes what it has computed from a value that another one has replaced meanwhile."""

from __future__ import annotations

from typing import Any


def overtaken(clients: int, counters: int, share: float) -> float:
    """How many writes of other clients to the same counter are expected between a client's read and its write.

    Each client is between the two for this `share` of its time, and chooses one of the counters at random each time: (N − 1)·f/K.
    """
    return (clients - 1) * share / counters


def lost_share(writes: Any) -> Any:
    """Share of the increments that are lost, where so many writes of others fall between a read and its write: x/(1 + x).

    A write undoes all writes since its read, on average x; and the one that it has read has undone x before. So of x + 1 writes
    one lasts. It holds where the moment of a read does not depend on the others' writes: exactly for clients that read again as
    soon as they have written (f = 1), and nearly for many counters.
    """
    return writes / (1 + writes)
