"""The shop's switches: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.systems.servers.shop_settings import SWITCHES, Settings


def test_the_starts_are_allowed() -> None:
    assert Settings().indexed and not Settings().cached


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("value", [1, 0, "on", None])
def test_a_switch_is_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be true or false"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ttl_s", -1),
        ("ttl_s", float("nan")),
        ("database_ms", -1),
        ("database_ms", 201),
        ("logic_ms", float("inf")),
        ("payload_bytes", 1_000_001),
        ("payload_bytes", 1.5),
        ("wait_ms", 201),
        ("writes", 0),
        ("writes", 11),
        ("calls", 0),
        ("calls", 9),
        ("calls", "two"),
    ],
)
def test_a_number_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})
