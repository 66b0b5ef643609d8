"""The one way in which tests compare times on the real clock, with times that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from relations import assert_more, two_of_three


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
