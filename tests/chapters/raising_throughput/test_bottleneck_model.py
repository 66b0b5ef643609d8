"""Four limits: the scarcest resource decides, and no more is offered than the generator can send."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.chapters.raising_throughput.bottleneck_model import (
    MAX_PER_S,
    demands_s,
    limits_said,
    offered_share,
    predict,
    work_of,
)

START = {"cpu": 2.0, "memory": 0, "network": 10, "disk": 0}
CONSTANTS = {
    "handling_ms": 0.2,
    "network_per_s": 5e8,
    "memory_per_s": 1e10,
    "small_write_s": 0.001,
    "large_write_s": 0.011,
}


@pytest.mark.parametrize(
    ("changes", "smallest", "most"),
    [
        ({}, "CPU", 1e3 / 2.2),
        ({"memory": 64}, "memory", 1e10 / 64e6),
        ({"network": 1_000, "cpu": 0.5}, "network", 500.0),
        ({"disk": 1_000}, "disk", 1 / 0.011),
        ({"disk": 4, "cpu": 0.0}, "disk", 1_000.0),
    ],
)
def test_the_smallest_limit_is_that_of_the_scarcest_resource(
    changes: dict[str, Any], smallest: str, most: float
) -> None:
    model = predict(**{**START, **changes}, constants=CONSTANTS)
    assert model.smallest == smallest
    demands = demands_s(work_of(*list({**START, **changes}.values())), CONSTANTS)
    assert 1 / max(demands.values()) == pytest.approx(most) == model.most[smallest]


def test_what_is_not_needed_is_no_limit() -> None:
    limits = predict(**START, constants=CONSTANTS).limits
    assert np.all(np.isinf(limits["memory"])) and np.all(np.isinf(limits["disk"]))
    assert np.all(np.diff(limits["CPU"]) < 0)


def test_response_starts_at_the_sum_of_all_needs_and_takes_off_before_the_limit() -> None:
    model = predict(**{**START, "network": 1_000}, constants=CONSTANTS)
    assert model.response_ns[0] == pytest.approx(2.2e6 + 2e6)
    assert model.response_ns[90] > 2 * model.response_ns[0]


def test_the_load_that_is_offered_is_what_was_chosen_or_what_the_generator_can_send() -> None:
    assert offered_share(0.5, 400.0) == 0.5
    assert offered_share(1.2, 400.0) == 1.2
    assert offered_share(0.5, 20_000.0) * 20_000 == pytest.approx(MAX_PER_S)


def test_limits_are_said_from_the_smallest_on() -> None:
    model = predict(**{**START, "disk": 4}, constants=CONSTANTS)
    assert limits_said(model) == "CPU 455/s, disk 1,000/s, network 50,000/s, memory none"


def test_the_roof_is_the_smallest_limit_at_each_need() -> None:
    model = predict(**{**START, "disk": 4}, constants=CONSTANTS)
    assert np.all(model.roof == np.minimum(model.limits["CPU"], 1_000))
    assert model.here == 2.2
