"""The lab on four limits: which one is the smallest, and what the server itself does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import constants_of, measure

from perflab.chapters.raising_throughput import bottleneck
from perflab.lab.record import Record
from perflab.measure.frame import Frame

START = {"cpu": 2.0, "memory": 0, "network": 10, "disk": 0, "load": 50}
CONSTANTS = {
    "handling_ms": 0.2,
    "network_per_s": 5e8,
    "memory_per_s": 1e10,
    "small_write_s": 0.001,
    "large_write_s": 0.011,
}


def record(most: float = 400.0, late_ns: float = 1e5, facts: Any = None, **changes: Any) -> Record:
    """Windows of about `most` requests per second, and a second of load."""
    noise = np.random.default_rng(1)
    samples = {
        "most_per_s": most * noise.normal(1, 0.01, 5),
        "latency_ns": noise.exponential(5e6, 500),
        "came_s": np.linspace(0, 1, 500),
        "lateness_ns": np.full(500, late_ns),
    }
    told = {"handling_ms": 0.2, "elapsed_s": 1.5, "inside": 1, **(facts or {})}
    return Record("bottleneck", {**START, **changes}, 1, "", Frame(samples, {"calls": 500}, told), 3.0, "complete")


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
def test_the_smallest_limit_is_what_the_scarcest_resource_can_do(
    changes: dict[str, Any], smallest: str, most: float
) -> None:
    model = bottleneck.predict(**{**START, **changes}, constants=CONSTANTS)
    assert model.smallest == smallest
    demands = bottleneck.demands_s(bottleneck.work_of(*list({**START, **changes}.values())[:4]), CONSTANTS)
    assert 1 / max(demands.values()) == pytest.approx(most)


def test_what_is_not_needed_is_no_limit() -> None:
    limits = bottleneck.predict(**START, constants=CONSTANTS).limits
    assert np.all(np.isinf(limits["memory"])) and np.all(np.isinf(limits["disk"]))
    assert np.all(np.diff(limits["CPU"]) < 0)


def test_response_starts_at_the_sum_of_all_needs_and_takes_off_before_the_limit() -> None:
    model = bottleneck.predict(**{**START, "network": 1_000}, constants=CONSTANTS)
    assert model.response_ns[0] == pytest.approx(2.2e6 + 2e6)
    assert model.response_ns[90] > 2 * model.response_ns[0]


def test_the_verdict_names_the_most_and_the_response_under_load() -> None:
    said = bottleneck.verdict(record(), None)
    assert "requests/s at most. At 50% of that the mean response is" in said.text
    assert said.kind == "", "nothing is compared"


def test_a_second_run_is_compared_with_the_pinned_one() -> None:
    assert bottleneck.verdict(record(800.0), record()).text.endswith("2.00× of what the pinned run did at most.")
    assert bottleneck.verdict(record(), record()).kind != "clear"


def test_a_load_that_was_held_back_is_said() -> None:
    assert "held to 4,000/s" in bottleneck.verdict(record(20_000.0), None).text


def test_a_server_that_falls_behind_is_called_saturated() -> None:
    assert "Saturated" in bottleneck.verdict(record(facts={"inside": 100}, load=120), None).text


def test_a_late_generator_gives_no_latency() -> None:
    said = bottleneck.verdict(record(late_ns=50e6), None)
    assert said.kind == "invalid" and "too slow" in said.text


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("bottleneck", START, 1, "")
    assert bottleneck.verdict(empty, None).kind == "invalid"
    assert bottleneck.table(empty, None) == []


def test_where_files_lie_in_memory_the_verdict_says_so() -> None:
    assert bottleneck.verdict(record(facts={"caveat": "not durable"}), None).text.endswith("not durable")


@pytest.mark.parametrize(("share", "answer"), [(0.1, "a tenth"), (0.5, "half"), (0.95, "nearly the same")])
def test_the_prediction_is_settled_by_two_runs(share: float, answer: str) -> None:
    small, large = record(100, cpu=10.0), record(100 * share, cpu=10.0, network=100)
    assert bottleneck.what_a_larger_reply_does([small, large]) == answer
    assert bottleneck.what_a_larger_reply_does([small]) is None


def test_the_real_server_stays_below_its_roof_and_near_it() -> None:
    lab = bottleneck.lab()
    constants = constants_of(lab)
    for changes in ({"cpu": 5.0}, {"cpu": 0.5, "memory": 64}):
        frame = measure(lab, 1.2, **changes)
        chosen = lab.check(changes)
        demands = bottleneck.demands_s(
            bottleneck.work_of(*(chosen[name] for name in ("cpu", "memory", "network", "disk"))), constants
        )
        roof = 1 / max(demands.values())
        assert 0.25 * roof < np.median(frame.samples["most_per_s"]) < 1.6 * roof, (changes, roof)
