"""The check of a learner's single flight: right ones pass, and each wrong one is told what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Lock
from typing import Any

import pytest

from perflab.chapters.eviction_and_stampedes import own_flight

pytestmark = pytest.mark.process
"""Real threads wait for each other; no time is judged."""


def told(get: Any, capsys: pytest.CaptureFixture[str]) -> str:
    own_flight.check_single_flight(get)
    return capsys.readouterr().out


def with_futures(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        is_mine = key not in flights
        flight = flights.setdefault(key, Future())
    return _flown(flights, lock, key, compute, flight, is_mine)


def _flown(flights: Any, lock: Any, key: Any, compute: Callable[[], Any], flight: Any, is_mine: bool) -> Any:
    if is_mine:
        try:
            flight.set_result(compute())
        except Exception as error:
            flight.set_exception(error)
        with lock:
            flights.pop(key, None)
    return flight.result()


OWN_LOCK, OWN_FLIGHTS = Lock(), dict[Any, Any]()


def with_events_of_its_own(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    lock.acquire()
    entry = flights.get(key)
    if entry is None:
        entry = flights[key] = {"done": Event()}
        lock.release()
        try:
            entry["value"] = compute()
        except BaseException as error:
            entry["error"] = error
        lock.acquire()
        flights.pop(key)
        lock.release()
        entry["done"].set()
    else:
        lock.release()
        entry["done"].wait()
    if "error" in entry:
        raise entry["error"]
    return entry["value"]


def with_another_lock(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    return with_futures(OWN_FLIGHTS, OWN_LOCK, key, compute)


def with_setdefault_alone(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    """One step of the interpreter looks and inserts."""
    mine = Future[Any]()
    flight = flights.setdefault(key, mine)
    if flight is mine:
        try:
            mine.set_result(compute())
        except Exception as error:
            mine.set_exception(error)
        del flights[key]
    return flight.result()


def looks_twice(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    flight = flights.get(key)
    return flight.result() if flight else with_futures(flights, lock, key, compute)


def asks_forgiveness(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        try:
            flight, is_mine = flights[key], False
        except KeyError:
            flight, is_mine = flights.setdefault(key, Future()), True
    return _flown(flights, lock, key, compute, flight, is_mine)


def locks_the_given_flights_by_its_own(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    return with_futures(flights, OWN_LOCK, key, compute)


RIGHT_ONES = (
    with_futures,
    with_events_of_its_own,
    with_another_lock,
    with_setdefault_alone,
    looks_twice,
    asks_forgiveness,
    locks_the_given_flights_by_its_own,
)


@pytest.mark.parametrize("get", RIGHT_ONES)
def test_right_ones_pass(get: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(get, capsys).startswith("Right: one computes")


def computes_itself(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        pass
    return compute()


def keeps_the_value(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        is_mine = key not in flights
        flight = flights.setdefault(key, Future())
    if is_mine:
        flight.set_result(compute())
    return flight.result()


def holds_the_lock(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        if key not in flights:
            flights[key] = compute()
        return flights[key]


def returns_nothing(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with_futures(flights, lock, key, compute)


def forgets_those_who_wait(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        is_mine = key not in flights
        flight = flights.setdefault(key, Future())
    if is_mine:
        value = compute()  # where this raises, nobody tells the others
        flight.set_result(value)
        with lock:
            del flights[key]
    return flight.result()


def one_at_a_time(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    return with_futures(flights, lock, "any", compute)


def never_locks(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    if key in flights:
        return flights[key].result()
    flight = flights[key] = Future[Any]()
    return _flown(flights, lock, key, compute, flight, True)


def never_locks_and_asks_forgiveness(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    try:
        return flights[key].result()
    except KeyError:
        flight = flights[key] = Future[Any]()
    return _flown(flights, lock, key, compute, flight, True)


def locks_the_look_alone(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    with lock:
        flight = flights.get(key)
    if flight:
        return flight.result()
    flight = flights[key] = Future[Any]()
    return _flown(flights, lock, key, compute, flight, True)


def locks_the_insertion_alone(flights: Any, lock: Any, key: Any, compute: Callable[[], Any]) -> Any:
    if flight := flights.get(key):
        return flight.result()
    with lock:
        flight = flights[key] = Future[Any]()
    return _flown(flights, lock, key, compute, flight, True)


@pytest.mark.parametrize(
    ("get", "said"),
    [
        *(
            (get, "8 threads missed one key at once, and `compute` was called 8 times")
            for get in (
                never_locks,
                never_locks_and_asks_forgiveness,
                locks_the_look_alone,
                locks_the_insertion_alone,
            )
        ),
        (computes_itself, "`compute` was called 8 times"),
        (keeps_the_value, "Is the old flight still kept?"),
        (holds_the_lock, "Is the old flight still kept?"),
        (returns_nothing, "a thread got: None"),
        (one_at_a_time, "the second had to wait for the first"),
        (lambda *given: 1 // 0, "ZeroDivisionError"),
        (lambda: None, "TypeError"),
        (7, "7 is no function"),
    ],
)
def test_wrong_ones_are_told_why(get: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in told(get, capsys)


def test_threads_that_wait_for_ever_are_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_flight, "PATIENCE_S", 0.8)
    assert "so all 8 threads should; after 0.8 s a thread still waits" in told(forgets_those_who_wait, capsys)
