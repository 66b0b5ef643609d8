"""Where a server spent a request's time, told in the reply's `Server-Timing` header (W3C recommendation of that name).

`dur` is in milliseconds, as the recommendation has it, with six decimals: nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.http_reply import Reply

HEADER = "Server-Timing"
PARTS = ("queue", "parse", "database", "compute", "serialise")


@dataclass(frozen=True)
class ServerTiming:
    """Serial parts of the time in the server, in ns; they sum to all of it. Those of `PARTS`, in that order.

    `arrived` is when the request had been read, by `perf_counter_ns`: one clock for all processes of a machine.
    `calls` are the single calls to the database inside "database": beginning, counted from the beginning of that part, and
    duration. They follow one another or overlap. `hit` tells whether the cache had the answer, None where there is no cache.
    `line` is when the request was in line for a thread, by the same clock, and for how long; `thread` since when it had one, and
    for how long.
    """

    arrived: int
    queue: int
    parse: int
    database: int
    compute: int
    serialise: int
    calls: tuple[tuple[int, int], ...] = ()
    hit: bool | None = None
    line: tuple[int, int] = (0, 0)
    thread: tuple[int, int] = (0, 0)

    @property
    def total(self) -> int:
        """All of the time in the server."""
        return self.queue + self.parse + self.database + self.compute + self.serialise

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


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000}.{nanoseconds % 1_000_000:06d}"


def _ns(milliseconds: str) -> int:
    whole, _, part = milliseconds.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0")[:6])
