"""When TCP sends each segment: the line must be free, and the congestion window must have room.

The window is 10 segments at first (RFC 6928) and grows by what is acknowledged, so it doubles each round trip (slow start, RFC
5681), up to the receiver's window. Nothing is lost, and the window does not shrink while a connection is idle.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from perflab.measure.guards import check_number

SEGMENT, INITIAL_SEGMENTS = 1_460, 10
MIN_BITS_PER_S, MAX_BITS_PER_S, MAX_WINDOW_BYTES = 1e5, 1e11, 1e9


@dataclass(frozen=True)
class Line:
    """Its bandwidth, and the receiver's window."""

    bits_per_s: float
    window_bytes: float

    def __post_init__(self) -> None:
        check_number("bits_per_s", self.bits_per_s, MIN_BITS_PER_S, MAX_BITS_PER_S)
        check_number("window_bytes", self.window_bytes, SEGMENT, MAX_WINDOW_BYTES)


class Sender:
    """The sending end of one direction of a connection. Moments are in seconds, sizes in bytes."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._window = INITIAL_SEGMENTS * SEGMENT
        self._in_flight = 0
        self._acknowledged: deque[tuple[float, int]] = deque()
        self._free_s = 0.0

    def leaves(self, size: int, ready_s: float, round_trip_s: float) -> float:
        """When a segment that is ready at `ready_s` has left. Segments are sent in the order in which they are asked about."""
        start_s = max(ready_s, self._free_s)
        while self._in_flight + size > min(self._window, self._line.window_bytes):
            acknowledged_s, freed = self._acknowledged.popleft()
            start_s = max(start_s, acknowledged_s)
            self._in_flight -= freed
            self._window += freed
        self._free_s = start_s + 8 * size / self._line.bits_per_s
        self._in_flight += size
        self._acknowledged.append((self._free_s + round_trip_s, size))
        return self._free_s
