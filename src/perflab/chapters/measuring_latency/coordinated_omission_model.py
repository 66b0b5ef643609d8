"""When each request of the two loops was where: what client and server noted of it, on one clock, turn after turn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load_moments
from perflab.measure.http_reply import Reply
from perflab.measure.load import LoadResult
from perflab.systems.http.server_timing import state_of

Turn = Mapping[str, NDArray[np.float64]]
Replies = Mapping[int, tuple[int, Reply]]
"""Of each request, by its number: when the client saw its reply, by the machine's clock (ns), and that reply."""


def turn_of(result: LoadResult, replies: Replies, ahead_ns: int) -> Turn:
    """The turn of a loop, those requests that were answered. The server's clock, by which replies tell, is `ahead_ns` of the
    machine's.

    A request of the loop that waits is due when it is sent. It is at work while it has the server's turn, stalls included.
    """
    numbers = [number for number in result.numbers.tolist() if number in replies]
    seen_ns = np.array([replies[number][0] for number in numbers], np.int64)
    due_ns = seen_ns - result.response_ns[np.isin(result.numbers, numbers)]
    told = [state_of(replies[number][1]) for number in numbers]
    server_ns = [(each["concurrency"][0], each["stall"][0], each["concurrency"][1]) for each in told]
    return load_moments.turn_of(
        np.array([due_ns, *(np.array(server_ns, np.int64).reshape(-1, 3) - ahead_ns).T, seen_ns])
    )


moments = load_moments.moments_of_turns(least_s=lambda run: run.parameters["every"] / 1e3)
"""Each turn is as long as the period of the stalls."""
