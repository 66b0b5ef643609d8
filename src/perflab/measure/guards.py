"""What is refused before it starts: bad numbers, and more of the machine than a lab may take."""

from __future__ import annotations

import math
import numbers
import sys
from dataclasses import dataclass
from typing import Any, TypeGuard

THREADS_PER_CPU = 64
PROCESSES_PER_CPU = 8
MEMORY_SHARE = 0.25
MAX_BYTES = 1_000_000_000
MAX_REQUESTS_PER_S = 20_000
MAX_CONNECTIONS, MAX_ON_WINDOWS = 1_024, 500
"""At the same time. On Windows a program waits for 512 sockets at most (select), and a few of them are not connections."""


class BadInput(ValueError):
    """A value that is not allowed. The message names the field and says what is."""


@dataclass(frozen=True)
class Limits:
    """The most that one run may use of this machine."""

    threads: int
    processes: int
    bytes: int
    connections: int

    @classmethod
    def of(cls, cpus: float, memory_bytes: int, platform: str = sys.platform) -> Limits:
        """Limits for a machine with so many effective CPUs and so much memory."""
        whole = max(1, math.ceil(cpus))
        return cls(
            threads=THREADS_PER_CPU * whole,
            processes=PROCESSES_PER_CPU * whole,
            bytes=min(MAX_BYTES, int(MEMORY_SHARE * memory_bytes)),
            connections=MAX_ON_WINDOWS if platform == "win32" else MAX_CONNECTIONS,
        )

    def check(self, **wanted: float) -> None:
        """Refuse what goes over a limit: `limits.check(threads=10_000)` raises `BadInput` with limit and reason."""
        for name, value in wanted.items():
            limit = getattr(self, name)
            checked = check_number(name, value, 0, math.inf)
            if checked > limit:
                raise BadInput(
                    f"{name}: {checked:,.10g} asked for, at most {limit:,} allowed here, so that this machine stays usable."
                )


def machine_limits() -> Limits:
    """The limits of this machine."""
    from perflab.measure.machine import effective_cpus, memory_limit

    return Limits.of(effective_cpus(), memory_limit())


def is_number(value: Any) -> TypeGuard[float]:
    """Whether this is a real number, NumPy's too; a truth value is none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> float:
    """`value` if it is a finite number from `low` to `high`; else `BadInput` that names the field and the range."""
    if is_number(value) and math.isfinite(value) and low <= value <= high and not (whole and value != int(value)):
        return value
    kind = "a whole number" if whole else "a number"
    upto = f"from {low:,.10g} to {high:,.10g}" if math.isfinite(high) else f"of at least {low:,.10g}"
    raise BadInput(f"{name} must be {kind} {upto}; got {value!r}.")
