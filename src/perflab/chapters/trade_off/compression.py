"""When does compressing pay? A reply over a link of a chosen bandwidth, as it is and compressed, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.trade_off.compression_model import (
    CHANGING,
    CODEC_ROWS,
    LEVELS,
    LINKS,
    LINKS_MBITS,
    PACKED,
    PARTS,
    PLAIN,
    break_even_mbits,
    calibrate,
    codec_seen,
    crossed,
    crossing_said,
    ends_of,
    median_of,
    parts_of,
    predict,
    reach,
    span,
    times,
)
from perflab.chapters.trade_off.plane import direction, times_said
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import duration_ticks, percent_ticks
from perflab.lab.marks import Here, Label, Line, Rule, before, measured
from perflab.lab.palette import CLOCK, MEASURED, MODEL, MODEL_LINE, MODEL_OUTLINE, PINNED, THIRD
from perflab.lab.rows import Spans, Texts, named_rows
from perflab.lab.verdict import percentile_of, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, byte_size, count, duration, gc_paused, number, percent, percentile
from perflab.measure.units import ratio
from perflab.systems.clients.replies import documents
from perflab.systems.servers.stage_kinds.documents import JSON, KINDS, document

SLICE_S, SIZES_KB = 0.1, (2, 5, 10, 20, 50, 100, 200)


def experiment(size: int, kind: str, level: int, bandwidth: int, seed: int) -> Iterator[Frame]:
    generator, expected = np.random.default_rng(seed), document(kind, 1_000 * size)
    with documents(kind, 1_000 * size, 1e6 * bandwidth) as server:
        for each in (0, level):  # the first of each is slow, and shows that both bring the same
            if server.fetch(each)[0] != expected:
                raise RuntimeError("The reply is not the document that was sent.")
        while True:
            pairs: list[tuple[int, ...]] = []
            ends = perf_counter() + SLICE_S
            with gc_paused(generation=0):
                while not pairs or perf_counter() < ends:
                    order = generator.permutation([0, level]).tolist()
                    fetched = {each: server.fetch(each)[1] for each in order}
                    plain, packed = fetched[0], fetched[level]
                    pairs.append((plain.total_ns, packed.total_ns, packed.compress_ns, packed.decompress_ns))
            columns = dict(zip((PLAIN, PACKED, *PARTS), np.array(pairs).T, strict=True))
            yield Frame(columns, {"calls": 2 * len(pairs)}, {"sent_bytes": packed.sent_bytes})


TOP_NS = 4e8
STEPS: tuple[dict[str, str], ...] = (
    {"color": PINNED, "label": "link"},
    {"color": THIRD, "hatch": "xx", "label": "compress"},
    {"color": PINNED},
    {"color": CLOCK, "hatch": "//", "label": "decompress"},
)
SQUARES: dict[str, Any] = {"color": PINNED, "marker": "s", "linestyle": "none"}
CHARTS = (
    Chart(
        "Time until the client has the reply",
        Axis("bandwidth (Mb/s)", LINKS[0], LINKS[-1], log=True, ticks={each: f"{each:,}" for each in LINKS_MBITS}),
        Axis("", 2e5, 1e9, log=True, ticks=duration_ticks),
        Line("as it is", model=lambda m: (LINKS, m.plain), color=PINNED, linestyle="--", linewidth=2.5, at=12.0),
        Line("compressed", model=lambda m: (LINKS, m.packed), **MODEL_LINE, at=12.0, side="below"),
        Here("bandwidth", lambda m: (LINKS, m.packed)),
        Rule("x", model=lambda m: m.break_even or np.nan, color=MODEL, linestyle=":", linewidth=2),
        Label(model=lambda m: (m.break_even or np.nan, TOP_NS, f"model: {number(m.break_even)} Mb/s"), color=MODEL),
        Rule("x", runs=crossed, color=MEASURED, linestyle="--", linewidth=2),
        Line(runs=span, color=MEASURED, linewidth=2),
        Label(runs=crossing_said, color=MEASURED),
        Line(runs=before(median_of(PLAIN), CHANGING), **SQUARES, markersize=4),
        Line(run=median_of(PLAIN), **SQUARES, markersize=8),
        *measured(median_of(PACKED), among=CHANGING, label="measured, compressed", earlier="measured before"),
        empty="The times of two replies will appear here.",
    ),
    Chart(
        "Where the time goes",
        Axis(
            "share of the plain reply's time",
            *(0, 1.25),
            ticks=percent_ticks,
            ends=(1.25, 2.4, 4.8, 9.5, 24),
            reach=lambda m: reach(m.parts),
            run_reach=lambda run: reach(parts_of(run)),
        ),
        named_rows(("as it is", "compressed")),
        Spans((0, 1), model=lambda m: ends_of(m.parts)[:, [0, 3]] * [[0], [1]], **MODEL_OUTLINE),
        Spans((0, 1, 1, 1), each=STEPS, run=lambda run: ends_of(parts_of(run))),
        Texts(2, run=lambda run: [duration(np.median(run.column(name))) for name in (PLAIN, PACKED)]),
    ),
)


def say(record: Record) -> str:
    """Both times, how many times the other one is, and the break-even by the speeds of this run."""
    plain, packed = (duration(percentile(record.column(name), 0.5)) for name in (PLAIN, PACKED))
    size, codec = byte_size(1_000 * record.parameters["size"]), codec_seen(record)
    said = f"{size} arrive after {packed} compressed, after {plain} as they are: {times_said(times(record))}."
    if codec is None or not codec.break_even:
        return f"{said} They do not shrink, so that compressing never pays."
    shrunk = f"They shrink to {percent(codec.ratio)}; by the speeds of this run that pays below"
    return f"{said} {shrunk} {number(break_even_mbits(record), 3)} Mb/s."


def effect(record: Record) -> str:
    """What compressing did on this link; empty where it is too close to call."""
    if (found := times(record)) is None or (way := direction(found)) is None:
        return ""
    how = {1: f"{ratio(found.value)} slower", 0: "as slow as before", -1: f"{ratio(1 / found.value)} quicker"}[way]
    return f"{how} over {count(record.parameters['bandwidth'])} Mb/s"


def finding(record: Record, pinned: Record | None) -> str | None:
    """Whether compressing paid; on both links where the pinned run differs in nothing but its link."""
    if (said := effect(record)) and pinned is not None and only_change(record, pinned) == "bandwidth":
        said = ", and ".join(filter(None, (effect(pinned), said)))
    return f"Compressing makes the reply {said}." if said else None


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    what = "{size} kB ({kind}) over a link of {bandwidth:,} Mb/s: as they are, and compressed (zlib, level {level}), in turns."
    return what.format(**chosen)


def what_it_depends_on(slow: Record, fast: Record) -> Outcome | None:
    """Whether compressing pays on a slow and on a fast link."""
    ratios = times(slow), times(fast)
    ways = [None if ratio is None else direction(ratio) for ratio in ratios]
    found = {(-1, 1): DEPENDS, (1, 1): SLOWER, (-1, -1): QUICKER}.get(tuple(ways))  # type: ignore[arg-type]
    if found is None:
        return None
    links = (f"{count(run.parameters['bandwidth'])} Mb/s" for run in (slow, fast))
    told = (f"{ratio_text(ratio)} at {link}" for ratio, link in zip(ratios, links, strict=True) if ratio)
    return Outcome(found, f"the time with compression is {' and '.join(told)}")


SLOWER, QUICKER, DEPENDS = "always later", "always sooner", "it depends on the link"
PREDICTION = Prediction(
    question="A server compresses each reply of 200 kB of JSON (zlib, level 6, the default). Does the client have it sooner?",
    choices={
        SLOWER: Answer("Compressing is work in addition, but on a slow link it saves more time than it takes."),
        QUICKER: Answer(
            "Fewer bytes take less time on the link; but compressing takes its time on every link, and a fast one saves less.",
            "zlib is so quick on this machine that it pays even at 1,600 Mb/s.",
        ),
        DEPENDS: Answer(
            "Here both links came out alike.",
            "What compressing costs is the same on every link; what it saves shrinks with the bandwidth.",
        ),
    },
    runs=({"size": 200, "level": 6, "bandwidth": 50}, {"size": 200, "level": 6, "bandwidth": 1_600}),
    find=what_it_depends_on,
)


def lab() -> Lab:
    return Lab(
        question="When does compressing pay?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "bandwidth": values_slider(LINKS_MBITS, 50, unit="Mb/s"),
            "level": values_slider(LEVELS, 6, unit="(zlib)", label="level"),
            "kind": choice(KINDS, JSON, label="kind of reply"),
            "size": values_slider(SIZES_KB, 200, unit="kB", label="size of reply"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=percentile_of(PACKED, "The compressed reply's p50"), needs=PACKED),
        table=table_of(
            ("as it is, p50", lambda run: duration(percentile(run.column(PLAIN), 0.5))),
            ("compressed, p50", lambda run: duration(percentile(run.column(PACKED), 0.5))),
            ("with compression, of the time without", lambda run: times_said(times(run))),
            *CODEC_ROWS,
            needs=PACKED,
        ),
        trust=trust_of(("pairs", lambda run: count(run.column(PACKED).size)), needs=PACKED),
        finding=finding,
        scenario=scenario,
    )
