"""What compressing should do to a reply: how fast zlib is on this machine, and what a reply takes besides."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.trade_off.plane import direction
from perflab.lab import Record
from perflab.lab.marks import Point, before
from perflab.lab.rows import in_turn
from perflab.measure import Frame, Ratio, count, number, paired_ratio, percent, percentile
from perflab.systems.clients.replies import documents
from perflab.systems.servers.stage_kinds.documents import KINDS
from perflab.theory.compression import Codec, crossing

LEVELS = (1, 6, 9)
PROBED_KB = (2, 20, 200)
"""Sizes at which zlib is measured; those between are read on log axes."""
LINKS_MBITS = (10, 20, 50, 100, 200, 400, 800, 1_600)
LINKS = np.geomspace(8, 2_000, 40)
"""Bandwidths (Mb/s) at which the model is drawn."""
PROBES, UNLIMITED = 5, 1e11
PLAIN, PACKED, PARTS = "plain_ns", "packed_ns", ("compress_ns", "decompress_ns")


def name_of(what: str, kind: str, level: int, size_kb: int) -> str:
    """The name of a constant."""
    return f"{what} of {size_kb} kB of {kind} at level {level}"


def calibrate() -> Iterator[Frame]:
    """How small zlib makes each kind, and how long that and the way back take (ns), in the server and the client that a run has;
    and what a reply takes besides.
    """
    with documents(KINDS[0], 1_000 * PROBED_KB[0], UNLIMITED) as server:
        rest = [server.fetch(0)[1].total_ns for _ in range(8 * PROBES)]
        yield Frame(facts={"rest_ns": percentile(rest, 0.5)})
        for kind, size_kb in itertools.product(KINDS, PROBED_KB):
            server.change(kind, 1_000 * size_kb)
            facts: dict[str, float] = {}
            for level in LEVELS:
                found = [server.fetch(level)[1] for _ in range(PROBES)]
                compress, decompress = (float(np.median([getattr(each, name) for each in found])) for name in PARTS)
                facts[name_of("ratio", kind, level, size_kb)] = found[0].sent_bytes / (1_000 * size_kb)
                facts[name_of("compressing", kind, level, size_kb)] = compress
                facts[name_of("decompressing", kind, level, size_kb)] = decompress
            yield Frame(facts=facts)


@dataclass(frozen=True)
class Expected:
    """Times of a reply (ns) over `LINKS`, as it is and compressed; the bandwidth at which they are equal (Mb/s, 0: none); parts
    of both at the bandwidth of the slider, as `parts_of` has them.
    """

    plain: NDArray[np.float64]
    packed: NDArray[np.float64]
    break_even: float
    parts: NDArray[np.float64]


def predict(size: int, kind: str, level: int, bandwidth: int, constants: Mapping[str, Any]) -> Expected:
    """Worth it where B < (1 − r)/(1/V_c + r/V_d); what a reply takes besides is the same for both."""
    codec, plain_bytes, rest = codec_of(size, kind, level, constants), 1_000.0 * size, constants["rest_ns"]
    links = LINKS / 8e3  # bytes per ns
    way = plain_bytes * 8e3 / bandwidth + rest
    packed_way = codec.ratio * plain_bytes * 8e3 / bandwidth + rest
    steps = way, plain_bytes / codec.compressed, packed_way, codec.ratio * plain_bytes / codec.decompressed
    return Expected(
        plain_bytes / links + rest,
        codec.reply_time(plain_bytes, links) + rest,
        8e3 * codec.break_even,
        np.array(steps) / way,
    )


def codec_of(size: int, kind: str, level: int, constants: Mapping[str, Any]) -> Codec:
    """What zlib does to a reply of so many kB on this machine, in bytes per ns."""

    def at(what: str) -> float:
        known = [constants[name_of(what, kind, level, each)] for each in PROBED_KB]
        return float(np.exp(np.interp(np.log(size), np.log(PROBED_KB), np.log(known))))

    ratio, plain = at("ratio"), 1_000 * size
    return Codec(ratio, plain / at("compressing"), ratio * plain / at("decompressing"))


def codec_seen(run: Record) -> Codec | None:
    """What zlib did in this run, medians, in bytes per ns; None before its first pair."""
    compress, decompress = (run.column(name) for name in PARTS)
    if not compress.size:
        return None
    plain, sent = 1_000 * run.parameters["size"], run.fact("sent_bytes")
    return Codec(sent / plain, plain / percentile(compress, 0.5), sent / percentile(decompress, 0.5))


def break_even_mbits(run: Record) -> float:
    """The bandwidth below which compressing pays, by the speeds of this run (Mb/s); 0 for none, NaN before the first pair."""
    codec = codec_seen(run)
    return np.nan if codec is None else 8e3 * codec.break_even


def parts_of(run: Record) -> NDArray[np.float64]:
    """Medians, as shares of the plain reply's: itself; of the compressed one compressing, the way, decompressing."""
    plain, packed, compress, decompress = (
        np.median(run.column(name)) if run.column(name).size else np.nan for name in (PLAIN, PACKED, *PARTS)
    )
    return np.array([plain, compress, packed - compress - decompress, decompress]) / plain


def ends_of(parts: Any) -> Any:
    """Begins and ends of the bars: the plain reply; compressing, on its way, decompressing."""
    begins, ends = in_turn(parts[1:])
    return np.array([[0.0, *begins], [parts[0], *ends]])


def reach(parts: Any) -> float:
    """How far the longer bar reaches, with room for its time."""
    return 1.2 * float(np.nanmax(ends_of(parts)))


def times(record: Record) -> Ratio | None:
    """How many times that of the plain reply the compressed one takes, by pairs; None before the first."""
    plain, packed = record.column(PLAIN), record.column(PACKED)
    return paired_ratio(packed, plain) if packed.size else None


def median_of(column: str) -> Callable[[Record], Point]:
    """The median time of a reply, at the bandwidth."""
    return lambda run: (run.parameters["bandwidth"], percentile(run.column(column), 0.5) if run.calls else np.nan)


def ratio_at(run: Record) -> Point:
    """How many times the plain reply's time, at the bandwidth."""
    found = times(run)
    return run.parameters["bandwidth"], np.nan if found is None else found.value


def way_at(run: Record) -> Point:
    """1 where compressing clearly costs time, -1 where it clearly saves some, 0 or NaN elsewhere; at the bandwidth."""
    found = times(run)
    way = None if found is None else direction(found)
    return run.parameters["bandwidth"], np.nan if way is None else way


CHANGING = ("bandwidth",)
_ratios, _ways = before(ratio_at, CHANGING), before(way_at, CHANGING)
SPAN_NS = 7e7


def between(runs: Sequence[Record]) -> list[float]:
    """The two links (Mb/s) nearest to each other between which the times cross beyond chance, of runs that differ from the newest
    in the bandwidth only; none where they do not.
    """
    links, ways = map(np.array, _ways(runs))
    saves, costs = links[ways < 0], links[ways > 0]
    return [saves.max(), costs.min()] if saves.size and costs.size and saves.max() < costs.min() else []


def crossed(runs: Sequence[Record]) -> float:
    """The bandwidth (Mb/s) at which the measured times cross, between two links that are neighbours on the slider; NaN for none.

    Between links farther apart it would be read from where nothing was measured.
    """
    ends = between(runs)
    places = [LINKS_MBITS.index(int(end)) for end in ends]
    return read_between(runs) if places and places[1] - places[0] == 1 else np.nan


def read_between(runs: Sequence[Record]) -> float:
    """Where a line through the ratios that were measured crosses 1, however far apart the links are."""
    return crossing(*_ratios(runs))


def span(runs: Sequence[Record]) -> tuple[list[float], list[float]]:
    """A stroke from one of these links to the other."""
    ends = between(runs)
    return ends, [SPAN_NS] * len(ends)


def crossing_said(runs: Sequence[Record]) -> Any:
    """Where the times cross, as a number or as the two links, and the place of that text: above the stroke."""
    if not (ends := between(runs)):
        return None
    at, (low, high) = crossed(runs), ends
    said = f"{count(low)}–{count(high)}" if np.isnan(at) else number(at)
    return low if np.isnan(at) else at, 2 * SPAN_NS, f"found: {said} Mb/s"


def seen(what: Callable[[Codec], str]) -> Callable[[Record], str]:
    """A row's text of what zlib did in a run."""

    def text(run: Record) -> str:
        codec = codec_seen(run)
        return "" if codec is None else what(codec)

    return text


CODEC_ROWS = (
    ("compressed to", seen(lambda codec: percent(codec.ratio))),
    ("compresses, MB/s", seen(lambda codec: number(1e3 * codec.compressed))),
    ("decompresses, MB/s of compressed", seen(lambda codec: number(1e3 * codec.decompressed))),
    ("break-even by these, Mb/s", lambda run: number(break_even_mbits(run), 3)),
)
