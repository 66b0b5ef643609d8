"""The claims of notebook 05, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.raising_throughput import async_calls, bottleneck, more_machines, scaling_law, which_strategy
from perflab.lab import Record
from perflab.lab.claims import Claim, report_claims
from perflab.measure.units import duration, percent
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP
from perflab.systems.clients.strategies import INDEX
from perflab.systems.machine.work import LOCKING, WAITING

Found = tuple[bool, str] | None
ENOUGH_RUN_S = 1.5


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _fair_turns(records: Sequence[Record]) -> Found:
    """Round robin with a slow server: are those at the slow one no worse off?"""
    outcome = more_machines.what_turns_do(records)
    if outcome is None:
        return None
    return outcome == "all get along", f"with one server of four 4 times as slow, {outcome}."


def _one_fast(records: Sequence[Record]) -> Found:
    """One fast server against as much in pieces, all else equal."""
    for one in reversed(records):
        for many in records:
            a, b = dict(one.parameters), dict(many.parameters)
            if (a["scale"], b["scale"]) != (more_machines.UP, more_machines.OUT) or b["servers"] < 2 or b["skew"] > 1:
                continue
            if {**a, "scale": "", "skew": 1, "routing": ""} != {**b, "scale": "", "skew": 1, "routing": ""} or a[
                "dies"
            ]:
                continue
            times = [run.column("latency_ns") for run in (one, many)]
            if min(run.fact("elapsed_s", 0.0) for run in (one, many)) < ENOUGH_RUN_S or min(map(len, times)) < 2:
                continue
            fast, pieces = (float(column.mean()) for column in times)
            told = f"mean response {duration(fast)} with one fast server, {duration(pieces)} with {b['servers']} usual ones."
            return pieces < 1.1 * fast, told
    return None


def _more_is_more(records: Sequence[Record]) -> Found:
    """Work that shares something: do 64 workers do 16 times what 4 do?"""
    for record in reversed(records):
        found = scaling_law.rounds(record, (4, 64))
        if _shares(record) and found.shape[0] >= scaling_law.FEWEST_ROUNDS:
            gain = float(np.median(found[:, 1] / found[:, 0]))
            return gain > 8, f"{record.parameters['work']}: 64 workers did {gain:.1f} times what 4 did."
    return None


def _shares(record: Record) -> bool:
    """Whether the workers need anything that they do not each have."""
    work, locked = record.parameters["work"], record.parameters["locked"]
    return work != WAITING and (work != LOCKING or locked > 0)


def _async_is_faster(records: Sequence[Record]) -> Found:
    """Does async make one call quicker?"""
    for record in reversed(records):
        ways = async_calls.of_ways(record)
        if record.parameters["calls"] == 1 and {IN_A_ROW, ON_A_LOOP} <= set(ways):
            plain, awaited = (ways[name].value for name in (IN_A_ROW, ON_A_LOOP))
            return (
                awaited < 0.95 * plain,
                f"one call took {duration(plain)} in a row, {duration(awaited)} on an event loop.",
            )
    return None


def _busy_is_good(records: Sequence[Record]) -> Found:
    """Is a server at 90% as quick as one at 30%? One of them must be the bottleneck's."""
    for busy in reversed(records):
        for calm in records:
            a, b = dict(busy.parameters), dict(calm.parameters)
            times = [run.column("latency_ns") for run in (busy, calm)]
            # What was offered, not what was asked for. At the limit and above nobody is below it.
            near, far = bottleneck.load_share(busy), bottleneck.load_share(calm)
            if not 0.895 <= near < 1 or far > 0.5 or {**a, "load": 0} != {**b, "load": 0} or min(map(len, times)) < 100:
                continue
            high, low = (float(column.mean()) for column in times)
            told = f"mean response {duration(low)} at {percent(far)} of the most, {duration(high)} at {percent(near)}."
            return high < 1.2 * low, told
    return None


def _index_always(records: Sequence[Record]) -> Found:
    """Where requests wait for another service, an index should do nearly nothing."""
    for record in reversed(records):
        gains = which_strategy.gains(record)
        if record.parameters["wait"] >= which_strategy.WAIT_MS / 2 and INDEX in gains:
            best = which_strategy.best(record)
            gain = gains[INDEX]
            if best is not None and np.isfinite(gain.high):
                told = (
                    f"with {record.parameters['wait']} ms of waiting it gained {gain.value:.2f}×; {best} gained most."
                )
                return best == INDEX, told
    return None


CLAIMS = (
    Claim("Dealing requests in turn is fair.", "more_machines", _fair_turns),
    Claim("Four servers are as quick as one that is four times as fast.", "more_machines", _one_fast),
    Claim("Sixteen times the workers, sixteen times the throughput.", "scaling_law", _more_is_more),
    Claim("Async makes a call faster.", "async_calls", _async_is_faster),
    Claim("As long as the load stays below the limit, it does not matter how near it is.", "bottleneck", _busy_is_good),
    Claim("A slow service needs an index first.", "which_strategy", _index_always),
)
