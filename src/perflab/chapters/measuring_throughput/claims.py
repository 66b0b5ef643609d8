"""The claims of notebook 04, each judged by what this machine has measured."""

from __future__ import annotations

import numpy as np

from perflab.chapters import load
from perflab.chapters.measuring_throughput import admission, batching
from perflab.chapters.measuring_throughput.batching_model import is_saturated
from perflab.chapters.measuring_throughput.counting_model import (
    CAPACITY,
    HANG,
    LAST,
    NAIVE,
    OFFERED,
    OVERALL,
    RUN_S,
    counted,
)
from perflab.chapters.measuring_throughput.workers_model import RATE_PER_S, smallest_limit, throughput
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_pair, in_every_run, report_claims
from perflab.lab.verdict import LATENCY
from perflab.measure import count, duration
from perflab.systems.servers.worker_kinds import LOOP, THREADS

Found = tuple[bool, str] | None
ENOUGH, OFFERED_IS_NO_LIMIT, MORE_OFFERED = 0.85, 0.95, 1.2
"""Shares of what is claimed and of what is offered; how many times what is served is offered, so that more could be."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _offered_is_throughput(record: Record) -> Found:
    found = counted(record)
    if OVERALL not in found or found[OFFERED].value <= 1.2 * CAPACITY:
        return None
    offered, completed = found[OFFERED].value, found[OVERALL].value
    return (
        completed > 0.9 * offered,
        f"{count(offered)} requests/s were offered, and {count(completed)} were completed.",
    )


def _last_completion(record: Record) -> Found:
    found = counted(record)
    if record.parameters["incident"] != HANG or OVERALL not in found or record.fact("elapsed_s") < 0.9 * RUN_S:
        return None
    told, whole = found[LAST].value, found[OVERALL].value
    said = f"{count(told)} requests/s up to the last completion, {count(whole)} until nothing was outstanding."
    return told < 1.2 * whole, said


def _long_window(record: Record) -> Found:
    found = counted(record)
    if OVERALL not in found or record.parameters["window"] <= RUN_S or record.fact("elapsed_s") < 0.9 * RUN_S:
        return None
    told, whole = found[NAIVE].value, found[OVERALL].value
    said = f"a window longer than the run showed {count(told)} requests/s, and {count(whole)} were completed."
    return 0.9 < told / whole < 1.1, said


def _double(few: Record, many: Record) -> Found:
    """One with at least twice as many workers; for the claim speaks only one that the next limit should hold back."""
    times = many.parameters["workers"] / few.parameters["workers"]
    x, y = throughput(many), throughput(few)
    if times < 2 or not x < OFFERED_IS_NO_LIMIT * RATE_PER_S or not y > 0:
        return None
    holds, limits = x > ENOUGH * y * times, [smallest_limit(run)[1] for run in (few, many)]
    if holds and limits[1] >= ENOUGH * times * limits[0]:
        return None
    workers = [run.parameters["workers"] for run in (few, many)]
    return holds, f"{workers[0]} and {workers[1]} workers served {count(y)} and {count(x)} requests/s."


def _loop(loop: Record, threads: Record) -> Found:
    chosen = loop.parameters
    if (chosen["kind"], threads.parameters["kind"]) != (LOOP, THREADS) or chosen["computing"]:
        return None
    x, y = throughput(loop), throughput(threads)
    if not y < OFFERED_IS_NO_LIMIT * RATE_PER_S:  # then a loop cannot do more
        return None
    told = f"event loop {count(x)} requests/s, threads {count(y)}, with {chosen['workers']} of each that only wait."
    return x > 1.05 * y, told


def _longer_queue(short: Record, long: Record) -> Found:
    """Without any queue workers are idle now and then: for the claim speaks only one with a place for each worker, and more."""
    x, y = (load.Load(run).throughput_per_s for run in (long, short))
    holds, could_hold = x > 1.1 * y, short.parameters["rate"] >= MORE_OFFERED * y
    could_fail = short.parameters["queue"] >= short.parameters["workers"]
    if not short.count("rejected") or not (could_fail if holds else could_hold):
        return None
    places = [count(run.parameters["queue"]) for run in (short, long)]
    told = f"with {places[0]} and {places[1]} places {count(y)} and {count(x)} requests/s were served"
    in_time = [count(admission.goodput(run)) for run in (short, long)]
    return holds, f"{told}, {in_time[0]} and {in_time[1]} of them in time."


def _batching(single: Record, batched: Record) -> Found:
    times = [run.column(LATENCY) for run in (single, batched)]
    sizes = [run.parameters["size"] for run in (single, batched)]
    enough = min(each.size for each in times) >= batching.MIN_REQUESTS
    if sizes[0] != 1 or sizes[1] < 20 or not enough or not is_saturated(single):
        return None
    alone, together = (float(np.median(each)) for each in times)
    if together > alone and 1e6 * batched.parameters["max_wait"] > alone / 2:  # by the timer, not by the batch
        return None
    rate = count(single.parameters["rate"])
    told = f"at {rate}/s the p50 was {duration(alone)} with single rows, {duration(together)} in batches."
    return together > alone, told


CLAIMS = (
    Claim("The offered load is the throughput.", "counting", in_every_run(_offered_is_throughput)),
    Claim(
        "Completed requests divided by the time of the last completion are the throughput (of a server that hangs, too).",
        "counting",
        in_every_run(_last_completion),
    ),
    Claim("The length of a dashboard's window does not matter.", "counting", in_every_run(_long_window)),
    Claim("Twice the workers, twice the throughput.", "workers", in_every_pair("workers", _double)),
    Claim("An event loop serves more than as many threads, if all only wait.", "workers", in_every_pair("kind", _loop)),
    Claim("A longer queue lets an overloaded server do more.", "admission", in_every_pair("queue", _longer_queue)),
    Claim(
        "Batching raises throughput, and latency with it (on a writer that is too slow for single rows).",
        "batching",
        in_every_pair("size", _batching),
    ),
)
