"""Check of the single flight that learners write in notebook 09, with real threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from contextlib import suppress
from reprlib import repr as in_short
from types import TracebackType
from typing import Any

from perflab.chapters.judging import OPEN, RIGHT, in_words, is_function
from perflab.measure import count

Compute = Callable[[], Any]
Get = Callable[[MutableMapping[Hashable, Any], "CountedLock", Hashable, Compute], Any]
HOW = "`get(flights, lock, key, compute)` should return what `compute()` returns."
THREADS, PATIENCE_S = 8, 2.0


class CountedLock:
    """A lock that knows who holds it, and how often it was released, so that a check need not guess who has passed it."""

    def __init__(self) -> None:
        self._lock, self._changed, self.released = threading.Lock(), threading.Condition(), 0
        self._holder: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether the thread that asks holds it."""
        return self._holder == threading.get_ident()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if acquired := self._lock.acquire(blocking, timeout):
            self._holder = threading.get_ident()
        return acquired

    def release(self) -> None:
        self._holder = None
        self._lock.release()
        with self._changed:
            self.released += 1
            self._changed.notify_all()

    def wait_for(self, releases: int, timeout_s: float) -> None:
        """Wait until it has been released so often, but no longer than that."""
        with self._changed:
            self._changed.wait_for(lambda: self.released >= releases, timeout_s)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class InFlight(dict[Hashable, Any]):
    """What the learner's function gets as `flights`, for so many threads. Without the lock a look that finds nothing ends when
    all have looked, and each sets a key when all are about to: so that a race is lost each time, not once in a thousand.
    """

    def __init__(self, lock: CountedLock, threads: int, kept: MutableMapping[Hashable, Any]) -> None:
        super().__init__(kept)
        self._lock, self._looks, self._sets = lock, threading.Barrier(threads), threading.Barrier(threads)

    def __contains__(self, key: Hashable) -> bool:
        return super().__contains__(key) or self._pause(self._looks)

    def __missing__(self, key: Hashable) -> Any:
        self._pause(self._looks)
        raise KeyError(key)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """As of any mapping."""
        return super().get(key, default) if key in self else default

    def __setitem__(self, key: Hashable, value: Any) -> None:
        self._pause(self._sets)
        super().__setitem__(key, value)

    def _pause(self, barrier: threading.Barrier) -> bool:
        if not self._lock.is_mine:
            with suppress(threading.BrokenBarrierError):  # they take turns by a lock of their own
                barrier.wait(PATIENCE_S / 4)
        return False


class Flights:
    """Real threads that ask for keys at once, through the learner's function."""

    def __init__(self, get: Get) -> None:
        self.get, self.flights, self.lock = get, dict[Hashable, Any](), CountedLock()
        self.calls = 0

    def ask(self, keys: Sequence[Hashable], compute: Callable[[Hashable], Any]) -> list[tuple[str, Any]]:
        """What each thread got: "returned" or "raised", and what; or "waits" after `PATIENCE_S`."""
        found: list[tuple[str, Any]] = [("waits", None)] * len(keys)
        self.flights = flights = InFlight(self.lock, len(keys), self.flights)

        def one(place: int, key: Hashable) -> None:
            try:
                found[place] = "returned", self.get(flights, self.lock, key, lambda: compute(key))  # type: ignore[arg-type]
            except BaseException as error:  # whatever the learner's function raises is said, not thrown
                found[place] = "raised", error

        threads = [threading.Thread(target=one, args=each, daemon=True) for each in enumerate(keys)]
        ends = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return list(found)

    def when_all_have_asked(self) -> None:
        """For a computation: wait until each thread has passed the lock; or, where it is not used, a moment."""
        self.calls += 1
        self.lock.wait_for(THREADS, PATIENCE_S / 4)


def fault_of(found: Sequence[tuple[str, Any]], expected: tuple[str, Any]) -> str:
    """What the first thread got that should have got something else; empty where all are right."""
    for how, what in found:
        if how == "waits":
            return f"after {PATIENCE_S:g} s a thread still waits."
        if how != expected[0] or what is not expected[1]:
            got = in_words(what) if how == "raised" else in_short(what)
            return f"a thread {'failed' if how == 'raised' else 'got'}: {got}."
    return ""


def all_at_once(get: Get) -> str:
    """Threads that miss one key: one computes, all get its value; and the next one computes again."""
    flights, values = Flights(get), [object(), object()]

    def compute(_: Hashable) -> object:
        flights.when_all_have_asked()
        return values[min(flights.calls, 2) - 1]

    found = flights.ask(["page"] * THREADS, compute)
    if flights.calls > 1:
        return f"{THREADS} threads missed one key at once, and `compute` was called {count(flights.calls)} times."
    if fault := fault_of(found, ("returned", values[0])):
        return f"All of {THREADS} threads should get the value; {fault}"
    if fault_of(flights.ask(["page"], compute), ("returned", values[1])):
        return "The value has expired, and is asked for again: `compute` should be called again. Is the old flight still kept?"
    return ""


def one_that_fails(get: Get) -> str:
    """The exception reaches all threads, and the next try computes again."""
    flights, error = Flights(get), RuntimeError("the database is down")

    def fails(_: Hashable) -> object:
        flights.when_all_have_asked()
        raise error

    found = flights.ask(["page"] * THREADS, fails)
    if fault := fault_of(found, ("raised", error)):
        return f"`compute` raised, so all {THREADS} threads should; {fault}"
    if fault := fault_of(flights.ask(["page"], lambda _: None), ("returned", None)):
        return f"After a failure the next call should compute again; {fault}"
    return ""


def two_keys(get: Get) -> str:
    """Two keys do not wait for each other."""
    flights, begun = Flights(get), {key: threading.Event() for key in ("a", "b")}

    def compute(key: Hashable) -> object:
        begun[str(key)].set()
        return all(each.wait(PATIENCE_S / 4) for each in begun.values())

    found = flights.ask(["a", "b"], compute)
    if fault_of(found, ("returned", True)):
        return "Two keys were asked for at once, and the second had to wait for the first. Is the lock held while it computes?"
    return ""


def check_single_flight(get: Get) -> None:
    """Make: a single flight, with real threads."""
    if not is_function(get, HOW):
        return
    for story in (all_at_once, one_that_fails, two_keys):
        if fault := story(get):
            print(f"{OPEN}{fault}")
            return
    print(f"{RIGHT}: one computes, all get its value or its exception, and keys do not wait for each other.")
