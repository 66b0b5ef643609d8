"""The claims of notebook 05, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from perflab.chapters.raising_throughput import async_calls
from perflab.chapters.raising_throughput.bottleneck_model import CALM, responses
from perflab.chapters.raising_throughput.more_machines_model import ALIKE, FAST, SLOW, SLOWNESS
from perflab.chapters.raising_throughput.scaling_law_model import gain
from perflab.chapters.raising_throughput.which_strategy_model import WAIT_MS, best, gains
from perflab.lab import Record
from perflab.lab.claims import Claim, report_claims
from perflab.measure.units import duration
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP
from perflab.systems.clients.strategies import INDEX
from perflab.systems.machine.work import LOCKING, WAITING

Found = tuple[bool, str] | None
MIN_RUN_S = 1.5
MIN_REQUESTS = 50


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _round_robin_is_fair(records: Sequence[Record]) -> Found:
    """Are requests at a slow server no worse off?"""
    for record in reversed(records):
        at_slow, times = record.column("server") == 0, record.column("latency_ns")
        chosen = {"kind": SLOW, "routing": "round robin"}.items() <= record.parameters.items()
        if chosen and ran(record) and at_slow.any() and not at_slow.all():
            slow, usual = (float(np.median(times[each])) for each in (at_slow, ~at_slow))
            told = f"median response {duration(slow)} at a server {SLOWNESS:.0f} times as slow, {duration(usual)} at the others."
            return slow < 2 * usual, told
    return None


def _one_fast(records: Sequence[Record]) -> Found:
    """One fast server against as much capacity in several, all else equal."""
    for one, many in product(reversed(records), records):
        a, b = ({**run.parameters, "kind": "", "routing": ""} for run in (one, many))
        kinds = one.parameters["kind"], many.parameters["kind"]
        if a != b or kinds != (FAST, ALIKE) or b["servers"] < 2 or not (ran(one) and ran(many)):
            continue
        fast, several = (float(run.column("latency_ns").mean()) for run in (one, many))
        told = (
            f"mean response {duration(fast)} with one fast server, {duration(several)} with {b['servers']} usual ones."
        )
        return several < 1.1 * fast, told
    return None


def ran(record: Record) -> bool:
    """Whether a run of the balancer came far enough."""
    return record.fact("elapsed_s", 0.0) >= MIN_RUN_S and record.column("latency_ns").size >= 2


def _more_is_more(records: Sequence[Record]) -> Found:
    """Do 64 workers that share something do 16 times what 4 do?"""
    for record in reversed(records):
        work, locked = record.parameters["work"], record.parameters["locked"]
        shares = work != WAITING and (work != LOCKING or locked > 0)
        if shares and (found := gain(record, 4, 64)) is not None:
            return found.low > 8, f"{work}: 64 workers did {found.value:.1f} times what 4 did."
    return None


def _async_is_faster(records: Sequence[Record]) -> Found:
    """Does async make one call quicker?"""
    for record in reversed(records):
        ways = async_calls.of_ways(record)
        if record.parameters["calls"] == 1 and {IN_A_ROW, ON_A_LOOP} <= set(ways):
            plain, awaited = (ways[name].value for name in (IN_A_ROW, ON_A_LOOP))
            told = f"one call took {duration(plain)} in a row, {duration(awaited)} on an event loop."
            return awaited < 0.95 * plain, told
    return None


def _busy_is_good(records: Sequence[Record]) -> Found:
    """Is a server at 90% of its maximum as quick as at half of it?"""
    for record in reversed(records):
        (half, nearly), (calm, busy) = responses(record)
        # What was offered, not what was meant: the generator has a limit of its own.
        enough = min(record.column(CALM).size, record.column("latency_ns").size) >= MIN_REQUESTS
        if enough and nearly >= 89.5 and np.isfinite(busy):
            told = f"mean response {duration(calm)} at {half:.0f}% of the maximum, {duration(busy)} at {nearly:.0f}%."
            return bool(busy < 1.2 * calm), told
    return None


def _index_always(records: Sequence[Record]) -> Found:
    """Does an index gain most where requests wait for another service?"""
    for record in reversed(records):
        found, winner = gains(record), best(record)
        wait = record.parameters["wait"]
        if wait >= WAIT_MS / 2 and winner is not None and found[INDEX].has_interval:
            told = f"with {wait} ms of waiting it gained {found[INDEX].value:.2f}×; {winner[0]} gained most."
            return winner[0] == INDEX, told
    return None


CLAIMS = (
    Claim("Round robin is fair.", "more_machines", _round_robin_is_fair),
    Claim("Four servers are as quick as one that is four times as fast.", "more_machines", _one_fast),
    Claim("Sixteen times the workers, sixteen times the throughput.", "scaling_law", _more_is_more),
    Claim("Async makes a call faster.", "async_calls", _async_is_faster),
    Claim(
        "As long as the load stays below the limit, it does not matter how close it is.", "bottleneck", _busy_is_good
    ),
    Claim("A slow service needs an index first.", "which_strategy", _index_always),
)
