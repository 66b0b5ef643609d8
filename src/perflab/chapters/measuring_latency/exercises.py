"""Checks of the exercises of notebook 02, and its claims. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, judge
from perflab.chapters.measuring_latency import percentiles
from perflab.lab import Lab, Record, log_slider
from perflab.lab.claims import Claim, report_claims
from perflab.lab.panels import Distribution, Versus
from perflab.measure.clock import measure_clock
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile, samples_needed
from perflab.measure.timing import time_calls
from perflab.measure.units import count, duration, ratio

SHORTEST, SHORT, LONG = 10, 100, 10_000


def check_batched(alone: Record, batched: Record | None) -> None:
    """Modify: only the batch size differs, and the clock is less than a tenth of what is measured."""
    if batched is None:
        print(f"{OPEN}Run the lab again with a batch size, and keep the record in `batched`.")
        return
    other = {name for name in alone.parameters if alone.parameters[name] != batched.parameters[name]} - {"batch"}
    before, after = (float(np.median(record.column("latency_ns"))) for record in (alone, batched))
    clock_ns = measure_clock().reading_ns / batched.parameters["batch"]
    if other:
        print(f"Not yet: {', '.join(sorted(other))} differs too, so you cannot tell what made the difference.")
    elif clock_ns > 0.1 * after:
        print(
            f"Not yet: the clock is still {duration(clock_ns)} of {duration(after)}. A larger batch shares it among more."
        )
    else:
        print(f"Right. One look-up: {duration(before)} with the clock, {duration(after)} nearly without it.")


def check_sorting(experiment: Callable[[int], Iterator[Any]]) -> Lab:
    """Make: the learner's experiment in a lab; sorting more numbers must take longer."""
    lab = Lab(
        question="How long does it take to sort a list?",
        experiment=experiment,
        controls={"length": log_slider(SHORTEST, LONG, SHORT, unit="numbers")},
        charts=(
            Versus("length", (SHORTEST / 1.3, LONG * 1.3), (50, 2e6), lambda model: model, "numbers to sort"),
            Distribution(50, 1e7),
        ),
        calibrate=_calibrate_sorting,
        predict=_expected_sorting,
    )
    short, long = (float(np.median(lab.run(length=length).column("latency_ns"))) for length in (SHORT, LONG))
    if long < 3 * short:
        print(f"{OPEN}{count(LONG)} numbers take {duration(long)}, {count(SHORT)} take {duration(short)}: no longer.")
        print("Is it sorted(numbers) that is measured?")
    else:
        print(f"Right: {count(LONG)} numbers take {ratio(long / short)} as long as {count(SHORT)}. The lab is yours.")
    return lab


def _calibrate_sorting() -> Iterator[Frame]:
    numbers = list(range(LONG, 0, -1))
    yield Frame(
        facts={"per_number_ns": percentile(time_calls(lambda: sorted(numbers), repeats=50).latencies_ns, 0.5) / LONG}
    )


def _expected_sorting(length: int, constants: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A reversed list is one descending run for Python's sort (Tim Peters, listsort.txt): its time grows with n, not n log n."""
    lengths = np.geomspace(SHORTEST, LONG, 50)
    return lengths, constants["per_number_ns"] * lengths


def check_average_of_percentiles(answer: str | None) -> None:
    """Judge: what an average of percentiles says about the whole."""
    told = {
        "higher": "Right: the slow hour has most of the requests, and only 60 of the 1,440 minutes that were averaged.",
        "lower": "the quiet minutes pull the average down, and have few requests. Count requests, not minutes.",
        "cannot tell": "you can: most requests came in the slow hour, and each minute weighs the same in the average.",
    }
    judge(answer, told)


def check_the_lie(function: Callable[[], float]) -> None:
    """Spot the lie: which clock the function reads, and how many samples it takes."""
    with _counted_clocks(function) as readings:
        function()
    samples = sum(readings.values()) // 2
    needed = samples_needed(0.99)
    faults = []
    if readings["time"]:
        faults.append("it reads the wall clock, which can be set while you measure")
    if samples < needed:
        faults.append(f"a p99 of {count(samples)} samples has no upper end: it needs {count(needed)}")
    print(
        f"{OPEN}Still wrong: {'; '.join(faults)}." if faults else "Right: a steady clock, and enough samples for a p99."
    )


@contextmanager
def _counted_clocks(function: Callable[[], float]) -> Iterator[dict[str, int]]:
    """Replace the module `time` that the function sees by one that counts its readings."""
    import time

    readings = dict.fromkeys(("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns"), 0)

    def counting(name: str) -> Callable[[], Any]:
        def read() -> Any:
            readings["time" if name == "time_ns" else name] += 1
            return getattr(time, name)()

        return read

    seen = function.__globals__
    kept = seen.get("time")
    seen["time"] = SimpleNamespace(**{name: counting(name) for name in readings})
    try:
        yield readings
    finally:
        seen["time"] = kept


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _memory_is_below_100_us(records: Sequence[Record]) -> tuple[bool, str] | None:
    return _median_of(records, "dict lookup", lambda ns: ns < 100_000)


def _sleep_is_never_short(records: Sequence[Record]) -> tuple[bool, str] | None:
    for record in reversed(records):
        if record.parameters["operation"] == "sleep 1 ms":
            fastest = float(record.column("latency_ns").min())
            return fastest >= 1e6, f"the fastest of {count(record.calls)} sleeps took {duration(fastest, 3)}."
    return None


def _median_of(records: Sequence[Record], operation: str, holds: Callable[[float], bool]) -> tuple[bool, str] | None:
    for record in reversed(records):
        if record.parameters["operation"] == operation:
            median = percentile(record.column("latency_ns"), 0.5)
            return holds(median), f"median {duration(median)} of {count(record.calls)} calls."
    return None


def _averages_lie(records: Sequence[Record]) -> tuple[bool, str] | None:
    for record in reversed(records):
        numbers = percentiles.measured_intervals(record)
        averaged, true = numbers.get(percentiles.NAMES[-1]), numbers["p99"]
        if averaged is not None and np.isfinite(true.high):
            lies = not true.low <= averaged.value <= true.high
            return lies, f"p99 {duration(true.value)}, mean of the windows' p99 {duration(averaged.value)}."
    return None


def _closed_loop_hides(records: Sequence[Record]) -> tuple[bool, str] | None:
    for record in reversed(records):
        open_ns, closed_ns = record.column("open_ns"), record.column("closed_ns")
        if record.parameters["stall"] >= 50 and open_ns.size and closed_ns.size:
            truth, seen = percentile(open_ns, 0.95), percentile(closed_ns, 0.95)
            return truth > 2 * seen, f"p95 {duration(truth)} in the open loop, {duration(seen)} in the closed one."
    return None


CLAIMS = (
    Claim("A look-up in memory takes less than 0.1 ms.", "stopwatch", _memory_is_below_100_us),
    Claim("A sleep never takes less than was asked for.", "stopwatch", _sleep_is_never_short),
    Claim("The mean of percentiles is not the percentile of all.", "percentiles", _averages_lie),
    Claim("A closed loop hides a stall that users meet.", "coordinated_omission", _closed_loop_hides),
)
