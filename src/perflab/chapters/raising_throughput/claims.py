"""The claims of notebook 05, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from perflab.chapters.raising_throughput import async_calls
from perflab.chapters.raising_throughput.bottleneck_model import CALM, responses
from perflab.chapters.raising_throughput.more_machines_model import ALIKE, FAST, SERVICE_S, SLOW, SLOWNESS
from perflab.chapters.raising_throughput.scaling_law_model import gain
from perflab.chapters.raising_throughput.which_strategy_model import WAIT_MS, best, gains, paired
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_run, report_claims, unless_refuted
from perflab.measure.units import duration
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP
from perflab.systems.clients.strategies import INDEX
from perflab.systems.machine.work import LOCKING, WAITING

Found = tuple[bool, str] | None
MIN_RUN_S = 1.5
MIN_REQUESTS = 50
NEARLY, BUSY = 12, 0.9
"""Nearly 16 times; the load from which on queues are long in any case."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _round_robin_is_fair(record: Record) -> Found:
    """Are requests at a slow server no worse off?"""
    at_slow, times = record.column("server") == 0, record.column("latency_ns")
    if not ran(record) or not at_slow.any() or at_slow.all():
        return None
    slow, usual = (float(np.median(times[each])) for each in (at_slow, ~at_slow))
    told = (
        f"median response {duration(slow)} at a server {SLOWNESS:.0f} times as slow, {duration(usual)} at the others."
    )
    return slow < 2 * usual, told


def _one_fast(records: Sequence[Record]) -> Iterator[Found]:
    """One fast server against as much capacity in several, all else equal; with more than they can do, both have long queues."""
    for one, many in product(reversed(records), reversed(records)):
        a, b = ({**run.parameters, "kind": "", "routing": ""} for run in (one, many))
        kinds = one.parameters["kind"], many.parameters["kind"]
        if a != b or kinds != (FAST, ALIKE) or b["servers"] < 2 or not (ran(one) and ran(many)):
            continue
        fast, several = (float(run.column("latency_ns").mean()) for run in (one, many))
        told = (
            f"mean response {duration(fast)} with one fast server, {duration(several)} with {b['servers']} usual ones."
        )
        holds = several < 1.1 * fast
        if not holds or b["rate"] * SERVICE_S < BUSY * b["servers"]:
            yield holds, told


def ran(record: Record) -> bool:
    """Whether a run of the balancer came far enough."""
    return record.fact("elapsed_s", 0.0) >= MIN_RUN_S and record.column("latency_ns").size >= 2


def _more_is_more(record: Record) -> Found:
    """Do 64 workers that share something do 16 times what 4 do?"""
    work, found = record.parameters["work"], gain(record, 4, 64)
    shares = work != WAITING and (work != LOCKING or record.parameters["locked"] > 0)
    if not shares or found is None or found.low <= NEARLY <= found.high:
        return None
    return found.low > NEARLY, f"{work}: 64 workers did {found.value:.1f} times what 4 did."


def _async_is_faster(record: Record) -> Found:
    """Does async make one call quicker?"""
    ways = async_calls.of_ways(record)
    if record.parameters["calls"] != 1 or not {IN_A_ROW, ON_A_LOOP} <= set(ways):
        return None
    plain, awaited = (ways[name].value for name in (IN_A_ROW, ON_A_LOOP))
    return awaited < 0.95 * plain, f"one call took {duration(plain)} in a row, {duration(awaited)} on an event loop."


def _busy_is_good(record: Record) -> Found:
    """Is a server at 90% of its maximum as quick as at half of it?"""
    (half, nearly), (calm, busy) = responses(record)
    # What was offered, not what was meant: the generator has a limit of its own.
    enough = min(record.column(CALM).size, record.column("latency_ns").size) >= MIN_REQUESTS
    if not enough or not nearly >= 89.5 or not np.isfinite(busy):
        return None
    told = f"mean response {duration(calm)} at {half:.0f}% of the maximum, {duration(busy)} at {nearly:.0f}%."
    return bool(busy < 1.2 * calm), told


def _index_always(record: Record) -> Found:
    """Does an index gain most where requests wait for another service?"""
    found, winner, wait = gains(record), best(record), record.parameters["wait"]
    if wait < WAIT_MS / 2 or winner is None or not found[INDEX].has_interval:
        return None
    ahead = winner[2] if winner[0] == INDEX else paired(record, "per_s", winner[0], INDEX)
    told = f"with {wait} ms of waiting it gained {found[INDEX].value:.2f}×; {winner[0]} gained most."
    return (winner[0] == INDEX, told) if ahead.low > 1 else None


ROUND_ROBIN = {"kind": SLOW, "routing": "round robin"}
CLAIMS = (
    Claim("Round robin is fair.", "more_machines", in_every_run(_round_robin_is_fair, **ROUND_ROBIN)),
    Claim("Four servers are as quick as one that is four times as fast.", "more_machines", unless_refuted(_one_fast)),
    Claim("Sixteen times the workers, sixteen times the throughput.", "scaling_law", in_every_run(_more_is_more)),
    Claim("Async makes a call faster.", "async_calls", in_every_run(_async_is_faster)),
    Claim(
        "As long as the load stays below the limit, it does not matter how close it is.",
        "bottleneck",
        in_every_run(_busy_is_good),
    ),
    Claim("A slow service needs an index first.", "which_strategy", in_every_run(_index_always)),
)
