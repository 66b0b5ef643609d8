"""The claims of notebook 01, each judged by what this machine has measured."""

from __future__ import annotations

import numpy as np

from perflab.chapters.highway import littles_law, road, same_road
from perflab.chapters.load import Load
from perflab.lab import Record, latencies_of, one_run, two_runs
from perflab.lab.claims import Claim, report_claims
from perflab.measure import count, duration, percentile

Found = tuple[bool, str] | None
MIN_TIMES = 20


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _faster_cars(slow: Record, fast: Record) -> Found:
    gain = road.gain(slow, fast)
    if gain is None:
        return None
    told = f"with a limit of 135 instead of 54 km/h, {gain:.1f} times as many cars got through."
    return road.what_the_limit_does(slow, fast) == road.MUCH, told


def _more_lanes(narrow: Record, wide: Record) -> Found:
    chosen, runs = narrow.parameters, (narrow, wide)
    # On a quiet road, more lanes have nothing to carry.
    busy = chosen["cars"] >= road.BUSY_CARS * chosen["lanes"] and not chosen["accident"]
    if not busy or min(latencies_of(run).size for run in runs) < MIN_TIMES:
        return None
    lanes, through = [run.parameters["lanes"] for run in runs], [road.throughput_per_min(run) for run in runs]
    trips = [duration(percentile(latencies_of(run), 0.5)) for run in runs]
    told = f"{lanes[0]} and {lanes[1]} lanes let {count(through[0])} and {count(through[1])} cars a minute through"
    return through[1] > 1.1 * through[0], f"{told}, in trips of {trips[0]} and {trips[1]} (p50)."


def _overloaded_server(run: Record) -> Found:
    load, capacity = Load(run), same_road.capacity_per_s(run)
    if run.parameters["rate"] <= 1.2 * capacity or load.response.size < MIN_TIMES:
        return None
    done, offered = load.throughput_per_s, count(load.offered_per_s)
    return (
        done < 0.7 * capacity,
        f"{offered} requests/s were offered, and {count(done)} of at most {count(capacity)} got through.",
    )


def _law(run: Record) -> Found:
    apart = littles_law.difference(run)
    if np.isnan(apart) or run.parameters["window"] < littles_law.WHOLE_S or littles_law.never_left(run):
        return None
    return apart < littles_law.EXACT, f"both sides differed by a share of {apart:.0e}."


CLAIMS = (
    Claim("Cars that are 2.5 times as fast bring 2.5 times as many through.", "road", two_runs("limit", _faster_cars)),
    Claim("More lanes let more cars through.", "road", two_runs("lanes", _more_lanes)),
    Claim(
        "An overloaded server does less than it could, like a jammed road.",
        "same_road",
        one_run(_overloaded_server),
    ),
    Claim("L = λW holds exactly over a window that begins and ends empty.", "littles_law", one_run(_law)),
)
