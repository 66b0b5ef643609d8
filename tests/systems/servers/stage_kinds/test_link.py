"""A line of limited bandwidth: facts on a virtual clock."""

from __future__ import annotations

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.link import Settings

PAGE: tuple[str, dict[str, int]] = ("pages", {"payload_bytes": 100_000})


def left_s(bits_per_s: float | None, *after_s: float) -> list[float]:
    async def serve() -> list[float]:
        return [each_s for _, each_s in await Served(("link", {"bits_per_s": bits_per_s}), PAGE).crowd(*after_s)]

    return run_virtually(serve())


def test_a_reply_takes_its_bits_over_the_bandwidth() -> None:
    assert left_s(1e6, 0) == [pytest.approx(0.8, rel=0.03)]
    assert left_s(100e6, 0) == [pytest.approx(0.008, abs=0.0005)]


def test_replies_share_one_line_one_after_the_other_and_it_is_free_afterwards() -> None:
    first, second, third, later = left_s(1e6, 0, 0, 0, 10)
    assert (second, third, later - 10) == pytest.approx((2 * first, 3 * first, first), rel=0.01)


def test_without_a_bandwidth_nothing_is_held_back() -> None:
    assert left_s(None, 0, 0) == [0, 0]


def test_a_bandwidth_out_of_range_is_refused() -> None:
    for wrong in (0, -1.0, 1e4, "fast"):
        with pytest.raises(BadInput, match="bits_per_s must be a number of at least"):
            Settings(bits_per_s=wrong)  # type: ignore[arg-type]
