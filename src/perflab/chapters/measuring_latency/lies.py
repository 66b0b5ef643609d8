"""Checks of the two lies of notebook 02: the learner's code runs on a virtual clock, and its numbers are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from functools import partial
from reprlib import repr as in_short
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, RIGHT, as_number, attempt, in_words, is_function
from perflab.chapters.virtual_time import CPU, WALL, VirtualTime
from perflab.measure.guards import BadInput
from perflab.measure.percentiles import nearest_rank, percentile, samples_needed
from perflab.measure.units import count, duration

SHARE, MAX_CALLS = 0.99, 300_000
METHODS: tuple[Any, ...] = (
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
)
"""The nine methods of Hyndman and Fan, as NumPy calls them: any of them is a p99."""
UNITS = {1e3: "ms", 1e6: "µs", 1e9: "ns"}
CLOSE_S = 2e-6


def _even(generator: np.random.Generator) -> NDArray[np.float64]:
    return generator.uniform(1e6, 1e9, 1_000)


def _two_kinds(generator: np.random.Generator) -> NDArray[np.float64]:
    return np.where(generator.random(1_000) < 0.03, 50, 1) * generator.uniform(1e6, 2e6, 1_000)


def _rising(generator: np.random.Generator) -> NDArray[np.float64]:
    return np.sort(generator.uniform(1e6, 1e7, 1_000))


WORKLOADS = (_even, _two_kinds, _rising)


class LookUp:
    """The operation under test: each call takes a time of its own (drawn a thousand at a time)."""

    def __init__(self, workload: Callable[[np.random.Generator], NDArray[np.float64]], virtual: VirtualTime) -> None:
        self._generator, self._workload, self._virtual = np.random.default_rng(1), workload, virtual
        self._drawn: list[float] = []
        self.calls: list[tuple[int, int]] = []  # begin and end, ns

    def __call__(self, *_: Any) -> bool:
        if len(self.calls) >= MAX_CALLS:
            raise BadInput(f"{count(MAX_CALLS)} look-ups are enough.")
        self._drawn = self._drawn or self._workload(self._generator).tolist()
        begin = self._virtual.clock.now_ns()
        self._virtual.clock.advance(round(self._drawn.pop(0)))
        self.calls.append((begin, self._virtual.clock.now_ns()))
        return True


def check_the_lie(p99_s: Callable[..., Any]) -> None:
    """Spot the lie: a p99 (s) of enough look-ups, by a clock that cannot be set."""
    how = "p99_s is called with look_up, which is called without arguments: p99_s(look_up)."
    if not is_function(p99_s, how):
        return
    for workload in WORKLOADS:
        virtual = VirtualTime()
        look_up = LookUp(workload, virtual)
        with virtual.seen_by(p99_s):
            answer: list[Any] | None = attempt(partial(_listed, p99_s, look_up), how)
        if answer is None:
            return
        if faults := _faults(answer[0], look_up, virtual):
            print(f"{OPEN}Still wrong: {'; '.join(faults)}.")
            return
    print(f"{RIGHT}: a steady clock, enough samples for a p99, and the right one of them.")


def _listed(function: Callable[..., Any], *given: Any) -> list[Any]:
    # A function that returns None has not failed.
    return [function(*given)]


def _faults(answer: Any, look_up: LookUp, virtual: VirtualTime) -> list[str]:
    if not look_up.calls:
        return ["look_up is never called, so nothing is measured"]
    samples, batched = _samples_s(look_up, virtual)
    if not samples.size:
        return [
            "no look-up lies between two readings of a clock of the module `time` (`datetime` is the wall clock too)"
        ]
    if batched:
        return ["several look-ups share one pair of readings: their mean has no p99 of single look-ups"]
    faults, needed = [], samples_needed(SHARE)
    if samples.size < needed:
        faults.append(f"a p99 of {count(samples.size)} samples has no upper end: it needs {count(needed)}")
    found_s = as_number(answer)
    if found_s is None or not np.isfinite(found_s):
        return [*faults, f"p99_s returns {in_short(answer)}, and should return a number of seconds"]
    if _is_p99(found_s, samples):
        return faults
    if virtual.was_read(WALL):
        faults.append("it reads the wall clock, which has coarse steps and can be set while you measure")
    elif virtual.was_read(CPU):
        faults.append("it reads CPU time, which leaves out the time in which a look-up waits")
    else:
        faults.append(_wrong_value(found_s, samples))
    return faults


def _samples_s(look_up: LookUp, virtual: VirtualTime) -> tuple[NDArray[np.float64], bool]:
    """How long each look-up took (s) that is alone between two readings, and whether most are not alone."""
    moments = [moment for _, moment in virtual.readings]
    begins, ends = (np.array(each) for each in zip(*look_up.calls, strict=True))
    between = np.searchsorted(moments, begins, side="right")
    timed = (between > 0) & (between < len(moments))
    first, place, number = np.unique(between[timed], return_index=True, return_counts=True)
    batched = bool(np.mean(number > 1) > 0.5) if first.size else False
    return (ends - begins)[timed][place if batched else place[number == 1]] / 1e9, batched


def _is_p99(answer_s: float, samples_s: NDArray[np.float64]) -> bool:
    return any(abs(answer_s - np.quantile(samples_s, SHARE, method=method)) < CLOSE_S for method in METHODS)


def _wrong_value(answer: float, samples_s: NDArray[np.float64]) -> str:
    unit = next((unit for times, unit in UNITS.items() if _is_p99(answer / times, samples_s)), "")
    if unit:
        return f"the p99 is right, but in {unit}: seconds were asked for"
    rank, of = nearest_rank(samples_s.size, SHARE), count(samples_s.size)
    told = f"the p99 is number {count(rank)} of {of} sorted samples, {duration(percentile(samples_s, SHARE) * 1e9, 3)}"
    place = np.flatnonzero(np.abs(np.sort(samples_s) - answer) < CLOSE_S)
    which = f" (number {count(place[0] + 1)})" if place.size else ""
    return f"{told}; yours is {duration(answer * 1e9, 3)}{which}"


Step = tuple[float, str, str]
"""After how many ms a request starts, ends, fails, or ends "again", of which no recorder should take notice."""

STORIES: tuple[tuple[str, Sequence[Step]], ...] = (
    ("one request of 20 ms", [(5, "starts", "a"), (20, "ends", "a")]),
    (
        "two requests of one name that start at the same moment",
        [(5, "starts", "a"), (0, "starts", "b"), (10, "ends", "b"), (30, "ends", "a")],
    ),
    (
        "three requests, of which one ends before the third starts",
        [
            (5, "starts", "a"),
            (5, "starts", "b"),
            (9, "ends", "a"),
            (3, "starts", "c"),
            (7, "ends", "b"),
            (2, "ends", "c"),
        ],
    ),
    (
        "a request of 40 ms that succeeds, and one of 1 ms that fails",
        [(0, "starts", "a"), (40, "ends", "a"), (3, "starts", "b"), (1, "fails", "b")],
    ),
    (
        "a reply that comes twice, and one to a request that is unknown",
        [
            (0, "starts", "a"),
            (20, "ends", "a"),
            (5, "again", "a"),
            (1, "again", "unknown"),
            (2, "starts", "b"),
            (10, "ends", "b"),
        ],
    ),
    (
        "two requests while the wall clock is set back",
        [(2_900, "starts", "a"), (50, "starts", "b"), (200, "ends", "a"), (300, "ends", "b")],
    ),
)


def check_the_recorder(recorder: Callable[[], Any]) -> None:
    """Spot the lie, the second: requests that start together, requests that fail, and a clock that is set back."""
    how = "LatencyRecorder() has start(name), which returns an id, and end(request_id, succeeded)."
    if not is_function(recorder, how):
        return
    wrong = []
    for told, story in STORIES:
        fault = attempt(partial(_misrecorded, recorder, story), f"with {told}:")
        if fault is None:
            return
        if fault:
            wrong.append(f"{told}: {fault}")
    if wrong:
        print(f"{OPEN}Still wrong in {len(wrong)} of {len(STORIES)} cases. The first, {wrong[0]}.")
    else:
        print(f"{RIGHT}: a steady clock, ids that cannot collide, and failures counted beside the latencies.")


def _misrecorded(recorder: Callable[[], Any], story: Sequence[Step]) -> str:
    """What is wrong with the latencies (s) and failures that the recorder has after a story; empty where nothing is."""
    virtual, ids, begun_ns, expected, failed = VirtualTime(), {}, {}, [], 0
    with virtual.seen_by(recorder):
        recording = recorder()
        for after_ms, what, request in story:
            virtual.clock.advance(round(after_ms * 1e6))
            if what == "starts":
                begun_ns[request] = virtual.clock.now_ns()
                ids[request] = recording.start("query")
                if any(ids[request] == ids[other] for other in begun_ns if other != request):
                    return f"both get the id {in_short(ids[request])}, so `end` cannot tell which of them has ended"
                continue
            if what == "again":
                try:
                    recording.end(ids.get(request, "unknown"), True)
                except Exception as error:
                    return f"`end` of an id that it does not know fails ({in_words(error)})"
                continue
            begun = begun_ns.pop(request)
            recording.end(ids[request], what == "ends")
            failed += what == "fails"
            if what == "ends":
                expected.append((virtual.clock.now_ns() - begun) / 1e9)
    found = np.sort(np.asarray(recording.latencies_s, float).ravel())
    if found.size != len(expected) or not np.allclose(found, np.sort(expected), rtol=0, atol=CLOSE_S):
        told, right = (", ".join(duration(each * 1e9) for each in sorted(times)) for times in (found, expected))
        clock = " (the wall clock has coarse steps and can be set)" if virtual.was_read(WALL) else ""
        return f"latencies_s has {told or 'nothing'}; it should have {right}{clock}"
    failures = recording.failures
    counted = len(failures) if isinstance(failures, Sized) and not isinstance(failures, str) else as_number(failures)
    return "" if counted == failed else f"failures is {in_short(failures)}; {failed} failed"
