"""The one way in which tests compare times on the real clock, with times that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import relations
from relations import assert_more, two_of_three

from perflab.measure.noise import NoiseLedger

QUIET = NoiseLedger(1e5, 1e5, 1.0, 0.1, 0, 0.0, 0.0, 1.0)
BUSY = replace(QUIET, others_share=0.9, busy_share=1.0)


class Watch:
    """What disturbs these tests is made up, too."""

    ledger = QUIET

    def stop(self) -> NoiseLedger:
        return self.ledger


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relations, "NoiseWatch", Watch)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "ledger", BUSY)


def one_by_one(*values: float) -> Callable[[], float]:
    remaining: Iterator[float] = iter(values)
    return lambda: next(remaining)


@pytest.mark.parametrize("found", [(3, 3), (3, 1, 3), (1, 3, 3)])
def test_two_of_three_are_enough_and_no_more_are_measured(found: tuple[float, ...]) -> None:
    look = one_by_one(*found)
    two_of_three(look, lambda value: value > 2, "large")
    with pytest.raises(StopIteration):
        look()


@pytest.mark.parametrize("found", [(1, 1), (3, 1, 1), (1, 3, 1)])
def test_one_of_three_fails_and_tells_what_was_found_and_what_disturbed_it(found: tuple[float, ...]) -> None:
    with pytest.raises(AssertionError, match=r"large: held in \d of \d tries, which found \[.*NoiseLedger") as failure:
        two_of_three(one_by_one(*found), lambda value: value > 2, "large")
    assert str(list(found)) in str(failure.value)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("found", [(3, 3), (1, 3, 3), (1, 1, 3, 3, 3, 3), (1, 3, 1, 3, 1, 3, 3)])
def test_on_a_busy_machine_four_of_seven_are_enough_where_two_have_failed(found: tuple[float, ...]) -> None:
    look = one_by_one(*found)
    two_of_three(look, lambda value: value > 2, "large")
    with pytest.raises(StopIteration):
        look()


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("found", [(1, 1, 1, 1), (1, 3, 1, 3, 3, 1, 1), (1, 1, 3, 3, 3, 1, 1)])
def test_three_of_seven_fail_on_a_busy_machine_too(found: tuple[float, ...]) -> None:
    with pytest.raises(AssertionError, match=r"large: held in \d of \d tries, which found \[.*others_share=0.9"):
        two_of_three(one_by_one(*found), lambda value: value > 2, "large")


def test_pairs_are_measured_in_turns_and_compared_within_each() -> None:
    order: list[str] = []

    def value(name: str, values: Iterator[float]) -> Callable[[], float]:
        def measured() -> float:
            order.append(name)
            return next(values)

        return measured

    # The machine becomes a hundred times slower after the first pair: it disturbs no ratio.
    assert_more(value("more", iter([3.0, 300.0])), value("less", iter([1.0, 100.0])), 2)
    assert order == ["more", "less", "less", "more"]
    with pytest.raises(AssertionError, match="over 4 times as much"):
        assert_more(one_by_one(3, 3), one_by_one(1, 1), 4)
