"""Who waits for the heavy one? A request that computes among light ones, on servers with processes, threads or an event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.changes import only_change
from perflab.chapters.web_servers import heavy_request_model as model
from perflab.chapters.web_servers.heavy_request_model import HEAVY, LATENCY, SHARES, SINCE, of, waited
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import duration_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.marks import Band, Line, Mark, Point, before
from perflab.lab.palette import ALARM, GRID, INK, MEASURED, MODEL, MODEL_LINE, PINNED_POINTS
from perflab.lab.rows import named_rows, strokes
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent
from perflab.systems.clients.heavy_among_light import CYCLE_S, LEAD_S, WORKERS, cycles
from perflab.systems.servers.web.web_server import LOOP, NGINX, OURS, PREFORK, YOURS, web_server


def experiment(architecture: str, heavy: int, rate: int, pieces: int, seed: int) -> Iterator[Frame]:
    with web_server(architecture, workers=WORKERS) as server:
        yield from cycles(server, heavy, rate, seed, pieces)


TIMES = partial(Axis, low=1e5, high=3e9, log=True, ticks=duration_ticks)
MARKS: dict[str, dict[str, Any]] = {
    "slowest": {"color": ALARM, "marker": "|", "markersize": 18, "markeredgewidth": 4},
    "p50": {"color": INK, "marker": "o", "markersize": 8},
    "p99": {"color": MEASURED, "marker": "^", "markersize": 10},
}


def time_line() -> Chart:
    """Each light request of all cycles, when it was due after the heavy one."""

    def points(run: Record) -> tuple[Any, Any]:
        return run.column(SINCE) / 1e6, run.column(LATENCY)

    small = {**PINNED_POINTS, "markersize": 4, "markeredgewidth": 1}
    return Chart(
        "Each light request",
        Axis("due after the heavy request or piece (ms)", -1e3 * LEAD_S, 1e3 * (CYCLE_S - LEAD_S)),
        TIMES("response (×10 a step)"),
        Band("x", "its CPU time", setting=lambda now: (0, now["heavy"] / now["pieces"]), color=GRID, alpha=0.7),
        Line(
            "model", model=lambda m: (m.since_ns / 1e6, m.response_ns), **{**MODEL_LINE, "marker": ".", "markersize": 5}
        ),
        Line("pinned run", pinned=points, **small),
        Line("measured", run=points, color=MEASURED, linestyle="none", marker="o", markersize=4, alpha=0.7),
        columns=2,
        empty="Each light request will appear here.",
    )


def all_rows(architectures: tuple[str, ...]) -> Chart:
    """A row for each architecture."""

    def place(share: float) -> Callable[[Record], Point]:
        return lambda run: (of(run, share), architectures.index(run.parameters["architecture"]))

    def expected(m: model.Expected) -> Any:
        p50, slowest = ([m.rows[each][name] for each in architectures] for name in ("p50", "slowest"))
        # Where all are alike, the stroke is still to be seen.
        return strokes(np.array(p50) / 1.06, np.array(slowest) * 1.06, range(len(architectures)))

    def marks(name: str) -> tuple[Mark, ...]:
        style = {**MARKS[name], "linestyle": "none"}
        was = Line(
            runs=before(place(SHARES[name]), ("architecture",)), **{**style, "markersize": 0.7 * style["markersize"]}
        )
        return was, Line(name, run=place(SHARES[name]), **style)

    names = [f"{each}, 2 behind" if each == NGINX else each for each in architectures]
    return Chart(
        "Light requests, by server",
        TIMES("response time (×10 a step)"),
        named_rows(names),
        Band(
            "y",
            setting=lambda now: architectures.index(now["architecture"]) + np.array([-0.4, 0.4]),
            color=GRID,
            alpha=0.5,
        ),
        Line("model", model=expected, color=MODEL, linewidth=9, alpha=0.35, solid_capstyle="butt"),
        Line("pinned p99", pinned=place(0.99), **PINNED_POINTS),
        *(mark for name in MARKS for mark in marks(name)),
        Guesses(4, side="above", setting=lambda _: {said: (ns, names.index(LOOP)) for said, ns in P99S.items()}),
        columns=3,
        empty="Each server will be a row.",
    )


def say(record: Record) -> str:
    """What the light requests got, and why."""
    chosen, took = record.parameters, record.column(HEAVY)
    times = ", ".join(f"{name} {duration(of(record, share))}" for name, share in SHARES.items())
    said = f"{count(record.calls)} light requests: {times}."
    if took.size:
        said += f" {percent(waited(record))} of them waited for {model.piece_said(chosen)}"
        said += f", which took {duration(float(np.median(took)))}."
        said += f" {model.why(chosen['architecture'])}"
    return said + loads.failures_said(record) + loads.lateness_said(record)


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    slowest, chosen = duration(of(record, 1)), record.parameters["architecture"]
    who = chosen.capitalize() if chosen in (*OURS, YOURS) else chosen
    if pinned is not None and only_change(record, pinned) == "architecture":
        p99s = (f"{run.parameters['architecture']} {duration(of(run, 0.99))}" for run in (record, pinned))
        return f"p99 of the light requests: {', '.join(p99s)}."
    if not record.column(HEAVY).size:
        return f"{who}, no heavy request: the slowest light one took {slowest}."
    if waited(record) > model.HARDLY:
        what = "the heavy one" if record.parameters["pieces"] == 1 else "a heavy piece"
        return f"{who}: {percent(waited(record))} of the light requests waited for {what}, the slowest {slowest}."
    return f"{who}: hardly any light request waited for the heavy one; the slowest took {slowest}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    light = f"{chosen['rate']} light requests per second"
    if not chosen["heavy"]:
        return f"{light}, and no heavy one."
    said = f"{light}; every {1e3 * CYCLE_S:.0f} ms, one among them computes for {chosen['heavy']} ms of CPU time"
    pieces, each = chosen["pieces"], f"{chosen['heavy'] / chosen['pieces']:g} ms"
    return f"{said}, in {pieces} pieces of {each}, evenly spaced." if pieces > 1 else f"{said}."


P99S = {"under 1 ms": 1e6, "10 ms": 1e7, "70 ms": 7e7, "200 ms": 2e8}
NONE, SLICE, SHARE, ALL = P99S


def who_waits(loop: Record, prefork: Record | None = None) -> Outcome | None:
    """The p99 of the light requests on the event loop; None before it has one."""
    p99_ns = of(loop, 0.99)
    if loop.column(HEAVY).size < model.FEWEST_CYCLES or p99_ns < model.ALL_NS:
        return None
    other = "" if prefork is None else f", {duration(of(prefork, 0.99))} with prefork"
    return Outcome(ALL, f"p99 {duration(p99_ns)} on the event loop{other}")


PREDICTION = Prediction(
    question="An event loop serves 100 light requests per second. Every 0.6 s a heavy one arrives among them, which computes for "
    "200 ms. What is the light requests' p99, roughly?",
    choices={
        NONE: Answer(
            "An event loop handles thousands of connections because their requests wait, for a database or a network. This one "
            "does not wait: it computes, and nothing else runs meanwhile."
        ),
        SLICE: Answer(
            "An operating system shares a CPU out in slices of some milliseconds, among processes. An event loop never "
            "interrupts a function: the next event is looked at when this one returns."
        ),
        SHARE: Answer(
            "200 of every 600 ms is a third, so the mean wait is about 33 ms. The p99 is no mean: a third of the light requests "
            "arrive while the loop computes, and the slowest hundredth wait for nearly all of it."
        ),
        ALL: Answer(
            "",
            "The loop answers nothing until the heavy request is done: a third of the light ones wait, the p99 for 194 of the "
            "200 ms, or longer where the CPU is shared. With prefork another process serves them.",
        ),
    },
    runs=tuple({"architecture": each, "heavy": 200, "rate": 100, "pieces": 1} for each in (PREFORK, LOOP)),
    find=lambda prefork, loop: who_waits(loop, prefork),
    counted=True,
)
ALONE = Prediction(PREDICTION.question, PREDICTION.choices, PREDICTION.runs[1:], who_waits, counted=True)


def lab() -> Lab:
    here = model.architectures()
    return Lab(
        question="Who waits for the heavy request?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "architecture": choice(here, LOOP, menu=True),
            "heavy": values_slider((0, 20, 50, 100, 200, 500), 200, unit="ms", label="heavy request"),
            "rate": values_slider((50, 100, 200), 100, unit="requests/s", label="light requests"),
            "pieces": values_slider((1, 2, 4, 10), 1, unit="pieces", label="heavy one in"),
        },
        charts=(time_line(), all_rows(here)),
        prediction=PREDICTION if PREFORK in here else ALONE,
        verdict=verdict_of(say, compare=percentile_of(what="The p99 of the light requests in a cycle", share=0.99)),
        table=table_of(*model.ROWS, heading="this run"),
        trust=trust_of(*model.TRUST_ROWS),
        finding=finding,
        scenario=scenario,
        budget_s=4.0,
    )
