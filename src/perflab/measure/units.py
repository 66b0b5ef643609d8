"""Numbers as people read them: the one place where durations, counts, rates, bytes and ratios become text."""

from __future__ import annotations

import math

TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
BYTE_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
EVERYDAY_UNITS = (
    (3.156e7, "years"),
    (2.63e6, "months"),
    (86_400.0, "days"),
    (3_600.0, "hours"),
    (60.0, "minutes"),
    (1.0, "seconds"),
)
DASH = "–"


def duration(nanoseconds: float, digits: int = 2) -> str:
    """A duration in the unit that gives 1 to 999, or seconds: `1.3 µs`."""
    return _scaled(nanoseconds, TIME_UNITS, digits)


def duration_range(low_ns: float, high_ns: float | None, digits: int = 2) -> str:
    """An interval of durations in one unit, the high end's: `2.9–3.4 µs`; without a high end `≥ 2.9 µs`."""
    if high_ns is None:
        return f"≥ {duration(low_ns, digits)}"
    scale, unit = _unit_of(high_ns, TIME_UNITS)
    return f"{number(low_ns / scale, digits)}–{number(high_ns / scale, digits)} {unit}"


def seconds_as_people_say(seconds: float) -> str:
    """So many seconds in the largest unit of everyday life that holds at least one: `21 days`."""
    scale, unit = _unit_of(seconds, EVERYDAY_UNITS)
    return f"{number(seconds / scale)} {unit}"


def byte_size(size: float, digits: int = 2) -> str:
    """A size in decimal units: `65 kB`."""
    return _scaled(size, BYTE_UNITS, digits)


def count(value: float) -> str:
    """A whole number with thousands marked: `23,000`; a dash where there is none, as long as no time has passed."""
    return f"{round(value):,}" if math.isfinite(value) else DASH


def rate(per_second: float, what: str = "requests") -> str:
    """A throughput: `5,000 requests/s`."""
    return f"{number(per_second, 3)} {what}/s"


def ratio(value: float) -> str:
    """A factor: `2.1×`; near 1 with a digit more, so that `1.04×` is not said to be `1.0×`."""
    return f"{number(value, 3 if 0 < abs(value - 1) < 0.1 else 2)}×"


def percent(share: float) -> str:
    """A share of one as percent: `0.25` becomes `25%`; what is not all is not said to be 100%."""
    digits = next((each for each in (2, 3, 4) if number(100 * share, each) != "100"), 2) if share < 1 else 2
    return f"{number(100 * share, digits)}%"


def things(number_of: float, what: str) -> str:
    """How many of what, in the plural where it is not one: `1 request`, `2,000 requests`."""
    told = count(number_of)
    return f"{told} {what}" if told == "1" else f"{told} {what}s"


def number(value: float, digits: int = 2) -> str:
    """A number rounded to significant digits, without exponents, thousands marked, never fewer than its whole part."""
    if not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:,.{decimals}f}"


def _scaled(value: float, units: tuple[tuple[float, str], ...], digits: int) -> str:
    if not math.isfinite(value):
        return DASH
    scale, unit = _unit_of(value, units)
    return f"{number(value / scale, digits)} {unit}"


def _unit_of(value: float, units: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    # 999.7 ns must not be shown as "1,000 ns" when "1.0 µs" is meant, hence a little below each border.
    return next((pair for pair in units if abs(value) >= 0.9995 * pair[0]), units[-1])
