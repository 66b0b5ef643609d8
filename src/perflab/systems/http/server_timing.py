"""Where a server spent a request's time, told in the reply's `Server-Timing` header (W3C recommendation of that name).

`dur` is in milliseconds, as the recommendation has it, with six decimals: nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perflab.measure.http_reply import Reply

HEADER = "Server-Timing"
PARTS = ("queue", "parse", "database", "compute", "serialise")


@dataclass(frozen=True)
class ServerTiming:
    """`PARTS` of the time in the server, one after another, in ns.

    `arrived` is when the request had been read, by `perf_counter_ns`: one clock for all processes of a machine. `calls` are the
    single calls inside "database": beginning (from the beginning of that part) and duration; they may overlap. `hit`: whether
    the cache had the answer, None without a cache. `line` and `thread`: from when and for how long the request waited for a
    thread, and had one.
    """

    arrived: int = 0
    queue: int = 0
    parse: int = 0
    database: int = 0
    compute: int = 0
    serialise: int = 0
    calls: tuple[tuple[int, int], ...] = ()
    hit: bool | None = None
    line: tuple[int, int] = (0, 0)
    thread: tuple[int, int] = (0, 0)

    @property
    def total(self) -> int:
        """All of the time in the server."""
        return sum(getattr(self, part) for part in PARTS)

    def encode(self) -> str:
        """The header's value."""
        metrics = [f"arrived;start={_ms(self.arrived)}"]
        metrics += [f"{part};dur={_ms(getattr(self, part))}" for part in PARTS]
        spans = [("line", self.line), ("thread", self.thread), *(("call", call) for call in self.calls)]
        metrics += [f"{name};start={_ms(start)};dur={_ms(duration)}" for name, (start, duration) in spans]
        if self.hit is not None:
            metrics.append(f"cache;desc={'hit' if self.hit else 'miss'}")
        return ", ".join(metrics)


def decode(value: str) -> ServerTiming:
    """The timing that a header's value tells; raises ValueError when it does not tell all parts."""
    found: dict[str, list[dict[str, str]]] = {}
    for metric in value.split(","):
        name, *parameters = (piece.strip() for piece in metric.split(";"))
        found.setdefault(name, []).append(dict(parameter.split("=", 1) for parameter in parameters))
    if missing := [part for part in PARTS if part not in found]:
        raise ValueError(f"the {HEADER} header does not tell {', '.join(missing)}: {value!r}")

    def spans(name: str) -> list[tuple[int, int]]:
        return [(_ns(given["start"]), _ns(given["dur"])) for given in found.get(name, [])]

    return ServerTiming(
        arrived=_ns(found["arrived"][0]["start"]) if "arrived" in found else 0,
        **{part: _ns(found[part][0]["dur"]) for part in PARTS},
        calls=tuple(spans("call")),
        hit=found["cache"][0]["desc"] == "hit" if "cache" in found else None,
        line=(spans("line") or [(0, 0)])[0],
        thread=(spans("thread") or [(0, 0)])[0],
    )


def timing_of(reply: Reply) -> ServerTiming:
    """The timing that a reply tells; raises ValueError when it tells none."""
    value = reply.headers.get(HEADER.lower())
    if value is None:
        raise ValueError(f"the reply has no {HEADER} header")
    return decode(value)


def note_queue(reply: Reply) -> dict[str, int]:
    """When a request was in line for a thread, had one, and let go of it (ns), and whether the cache had the answer (1 or 0)."""
    timing = timing_of(reply)
    had_ns, held_ns = timing.thread
    return {
        "arrived_ns": timing.line[0],
        "started_ns": had_ns,
        "done_ns": had_ns + held_ns,
        "hit": int(timing.hit or False),
    }


def encode_state(state: Mapping[str, Any]) -> str:
    """The header's value for the stages of a server: when each was entered, and for how long (ns of the server's running).

    What is noted otherwise in a request's `state` is told as it is.
    """
    spans = {name: value for name, value in state.items() if isinstance(value, tuple)}
    metrics = [f"{name};start={_ms(entered)};dur={_ms(left - entered)}" for name, (entered, left) in spans.items()]
    return ", ".join(metrics + [f"{name};desc={int(state[name])}" for name in state if name not in spans])


def state_of(reply: Reply) -> dict[str, Any]:
    """The `state` that a reply of a server of stages tells: (entered, left) of each stage, ns, and whole numbers."""
    found: dict[str, Any] = {}
    for metric in reply.headers.get(HEADER.lower(), "").split(", "):
        name, *parameters = metric.split(";")
        told = dict(parameter.split("=", 1) for parameter in parameters)
        if "dur" in told:
            found[name] = _ns(told["start"]), _ns(told["start"]) + _ns(told["dur"])
        elif told:
            found[name] = int(told["desc"])
    return found


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000}.{nanoseconds % 1_000_000:06d}"


def _ns(milliseconds: str) -> int:
    whole, _, part = milliseconds.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0")[:6])
