"""How long a reply takes over a distance: TCP's slow start, the bandwidth of the line, and the receiver's window.

A connection may have 10 segments on their way at first (RFC 6928) and twice as many after each round trip (slow start, RFC 5681),
never more than the receiver's window holds. No segment is lost. Sizes in bytes, times in seconds.
"""

from __future__ import annotations

import math

SEGMENT = 1_460
INITIAL_WINDOW = 10 * SEGMENT


def rounds(size: float) -> int:
    """How many bursts slow start takes for so many bytes, one each round trip: 1 up to 14,600 bytes, 7 for a megabyte."""
    return max(1, math.ceil(math.log2(size / INITIAL_WINDOW + 1)))


def transfer_s(size: float, round_trip_s: float, bits_per_s: float = math.inf, window: float = math.inf) -> float:
    """From when the first byte leaves until the last one has arrived, on a connection that has just been opened.

    Each burst waits for the first acknowledgement of the one before, or for the line, whichever takes longer.
    """
    if min(size, round_trip_s) < 0 or min(bits_per_s, window) <= 0:
        raise ValueError("sizes and times must not be negative, bandwidth and window must be above 0")
    byte_s, began_s, left, burst = 8 / bits_per_s, 0.0, size, min(INITIAL_WINDOW, window)
    while left > burst and burst * byte_s < (acknowledged_s := round_trip_s + SEGMENT * byte_s):
        if burst >= window:  # all bursts that are still to come are alike
            bursts = math.ceil(left / burst) - 1
            began_s, left = began_s + bursts * acknowledged_s, left - bursts * burst
        else:
            began_s, left, burst = began_s + acknowledged_s, left - burst, min(2 * burst, window)
    return began_s + left * byte_s + round_trip_s / 2
