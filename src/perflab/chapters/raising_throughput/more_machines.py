"""Do more servers help, and who gets the next request? A load balancer in front of real server processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import falls_behind
from perflab.chapters.load_report import (
    came_per_s,
    failures_said,
    lateness_said,
    load_rows,
    mean_response_ns,
    replay_row,
    replayed_each,
    too_late,
    without_times,
)
from perflab.chapters.raising_throughput.balancing_model import DIES_AT_S, PAPER_S, SERVICE_S, at_rate, one_queue
from perflab.lab import Lab, Prediction, Record, Verdict, choice, slider, switch
from perflab.lab.panels.servers import ByServer, DoneAndFailed, ResponseAgainstLoad
from perflab.lab.verdict import against_pinned, estimate_text
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson, services
from perflab.measure.summary import summarise
from perflab.measure.units import count, duration
from perflab.systems.clients.balancer import balanced_load
from perflab.systems.clients.routing import ROUTES, Route

SERVICE_MS = 1e3 * SERVICE_S
MOST_SERVERS, MOST_PER_S = 8, 400
OUT, UP = "more servers", "one faster server"
RUN_S = PAPER_S
RATES = (20, 60, 100, 140, 180, 220, 260, 320, 400)
BINS = 20


def experiment(
    servers: int, scale: str, routing: str, skew: int, rate: int, dies: bool, seed: int, route: Route | None = None
) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    services_ms = services(SERVICE_MS, schedule.size, seed)
    factors = slowness(servers, scale, skew)
    dies_at_s = DIES_AT_S if dies else np.inf
    yield from balanced_load(schedule, services_ms, factors, route or ROUTES[routing], RUN_S, seed, dies_at_s)


def slowness(servers: int, scale: str, skew: int) -> list[float]:
    """How much longer than the usual service each server takes: the first is `skew` times as slow, or one is as fast as all."""
    return [1 / servers] if scale == UP else [float(skew), *[1.0] * (servers - 1)]


@dataclass(frozen=True)
class Expected:
    """Over `rates` (per s): mean response (ns) with this routing, and with one queue for all servers, of those who are served
    within the run, as in the measurement: where the queue grows it would be longer in a longer run.

    `best_ns` is NaN where there is no one queue to compare with: servers that differ, or one that dies. `shares`: what each
    server gets through at the rate of the slider (per s).
    """

    rates: NDArray[np.float64]
    response_ns: NDArray[np.float64]
    best_ns: NDArray[np.float64]
    shares: NDArray[np.float64]


def predict(servers: int, scale: str, routing: str, skew: int, rate: int, dies: bool) -> Expected:
    """The routing function itself, on paper; the rate of the slider is always simulated, never read between others."""
    factors = tuple(slowness(servers, scale, skew))
    rates = sorted({*RATES, rate})
    found = {each: at_rate(factors, ROUTES[routing], each, dies) for each in rates}
    alike = len(set(factors)) == 1 and not dies
    best = [one_queue(len(factors), factors[0], each) if alike else np.nan for each in rates]
    responses = [found[each].response_s for each in rates]
    return Expected(np.array(rates, float), 1e9 * np.array(responses), 1e9 * np.array(best), found[rate].done_per_s)


def capacity_per_s(servers: int, scale: str, skew: int, dies: bool) -> float:
    """What all servers that are alive in the end can do together."""
    factors = slowness(servers, scale, skew)
    return sum(1e3 / (SERVICE_MS * factor) for factor in (factors[1:] if dies else factors))


def by_server(record: Record) -> NDArray[np.float64]:
    """Requests per second that each server did."""
    elapsed_s = record.fact("elapsed_s", 0.0)
    number = len(slowness(*(record.parameters[name] for name in ("servers", "scale", "skew"))))
    return np.bincount(record.column("server").astype(int), minlength=number) / (elapsed_s or 1.0)


def over_time(record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Middles of pieces of time (s) so far, and requests done and failed in each (per s)."""
    edges = np.linspace(0, RUN_S, BINS + 1)
    edges = edges[edges <= record.fact("elapsed_s", 0.0) + 1e-9]
    done, failed = (np.histogram(record.column(name), edges)[0] * BINS / RUN_S for name in ("done_s", "failed_s"))
    return (edges[1:] + edges[:-1]) / 2, done, failed


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How much got through and how long it took; which server was too slow; what a dead one cost."""
    times = record.column("latency_ns")
    if not times.size:
        return Verdict("No request was answered.", "invalid")
    if late := too_late(record):
        return late
    done = count(times.size / record.fact("elapsed_s"))
    said = f"{done} requests/s done of {count(came_per_s(record))} that came; mean response of those served "
    said += f"{duration(times.mean())}.{_slow_one(record)}{_losses(record)}{_saturated(record)}{lateness_said(record)}"
    if pinned is None or pinned is record or not pinned.column("latency_ns").size:
        return Verdict(said)
    compared = block_ratio(times, pinned.column("latency_ns"))
    return Verdict(f"{said} The p50 is {against_pinned(compared)}.", compared.verdict)


def _slow_one(record: Record) -> str:
    times, chosen = record.column("latency_ns"), record.parameters
    at_slow = times[record.column("server") == 0]
    if chosen["scale"] == UP or chosen["skew"] == 1 or not at_slow.size:
        return ""
    slow = float(np.median(at_slow)) / float(np.median(times))
    return f" At the slow server half of the requests take {slow:.0f} times as long as the usual one, or longer." * (
        slow > 2
    )


def _losses(record: Record) -> str:
    failures, dropped, alive = record.count("failures"), record.count("dropped"), record.fact("alive")
    said = failures_said(record)
    if failures and record.parameters["dies"]:
        said = f" {count(failures)} failed when a server died; {count(alive)} went on."
    if dropped and alive == 0:
        said += f" {count(dropped)} could not be sent: no server was left."
    elif dropped:
        said += f" {count(dropped)} could not be sent: all connections of the generator were in use."
    return said


def _saturated(record: Record) -> str:
    chosen = {name: record.parameters[name] for name in ("servers", "scale", "skew", "dies")}
    servers = len(slowness(chosen["servers"], chosen["scale"], chosen["skew"]))
    if record.fact("alive", 0) and falls_behind(record, record.parameters["rate"], capacity_per_s(**chosen), servers):
        return f" Saturated: {count(record.fact('inside'))} are still inside, and the response time only grows."
    return ""


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Throughput, response times of those who were served, each server's part, and the replay."""
    runs = [run for run in (record, pinned) if run is not None and run.column("latency_ns").size]
    if not runs:
        return []
    summaries = [summarise(run.column("latency_ns"), run.count("failures"), queued=True) for run in runs]
    rows = [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("requests/s done", *(count(run.column("latency_ns").size / run.fact("elapsed_s")) for run in runs)),
        ("by each server", *("; ".join(map(count, by_server(run))) for run in runs)),
        ("mean response", *(duration(each.mean.value) for each in summaries)),
        ("response time, p50", *(estimate_text(each.percentiles[0.5]) for each in summaries)),
        ("response time, p99", *(estimate_text(each.percentiles[0.99]) for each in summaries)),
        ("still inside at the end", *(count(run.fact("inside", 0)) for run in runs)),
        replay_row([replayed_each(run) for run in runs]),
        *load_rows(runs),
    ]
    return without_times(rows, runs)


FAR_SLOWER = 3.0


def what_turns_do(records: Sequence[Record]) -> str | None:
    """How those fared who were dealt to the slow server in turn, at 100 requests/s to four servers, one 4 times as slow."""
    for record in reversed(records):
        chosen = record.parameters
        asked = (chosen["servers"], chosen["scale"], chosen["routing"], chosen["skew"], chosen["rate"], chosen["dies"])
        if asked == (4, OUT, "round robin", 4, 100, False) and record.fact("elapsed_s", 0.0) > 0.9 * RUN_S:
            at_slow = record.column("server") == 0
            times = record.column("latency_ns")
            if at_slow.any() and (~at_slow).any():
                ratio = times[at_slow].mean() / times[~at_slow].mean()
                return "a quarter of them suffers" if ratio > FAR_SLOWER else "all get along"
    return None


PREDICTION = Prediction(
    question="Four servers do 162 requests/s together; one is 4 times as slow. 100/s are dealt in turn. What happens?",
    choices={
        "all get along": "Together they are 62% busy; but the slow one gets 25/s, and can do 12.5.",
        "all get slower": "The other three do not notice: they get 25/s each, half of what they can do.",
        "a quarter of them suffers": "The slow server gets 25/s and can do 12.5: its queue grows, while others stand idle.",
    },
    settle=what_turns_do,
    hint="Measure round robin with 4 servers, one of them 4 times as slow, at 100 requests/s.",
)


def lab() -> Lab:
    return Lab(
        question="Do more servers help, and who gets the next request?",
        experiment=experiment,
        predict=predict,
        controls={
            "servers": slider(1, MOST_SERVERS, 4, unit="servers", label="as much as"),
            "scale": choice((OUT, UP), OUT, label="built as"),
            "routing": choice(tuple(ROUTES), "round robin", menu=True),
            "skew": slider(1, 8, 1, unit="times as slow", label="one of them"),
            "rate": slider(20, MOST_PER_S, 100, 20, unit="requests/s", label="arrival rate"),
            "dies": switch(False, label="one dies"),
        },
        charts=(
            ResponseAgainstLoad(MOST_PER_S, (1e6, 5e9), mean_response_ns),
            ByServer(MOST_SERVERS, (60, 100, 500), by_server),
            DoneAndFailed(RUN_S, 1.5 * MOST_PER_S, over_time),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=RUN_S + 1,
    )
