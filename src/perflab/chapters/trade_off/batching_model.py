"""What batches should do on both loads: what they cost on this machine, alone and with threads that never rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S, middle
from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID
from perflab.measure import Frame, count, percentile
from perflab.systems.databases.writing_threads import Written
from perflab.systems.servers.writing import Writing
from perflab.theory.batching import Cost, alone, fit_cost, saturated

ROWS = 8
"""Rows that a request writes."""
REST_S = 0.004
"""What a client that is alone rests between a reply and its next request."""
GROUPS = (1, 4, 16, 32)
RESTS_MS = (1.0, 5.0, 25.0)
PROBE_S, PROBES = 0.03, 4
PHASE_S = 0.02
"""How long a load lasts, and twice the longest wait in addition: so that there are commits enough to tell."""
SHOWN_MS = (20, 60, 120)
FOOT = 0.5
"""Below the end of the axis of requests."""


def after_rest(rest_ms: float) -> str:
    """The name of the constant that holds what such a rest adds to a request alone (ns)."""
    return f"more after {rest_ms:g} ms"


def calibrate() -> Iterator[Frame]:
    """What a batch of a few sizes costs, one after the other, all hand-overs between threads included: the line s₀ + s₁·b; and
    what a rest before it adds to a request alone.
    """
    sizes, times = [], []
    rested: dict[float, list[float]] = {rest_ms: [] for rest_ms in RESTS_MS}
    with Writing(ROWS) as writing:
        writing.load(8, PROBE_S)  # the drive and the CPU have yet to wake up
        for _ in range(PROBES):
            for group in GROUPS:
                # One group waits while the other is written, so that a writer never waits for threads.
                done = writing.load(2 * group, PROBE_S, size=group)
                cycles, full = np.diff(done.ended_ns), done.requests[1:] == group
                sizes += [group] * int(full.sum())
                times += cycles[full].tolist()
            for rest_ms in RESTS_MS:
                seconds = PROBE_S + rest_ms / 1e3
                rested[rest_ms] += writing.load(1, seconds, rest_s=rest_ms / 1e3).response_ns.tolist()
    cost = fit_cost(sizes, times)
    one = float(cost.of(1))
    more = {after_rest(rest_ms): max(0.0, percentile(found, 0.5) - one) for rest_ms, found in rested.items() if found}
    yield Frame(facts={"each_batch_ns": cost.each_batch, "each_request_ns": cost.each_row, **more})


def frame_of(of: str, alone: Written, crowd: Written) -> Frame:
    """What a round brings of one setting; of the chosen one also its commits, and how busy the writer was with them."""
    times = alone.response_ns
    p50 = percentile(times, 0.5) if times.size else np.nan
    columns = {of + PER_S: np.array([crowd.per_s]), of + ALONE: np.array([p50])}
    if not of and crowd.requests.size:
        lasting, whole = (crowd.ended_ns - crowd.began_ns).sum(), crowd.ended_ns[-1] - crowd.began_ns[0]
        columns |= {"began_ns": crowd.began_ns, "ended_ns": crowd.ended_ns, "requests": crowd.requests}
        columns |= {"alone_ns": times, "busy": np.array([lasting / whole])}
    done = int(alone.requests.sum() + crowd.requests.sum())
    return Frame(columns, {"calls": times.size + crowd.response_ns.size, "stored_requests": done})


@dataclass(frozen=True)
class Expected:
    """Capacity (requests/s) and latency alone (ns): of the setting `here`, and without batching (`base`). Time of a load (ms)."""

    here: tuple[float, float]
    base: tuple[float, float]
    shown_ms: float


def cost_of(constants: Mapping[str, Any]) -> Cost:
    """What a batch of so many requests costs on this machine (ns)."""
    rests = ((1e6 * rest_ms, constants.get(after_rest(rest_ms), 0.0)) for rest_ms in RESTS_MS)
    return Cost(constants["each_batch_ns"], constants["each_request_ns"], tuple(rests))


def predict(size: int, max_wait: int, threads: int, constants: Mapping[str, Any]) -> Expected:
    """The closed loop by following its batches, with the cost line of this machine; a request alone waits for the timer."""
    cost = cost_of(constants)

    def at(rows: int, wait_ns: float) -> tuple[float, float]:
        return 1e9 * saturated(threads, rows, wait_ns, cost), alone(rows, wait_ns, 1e9 * REST_S, cost)

    return Expected(at(size, 1e6 * max_wait), at(1, 0.0), 1e3 * PHASE_S + 2 * max_wait)


def commits(run: Record) -> Any:
    """The commits of the newest round: how many requests each holds, over its time (ms)."""
    begins, ends, rows = (run.column(name).astype(float) for name in ("began_ns", "ended_ns", "requests"))
    newest = slice(int(np.flatnonzero(np.diff(begins, prepend=np.inf) < 0)[-1]) if begins.size else 0, None)
    begins, ends, rows = begins[newest] / 1e6, ends[newest] / 1e6, rows[newest]
    foot, gap = np.full(rows.size, FOOT), np.full(rows.size, np.nan)
    return np.array([begins, begins, ends, ends, gap]).T.ravel(), np.array([foot, rows, rows, foot, gap]).T.ravel()


def setting_of(run: Record) -> str:
    """A run's setting in a few words; the threads are on the other chart. A learner's rule has no size."""
    size, wait = run.parameters.get("size"), run.parameters.get("max_wait")
    if size is None:
        return "your rule"
    return "" if size == 1 else f"{size} requests, {wait} ms" if wait else f"what waits, up to {size}"


def setting_said(run: Record) -> str:
    """The same as the subject of a headline; empty without batching."""
    size, wait = run.parameters.get("size"), run.parameters.get("max_wait")
    if size is None or not wait:
        said = setting_of(run)
        return said[:1].upper() + said[1:]
    return "" if size == 1 else f"Batches of {size}, {wait} ms"


def expected_here(run: Record) -> float:
    """Capacity (requests/s) that the model expects if a commit takes as long as those of the baseline did in this run."""
    one, each = 1e9 / middle(run, BASE + PER_S).value, run.constants.get("each_request_ns", np.nan)
    cost, chosen = Cost(max(0.0, one - each), each), run.parameters
    return 1e9 * saturated(chosen["threads"], chosen["size"], 1e6 * chosen["max_wait"], cost)


def bound(record: Record) -> float:
    """Requests/s that threads can do at most which all wait for a timer; infinite where a batch fills before."""
    chosen = record.parameters
    endless = chosen.get("size", 0) <= chosen["threads"] or not chosen["max_wait"]
    return np.inf if endless else 1e3 * chosen["threads"] / chosen["max_wait"]


def all_stored(record: Record) -> Verdict | None:
    """A guard: each request that was answered is stored exactly once."""
    answered, stored = ROWS * record.count("stored_requests"), record.fact("stored")
    if stored == answered:
        return None
    said = f"Rows were lost or written twice: {count(answered)} were committed, and {count(stored)} are stored."
    return Verdict(said, INVALID)


def told(record: Record) -> Verdict | None:
    """A guard: both loads came to a number. A rule that does not commit, or a drive that takes long, may leave them without."""
    if np.isfinite([middle(record, name).value for name in (PER_S, ALONE)]).all():
        return None
    return Verdict("A load ended before two batches were committed, so this run has no capacity to tell.", INVALID)
