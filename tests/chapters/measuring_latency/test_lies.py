"""The checks of both lies judge values, on a virtual clock."""

from __future__ import annotations

import datetime
import functools
import itertools
import math
import statistics
import time
import timeit
import uuid
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_latency import lies
from perflab.measure.percentiles import percentile
from perflab.measure.timing import time_calls


def p99(
    samples: int = 1_000,
    now: Callable[[], float] = lambda: time.perf_counter_ns(),
    scale: float = 1e9,
    pick: Callable[[list[float]], Any] = lambda times: sorted(times)[math.ceil(0.99 * len(times)) - 1],
) -> Callable[[Any], Any]:
    def function(look_up: Any) -> Any:
        times = []
        for target in range(samples):
            started = now()
            look_up(target)
            times.append(now() - started)
        return pick(times) / scale

    return function


def one_reading_a_call(look_up: Any) -> float:
    readings = [perf_counter()]
    for target in range(1_000):
        look_up(target)
        readings.append(perf_counter())
    return sorted(later - earlier for earlier, later in itertools.pairwise(readings))[989]


def warmed_up(look_up: Any) -> float:
    begun = time.monotonic()
    for target in range(50):
        look_up(target)
    assert time.monotonic() > begun
    return float(p99()(look_up))


def with_imports_inside(look_up: Any) -> float:
    import time as clock

    times = []
    for target in range(400):
        started = clock.monotonic_ns()
        look_up(target)
        times.append(clock.monotonic_ns() - started)
    return sorted(times)[395] / 1e9


def clock_as_default(look_up: Any, now: Callable[[], float] = time.perf_counter, *, n: int = 500) -> float:
    times = []
    for _ in range(n):
        started = now()
        look_up()
        times.append(now() - started)
    return sorted(times)[math.ceil(0.99 * n) - 1]


def clock_as_named_default(look_up: Any, *, now: Callable[[], float] = time.monotonic) -> float:
    return clock_as_default(look_up, now)


RIGHT: dict[str, Callable[[Any], Any]] = {
    "clock as default": clock_as_default,
    "clock as named default": clock_as_named_default,
    "Decimal": lambda look_up: Decimal(p99(scale=1)(look_up)) / 10**9,
    "array of one": lambda look_up: np.array(p99()(look_up)),
    "solution": p99(10_000, pick=lambda times: sorted(times)[9_899]),
    "monotonic": p99(now=lambda: time.monotonic(), scale=1),
    "imported name": p99(now=perf_counter_ns),
    "imports inside": with_imports_inside,
    "numpy": p99(pick=lambda times: np.percentile(times, 99)),
    "statistics": p99(pick=lambda times: statistics.quantiles(times, n=100)[98]),
    "as few as will do": p99(368),
    "timeit": lambda look_up: sorted(timeit.repeat(lambda: look_up(1), number=1, repeat=1_000))[989],
    "the lab's own loop": lambda look_up: percentile(time_calls(look_up, range(2_000)).latencies_ns, 0.99) / 1e9,
    "one reading a call": one_reading_a_call,
    "warmed up": warmed_up,
    "partial": functools.partial(lambda samples, look_up: p99(samples)(look_up), 1_000),
    "wall clock as a stamp": lambda look_up: (time.time(), p99()(look_up))[1],
}
WRONG: dict[str, tuple[Any, str]] = {
    "as given": (p99(100, time.time, 1), "needs 368; it reads the wall clock"),
    "only the clock": (p99(100), "a p99 of 100 samples has no upper end: it needs 368"),
    "only the samples": (p99(10_000, lambda: time.time(), 1), "it reads the wall clock"),
    "99th of 10,000": (p99(10_000, pick=lambda times: sorted(times)[98]), "yours is 11.0 ms (number 99)"),
    "one rank too high": (p99(pick=lambda times: sorted(times)[int(0.99 * len(times))]), "number 990 of 1,000"),
    "maximum": (p99(pick=max), "number 1,000"),
    "mean": (p99(pick=statistics.mean), "yours is"),
    "not sorted": (p99(pick=lambda times: times[989]), "yours is"),
    "nanoseconds": (p99(scale=1), "in ns: seconds were asked for"),
    "milliseconds": (p99(scale=1e6), "in ms: seconds were asked for"),
    "CPU time": (p99(now=time.process_time_ns), "CPU time, which leaves out"),
    "datetime": (p99(now=lambda: datetime.datetime.now().timestamp(), scale=1), "`datetime` is the wall clock too"),
    "text": (lambda look_up: [p99()(look_up), "haha"][1], "returns 'haha'"),
    "nothing": (lambda look_up: [p99()(look_up), None][1], "returns None"),
    "nan": (lambda look_up: [p99()(look_up), math.nan][1], "returns nan"),
    "no look-up": (lambda look_up: 0.5, "look_up is never called"),
    "a constant": (lambda look_up: [p99()(look_up), 0.0123][1], "yours is 12.3 ms"),
    "batches": (p99(now=perf_counter_ns, pick=max), "yours is"),
    "endless": (lambda look_up: [look_up(number) for number in itertools.count()], "300,000 look-ups are enough"),
    "no argument": (lambda: 1.0, "TypeError"),
    "name": (lambda look_up: undefined, "NameError"),  # type: ignore[name-defined]  # noqa: F821
    "index": (p99(50, pick=lambda times: times[98]), "IndexError"),
    "None": (None, "None is no function"),
    "a number": (12, "12 is no function"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_is_right(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lies.check_the_lie(RIGHT[name])
    assert capsys.readouterr().out.startswith("Right: a steady clock")


@pytest.mark.long
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_function_is_told_what_is_wrong(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    function, said = WRONG[name]
    lies.check_the_lie(function)
    shown = capsys.readouterr().out
    assert said in shown and "Right" not in shown and shown.count("\n") == 1


def test_several_look_ups_between_two_readings_are_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    def batches(look_up: Any) -> float:
        times = []
        for target in range(400):
            started = perf_counter()
            for _ in range(10):
                look_up(target)
            times.append((perf_counter() - started) / 10)
        return sorted(times)[395]

    lies.check_the_lie(batches)
    assert "their mean has no p99" in capsys.readouterr().out


class Given:
    """As in the notebook."""

    def __init__(self) -> None:
        self.started: dict[Any, float] = {}
        self.latencies_s: Any = []
        self.failures: Any = 0

    def start(self, name: str) -> Any:
        request_id = f"{name}_{time.time()}"
        self.started[request_id] = time.time()
        return request_id

    def end(self, request_id: Any, succeeded: bool) -> None:
        self.latencies_s.append(time.time() - self.started.pop(request_id))


class Mended(Given):
    def start(self, name: str) -> Any:
        request_id = uuid.uuid4()
        self.started[request_id] = time.perf_counter()
        return request_id

    def end(self, request_id: Any, succeeded: bool) -> None:
        started = self.started.pop(request_id, None)
        if started is None:
            return
        if succeeded:
            self.latencies_s.append(time.perf_counter() - started)
        else:
            self.failures += 1


class Trusting(Mended):
    def end(self, request_id: Any, succeeded: bool) -> None:
        took = time.perf_counter() - self.started.pop(request_id)
        if succeeded:
            self.latencies_s.append(took)
        else:
            self.failures += 1


class CountsTwice(Mended):
    def end(self, request_id: Any, succeeded: bool) -> None:
        self.failures += not succeeded or request_id not in self.started
        if succeeded and request_id in self.started:
            self.latencies_s.append(time.perf_counter() - self.started.pop(request_id))


class Numbered(Mended):
    numbers = itertools.count()

    def start(self, name: str) -> Any:
        self.started[request_id := next(self.numbers)] = perf_counter()
        return request_id


class FailuresAsList(Mended):
    def __init__(self) -> None:
        super().__init__()
        self.failures = []

    def end(self, request_id: Any, succeeded: bool) -> None:
        if request_id in self.started:
            (self.latencies_s if succeeded else self.failures).append(perf_counter() - self.started.pop(request_id))


class ByClock(Mended):
    def start(self, name: str) -> Any:
        self.started[request_id := f"{name}_{time.perf_counter_ns()}"] = time.perf_counter()
        return request_id


class ByWallClock(Mended):
    def start(self, name: str) -> Any:
        self.started[request_id := f"{name}_{time.time()}"] = time.perf_counter()
        return request_id


class ByLength(Mended):
    def start(self, name: str) -> Any:
        self.started[request_id := f"{name}_{len(self.started)}"] = time.perf_counter()
        return request_id


class MixedIn(Mended):
    def end(self, request_id: Any, succeeded: bool) -> None:
        self.latencies_s.append(time.perf_counter() - self.started.pop(request_id))
        self.failures += not succeeded


class NotCounted(Mended):
    def end(self, request_id: Any, succeeded: bool) -> None:
        super().end(request_id, succeeded)
        self.failures = 0


class OnTheWall(Mended):
    def start(self, name: str) -> Any:
        self.started[request_id := object()] = time.time()
        return request_id

    def end(self, request_id: Any, succeeded: bool) -> None:
        took = time.time() - self.started.pop(request_id)
        if succeeded:
            self.latencies_s.append(took)
        else:
            self.failures += 1


class Milliseconds(Mended):
    def end(self, request_id: Any, succeeded: bool) -> None:
        super().end(request_id, succeeded)
        self.latencies_s = [1e3 * each for each in self.latencies_s]


class Nothing(Mended):
    def end(self, request_id: Any, succeeded: bool) -> None:
        self.latencies_s = self.failures = None


class FailuresAsText(Mended):
    def __init__(self) -> None:
        super().__init__()
        self.failures = ""

    def end(self, request_id: Any, succeeded: bool) -> None:
        took = perf_counter() - self.started.pop(request_id)
        if succeeded:
            self.latencies_s.append(took)
        else:
            self.failures += "x"


class NoMethods:
    pass


@pytest.mark.parametrize("recorder", [Mended, Numbered, FailuresAsList, lambda: Mended()])
def test_a_right_recorder_is_right(recorder: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lies.check_the_recorder(recorder)
    assert capsys.readouterr().out.startswith("Right: a steady clock, ids that cannot collide")


@pytest.mark.parametrize(
    ("recorder", "said"),
    [
        (Given, "it should have 20 ms (the wall clock has coarse steps and can be set)"),
        (Trusting, "`end` of an id that it does not know fails (KeyError"),
        (CountsTwice, "failures is 2; 0 failed"),
        (ByWallClock, "start at the same moment: both get the id 'query_0.0', so `end` cannot tell"),
        (ByClock, "start at the same moment: both get the id 'query_5000000', so"),
        (ByLength, "one ends before the third starts: both get the id 'query_1', so"),
        (FailuresAsText, "failures is ''; 0 failed"),
        (MixedIn, "latencies_s has 1.0 ms, 40 ms; it should have 40 ms"),
        (NotCounted, "failures is 0; 1 failed"),
        (OnTheWall, "latencies_s has 16 ms; it should have 20 ms"),
        (Milliseconds, "latencies_s has 20 s; it should have 20 ms"),
        (Nothing, "Still wrong"),
        (NoMethods, "AttributeError"),
        (Mended(), "is no function"),
        (None, "None is no function"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_recorder_is_told_what_is_wrong(recorder: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    lies.check_the_recorder(recorder)
    shown = capsys.readouterr().out
    assert said in shown and "Right" not in shown and shown.count("\n") == 1
