"""The claims of notebook 01, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.chapters.highway import littles_law, road, same_road
from perflab.chapters.load_report import came_per_s
from perflab.lab import Record
from perflab.lab.claims import Claim, report_claims
from perflab.measure.percentiles import percentile
from perflab.measure.units import count, duration

Found = tuple[bool, str] | None
FEW = 20


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _faster_cars(records: Sequence[Record]) -> Found:
    gain = road.gain_of_the_limit(records)
    if gain is None:
        return None
    told = f"with a limit of 135 instead of 54 km/h {gain:.1f} times as many cars got through."
    return road.what_the_limit_did(records) == road.MUCH, told


def _more_lanes(records: Sequence[Record]) -> Found:
    for wide in reversed(records):
        for narrow in records:
            a, b = dict(wide.parameters), dict(narrow.parameters)
            busy = b["cars"] >= road.BUSY * b["lanes"] and not b["accident"]  # else more lanes have nothing to carry
            if busy and a["lanes"] > b["lanes"] and {**a, "lanes": 0} == {**b, "lanes": 0}:
                trips = [run.column("latency_ns") for run in (narrow, wide)]
                if min(column.size for column in trips) >= FEW:
                    through = [road.throughput_per_min(run) for run in (narrow, wide)]
                    told = (
                        f"{b['lanes']} and {a['lanes']} lanes let {count(through[0])} and {count(through[1])} cars a minute "
                        f"through, in trips of {duration(percentile(trips[0], 0.5))} and {duration(percentile(trips[1], 0.5))}."
                    )
                    return through[1] > 1.1 * through[0], told
    return None


def _a_full_server(records: Sequence[Record]) -> Found:
    for record in reversed(records):
        chosen = record.parameters
        capacity = 1e3 * chosen["lanes"] / chosen["trip"]
        if chosen["rate"] > 1.2 * capacity and record.column("latency_ns").size >= FEW:
            flow = same_road.point(record)[1]
            told = f"{count(came_per_s(record))} requests/s came, and {count(flow)} of at most {count(capacity)} got through."
            return flow < 0.7 * capacity, told
    return None


def _law(records: Sequence[Record]) -> Found:
    for record in reversed(records):
        found = littles_law.both_sides(record)
        closed = record.parameters["window"] >= littles_law.WHOLE_S and not littles_law.never_left(record)
        if found is not None and closed:
            apart = abs(found.inside / (found.rate * found.time_inside) - 1)
            return apart < littles_law.EXACT, f"both sides differed by a share of {apart:.0e}."
    return None


CLAIMS = (
    Claim("Cars that are 2.5 times as fast bring 2.5 times as many through.", "road", _faster_cars),
    Claim("More lanes let more cars through.", "road", _more_lanes),
    Claim(
        "A server that gets more than it can do does less than it could, like a jammed road.",
        "same_road",
        _a_full_server,
    ),
    Claim("L = λW holds exactly over a window that begins and ends empty.", "littles_law", _law),
)
