"""Which server gets the next request? Each way is a plain function: write a new one, and pass it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Route = Callable[[Sequence[int], int, Random], int]
"""Server for a request, given how many requests each server has not answered yet, the request's number, and chance."""


def round_robin(outstanding: Sequence[int], number: int, random: Random) -> int:
    """One after the other."""
    return number % len(outstanding)


def at_random(outstanding: Sequence[int], number: int, random: Random) -> int:
    """Any."""
    return random.randrange(len(outstanding))


def least_outstanding(outstanding: Sequence[int], number: int, random: Random) -> int:
    """One of those with the fewest requests not yet answered."""
    fewest = min(outstanding)
    return random.choice([server for server, count in enumerate(outstanding) if count == fewest])


def two_choices(outstanding: Sequence[int], number: int, random: Random) -> int:
    """Of two drawn at random the one with fewer (Mitzenmacher 2001); knows two servers only, however many there are."""
    first, second = random.randrange(len(outstanding)), random.randrange(len(outstanding))
    return first if outstanding[first] <= outstanding[second] else second


ROUTES: dict[str, Route] = {
    "round robin": round_robin,
    "random": at_random,
    "least outstanding": least_outstanding,
    "two choices": two_choices,
}
