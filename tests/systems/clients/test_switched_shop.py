"""The shop with six switches."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import psutil
import pytest
from relations import assert_more, two_of_three

from perflab.systems.clients.switched_shop import ROUND_TRIP_S, SWITCHES, SwitchedShop, switched_shop
from perflab.systems.databases.catalogue import sku_of

pytestmark = pytest.mark.clock

PATH = f"/product?sku={sku_of(1)}"


@pytest.fixture(scope="module")
def api() -> Iterator[SwitchedShop]:
    with switched_shop() as running:
        yield running


def requests_ns(api: SwitchedShop, switched_on: tuple[str, ...]) -> list[int]:
    return [api.time(PATH, switched_on) for _ in range(20)]


@pytest.mark.parametrize("switched_on", [("cache",), tuple(SWITCHES)])
def test_what_spares_the_most_is_quicker_than_nothing(api: SwitchedShop, switched_on: tuple[str, ...]) -> None:
    assert_more(lambda: median(requests_ns(api, ())), lambda: median(requests_ns(api, switched_on)), 1.2)


def test_closer_spares_the_way(api: SwitchedShop) -> None:
    # A relay's pause, not a share of the work: on a busy CPU the median says little of it, the quickest of many does; and a
    # cache hit commits nothing, so that no disk has its say.
    two_of_three(
        lambda: min(requests_ns(api, ("cache",))) - min(requests_ns(api, ("cache", "closer"))),
        lambda spared_ns: spared_ns > ROUND_TRIP_S * 1e9 / 2,
        "half of the way at least",
    )


def test_a_switch_that_is_not_there_is_an_error(api: SwitchedShop) -> None:
    with pytest.raises(KeyError, match="turbo"):
        api.time(PATH, ("turbo",))


def test_both_servers_are_gone_afterwards() -> None:
    before = set(psutil.Process().children(recursive=True))
    with switched_shop() as api:
        api.time(PATH, ())
        started = set(psutil.Process().children(recursive=True)) - before
        assert len(started) == 2
    assert not any(process.is_running() for process in started)
