"""The claims of notebook 01, each judged by what this machine has measured."""

from __future__ import annotations

import numpy as np

from perflab.chapters.highway import littles_law_model, road, same_road_model
from perflab.chapters.highway.road_model import CELLS, KMH_PER_CELL, SATURATED_QUEUE, point, throughput_per_min
from perflab.chapters.load import Load
from perflab.lab import Record, latencies_of
from perflab.lab.claims import Claim, in_every_pair, in_every_run, report_claims
from perflab.measure import count, duration, percentile

Found = tuple[bool, str] | None
FASTER = 135 / 54
MIN_TIMES, MORE_CARS, ALIKE_FLOWS = 20, 1.3, 0.05
"""How many times as many cars have to arrive as one road takes for a wider one to show what it can; which flows are alike."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _faster_cars(slow: Record, fast: Record) -> Found:
    found = road.gain(slow, fast)
    # On a road that is not full, more cars get through where more arrive.
    full = min(run.fact("waiting", 0) for run in (slow, fast)) > SATURATED_QUEUE
    if found is None or not full or (slow.parameters["limit"], fast.parameters["limit"]) != (54, 135):
        return None
    if found.low <= 2 and found.high >= FASTER:
        return None
    return found.low > 2, f"with a limit of 135 instead of 54 km/h, {found.value:.1f} times as many cars got through."


def _is_busy(narrow: Record, wide: Record) -> bool:
    """Whether the road with fewer lanes has cars waiting, and enough have got through both; a quiet road has nothing to tell."""
    trips = min(latencies_of(run).size for run in (narrow, wide))
    return trips >= MIN_TIMES and bool(narrow.fact("waiting", 0) > SATURATED_QUEUE)


def _more_through(narrow: Record, wide: Record) -> Found:
    through = [throughput_per_min(run) for run in (narrow, wide)]
    holds = through[1] > 1.1 * through[0]
    if not _is_busy(narrow, wide) or (not holds and narrow.parameters["cars"] < MORE_CARS * through[0]):
        return None
    lanes, told = _lanes(narrow, wide), " and ".join(map(count, through))
    return holds, f"{lanes} let {told} cars a minute through."


def _shorter_trip(narrow: Record, wide: Record) -> Found:
    if not _is_busy(narrow, wide):
        return None
    trips = [percentile(latencies_of(run), 0.5) for run in (narrow, wide)]
    lanes, times = _lanes(narrow, wide), " and ".join(map(duration, trips))
    return trips[0] < 1.1 * trips[1], f"on {lanes} a trip took {times} (p50); most of the difference is waiting."


def _lanes(narrow: Record, wide: Record) -> str:
    return f"{count(narrow.parameters['lanes'])} and {count(wide.parameters['lanes'])} lanes"


def _fuller_road(few: Record, many: Record) -> Found:
    cars, speed = [run.parameters["cars"] for run in (few, many)], few.parameters["limit"] // KMH_PER_CELL
    # Up to the peak, each car has its speed and one cell: nothing to tell. Far beyond it, few more cars make no difference.
    if cars[0] * (speed + 1) < CELLS or cars[1] < 2 * cars[0] or min(latencies_of(run).size for run in (few, many)) < 1:
        return None
    flows = [point(run)[1] for run in (few, many)]
    if abs(flows[1] - flows[0]) <= ALIKE_FLOWS * max(flows):
        return None
    told = f"with {cars[0]} and {cars[1]} cars on the ring, {flows[0]:.0f} and {flows[1]:.0f} passed per minute."
    return flows[1] > flows[0], told


def _overloaded_server(run: Record) -> Found:
    load, capacity = Load(run), same_road_model.capacity_per_s(run)
    if run.parameters["rate"] <= 1.2 * capacity or load.response.size < MIN_TIMES:
        return None
    done, offered = load.throughput_per_s, count(load.offered_per_s)
    return (
        done < 0.7 * capacity,
        f"{offered} requests/s were offered, and {count(done)} of at most {count(capacity)} got through.",
    )


def _law(run: Record) -> Found:
    apart = littles_law_model.difference(run)
    if np.isnan(apart) or run.parameters["window"] < littles_law_model.WHOLE_S or littles_law_model.never_left(run):
        return None
    return apart < littles_law_model.EXACT, f"both sides differed by a share of {apart:.0e}."


CLAIMS = (
    Claim(
        "Cars that are 2.5 times as fast bring 2.5 times as many through.", "road", in_every_pair("limit", _faster_cars)
    ),
    Claim("More lanes let more cars through.", "road", in_every_pair("lanes", _more_through)),
    Claim("More lanes make no trip shorter, not even on a busy road.", "road", in_every_pair("lanes", _shorter_trip)),
    Claim("More cars on a full road mean more cars per minute.", "ring", in_every_pair("cars", _fuller_road)),
    Claim(
        "An overloaded server does less than it could, like a jammed road.",
        "same_road",
        in_every_run(_overloaded_server),
    ),
    Claim("L = λW holds exactly over a window that begins and ends empty.", "littles_law", in_every_run(_law)),
)
