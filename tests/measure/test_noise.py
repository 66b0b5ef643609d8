"""The noise ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perflab.measure.noise import NoiseLedger, NoiseWatch

QUIET = NoiseLedger(1e6, 1.05e6, 2.0, 1.9, 10, 0.001, 0.0, 1.0)


def test_a_quiet_run_says_so() -> None:
    assert not QUIET.noisy
    assert QUIET.sentence == "quiet machine"


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"spin_after_ns": 1.6e6}, "speed changed by 60%"),
        ({"stolen_share": 0.1}, "host took 10% of the CPU time"),
        ({"throttled_ms": 80.0}, "held it back for 80 ms"),
        ({"involuntary_switches": 5_000}, "others took the CPU 5,000 times"),
    ],
)
def test_each_disturbance_trips_the_verdict_and_is_named(change: dict[str, float], phrase: str) -> None:
    noisy = replace(QUIET, **change)  # type: ignore[arg-type]
    assert noisy.noisy
    assert phrase in noisy.sentence


def test_figures_that_a_system_does_not_tell_raise_no_alarm() -> None:
    assert not replace(QUIET, involuntary_switches=None, stolen_share=None, throttled_ms=None).noisy


@pytest.mark.clock
def test_a_real_watch_measures_wall_and_cpu_time() -> None:
    watch = NoiseWatch()
    total = sum(range(300_000))
    ledger = watch.stop()
    assert total and 0 < ledger.cpu_s <= 10 * ledger.wall_s
    assert ledger.spin_before_ns > 0 and ledger.spin_after_ns > 0 and ledger.resolution_ns > 0
