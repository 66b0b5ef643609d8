"""Checks of the exercises of notebook 02, and its claims. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, judge
from perflab.chapters.measuring_latency.percentiles import MEAN_OF_P99S, measured_intervals
from perflab.lab import Lab, Record, distribution, latencies_of, log_slider, one_run, versus
from perflab.lab.claims import Claim, report_claims
from perflab.measure import Frame, count, duration, percentile, time_calls
from perflab.measure.clock import measure_clock
from perflab.measure.percentiles import samples_needed
from perflab.measure.units import ratio

SHORTEST, SHORT, LONG = 10, 100, 10_000


def check_batched(alone: Record, batched: Record | None) -> None:
    """Modify: only the batch size differs, and the clock is less than a tenth of what is measured."""
    if batched is None:
        print(f"{OPEN}Run the lab again with a batch size, and keep the record in `batched`.")
        return
    other = {name for name in alone.parameters if alone.parameters[name] != batched.parameters[name]} - {"batch"}
    before, after = (float(np.median(latencies_of(record))) for record in (alone, batched))
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
            versus("length", (SHORTEST / 1.3, LONG * 1.3), (50, 2e6), lambda model: model, "numbers to sort"),
            distribution(50, 1e7),
        ),
        calibrate=_calibrate_sorting,
        predict=_expected_sorting,
    )
    short, long = (float(np.median(latencies_of(lab.run(length=length)))) for length in (SHORT, LONG))
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


Judged = tuple[bool, str] | None


def _memory_is_below_100_us(record: Record) -> Judged:
    median = percentile(latencies_of(record), 0.5)
    return median < 100_000, f"median {duration(median)} of {count(record.calls)} calls."


def _sleep_is_never_short(record: Record) -> Judged:
    fastest = float(latencies_of(record).min())
    return fastest >= 1e6, f"the fastest of {count(record.calls)} sleeps took {duration(fastest, 3)}."


def _averages_lie(record: Record) -> Judged:
    numbers = measured_intervals(record)
    if MEAN_OF_P99S not in numbers or not np.isfinite(numbers["p99"].high):
        return None
    averaged, true = numbers[MEAN_OF_P99S].value, numbers["p99"]
    lies = not true.low <= averaged <= true.high
    return lies, f"p99 {duration(true.value)}, mean of the windows' p99 {duration(averaged)}."


def _closed_loop_hides(record: Record) -> Judged:
    open_ns, closed_ns = record.column("open_ns"), record.column("closed_ns")
    if record.parameters["stall"] < 50 or not open_ns.size or not closed_ns.size:
        return None
    truth, seen = percentile(open_ns, 0.95), percentile(closed_ns, 0.95)
    return truth > 2 * seen, f"p95 {duration(truth)} in the open loop, {duration(seen)} in the closed one."


CLAIMS = (
    Claim(
        "A look-up in memory takes less than 0.1 ms.",
        "stopwatch",
        one_run(_memory_is_below_100_us, operation="dict lookup"),
    ),
    Claim(
        "A sleep never takes less than was asked for.",
        "stopwatch",
        one_run(_sleep_is_never_short, operation="sleep 1 ms"),
    ),
    Claim("The mean of percentiles is not the percentile of all.", "percentiles", one_run(_averages_lie)),
    Claim("A closed loop hides a stall that users meet.", "coordinated_omission", one_run(_closed_loop_hides)),
)
