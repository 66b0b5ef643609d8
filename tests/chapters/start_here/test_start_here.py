"""Notebook 00: machine card, self-check, first lab."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perflab.chapters import start_here
from perflab.chapters.start_here import first_lab, self_check
from perflab.lab.record import Record
from perflab.measure.frame import Frame


@pytest.mark.clock
def test_the_card_names_the_machine_and_what_is_missing() -> None:
    text = start_here.machine_card().data
    for part in ("Processor", "One reading of the clock", "fsync", "Redis", "PostgreSQL"):
        assert part in text


def test_the_map_links_only_what_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3] / "notebooks")
    text = start_here.collection().data
    assert "[02-measuring-latency](02-measuring-latency.ipynb)" in text
    assert "13-self-tuning (planned)" in text


def pairs(scatter: float, count: int = 100) -> Record:
    generator = np.random.default_rng(2)
    first, second = generator.normal(1_000, scatter, (2, count))
    return Record("self_check", {}, 1, "", Frame({"first_ns": first, "second_ns": second}), 3.0)


def test_a_quieter_machine_tells_smaller_differences_apart() -> None:
    quiet, loud = self_check.resolution(pairs(5)), self_check.resolution(pairs(100))
    assert quiet is not None and loud is not None
    assert quiet < 0.01 < loud
    assert "can tell apart differences of" in self_check.lab().verdict(pairs(5), None).text


def test_few_pairs_give_no_resolution() -> None:
    assert self_check.resolution(pairs(5, count=3)) is None
    assert "Needs 8 pairs, has 3" in self_check.lab().verdict(pairs(5, count=3), None).text


def test_the_models_band_holds_for_simulated_medians() -> None:
    band = self_check.predict(100)
    medians = np.median(np.random.default_rng(4).normal(1, 0.1, (2, 4_000, 100)), axis=2)
    assert np.mean(np.abs(medians[0] / medians[1] - 1) <= band) == pytest.approx(0.95, abs=0.02)


def test_the_line_passes_through_what_was_calibrated() -> None:
    x, y = first_lab.predict(1_000, {"call_ns": 200.0, "per_number_ns": 20.0})
    assert y[np.flatnonzero(x == 1_000)[0]] == 20_200


def record(numbers: int, median: float) -> Record:
    return Record("first_lab", {"numbers": numbers}, 1, "", Frame({"latency_ns": np.full(10, median)}))


@pytest.mark.parametrize(("many", "outcome"), [(9_500, "×10"), (66_000, "×70"), (99_000, "×100")])
def test_the_prediction_is_settled_by_two_lengths_a_hundredfold_apart(many: float, outcome: str) -> None:
    assert first_lab.PREDICTION.settle([record(100, 1_000), record(10_000, many)]) == outcome
    assert first_lab.PREDICTION.settle([record(100, 1_000)]) is None
