"""Notebook 00: machine card, self-check, first lab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from relations import two_of_three

from perflab.chapters import start_here
from perflab.chapters.start_here import first_lab, self_check
from perflab.lab.record import Record
from perflab.measure import time_calls
from perflab.measure.frame import Frame
from perflab.measure.units import number
from perflab.systems.process.installed import Installable, Packages


@pytest.mark.clock
def test_the_card_names_the_machine_and_what_is_missing() -> None:
    text = start_here.machine_card().data
    for part in ("Processor", "One reading of the clock", "fsync"):
        assert part in text


@pytest.mark.clock
def test_the_card_lists_each_server_with_its_version_or_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticker = tmp_path / "ticker"
    ticker.write_text("#!/bin/sh\necho ticker 4.2\n")
    ticker.chmod(0o755)
    there = Installable("Ticker", (str(ticker),), Packages(apt="ticker", brew="ticker"), "no.module")
    missing = replace(there, name="Tocker", programs=("no-tocker",))
    monkeypatch.setattr(start_here, "SERVERS", (there, missing))
    text = start_here.machine_card().data
    assert f"| Ticker | 4.2, `{ticker}` |" in text
    assert "| Tocker | Tocker is not installed, so it is not measured here. To install it: apt install ticker" in text


def test_the_card_knows_all_servers() -> None:
    assert {server.name for server in start_here.SERVERS} == {"Redis", "PostgreSQL", "nginx", "Apache", "Node.js"}


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


@pytest.mark.parametrize(("scatter", "choice"), [(5, "less than 1%"), (100, "1% to 5%"), (300, "more than 5%")])
def test_the_click_says_how_small_a_difference_shows_with_a_reason_for_each_outcome(
    scatter: float, choice: str
) -> None:
    found = self_check.how_fine(pairs(scatter))
    assert found is not None and found.choice == choice and "from 100 pairs" in found.measured
    for answer in (*self_check.PREDICTION.choices, None):
        said = self_check.PREDICTION.comment(answer, found)
        assert self_check.PREDICTION.choices[choice].reason in said and found.measured in said
    assert self_check.how_fine(pairs(5, count=3)) is None


def test_the_models_band_holds_for_simulated_medians() -> None:
    band = self_check.predict(100)
    medians = np.median(np.random.default_rng(4).normal(1, 0.1, (2, 4_000, 100)), axis=2)
    assert np.mean(np.abs(medians[0] / medians[1] - 1) <= band) == pytest.approx(0.95, abs=0.02)


def test_the_line_passes_through_what_was_calibrated() -> None:
    x, y = first_lab.predict(1_000, {"call_ns": 200.0, "per_number_ns": 20.0})
    assert y[np.flatnonzero(x == 1_000)[0]] == 20_200


def growing(times: list[float]) -> tuple[Record, Record]:
    """Runs of both lengths measured in turns: in each slice the long one takes so many times as long."""
    asked = first_lab.PREDICTION.runs
    columns = np.full(10 * len(times), 100.0), 100 * np.repeat(times, 10)
    few, many = (
        Record("first_lab", chosen, 1, "", Frame({"latency_ns": column}), sizes={"latency_ns": (10,) * len(times)})
        for chosen, column in zip(asked, columns, strict=True)
    )
    return few, many


@pytest.mark.parametrize(
    ("times", "choice"),
    [
        (1.2, "clearly less"),
        (20, "clearly less"),
        (80, "clearly less"),
        (90, "about"),
        (110, "about"),
        (183, "clearly more"),
    ],
)
def test_the_click_settles_the_prediction_and_the_number_is_said(times: float, choice: str) -> None:
    found = first_lab.growth(*growing([times * each for each in (0.97, 0.99, 1, 1, 1.01, 1.02, 1.03)]))
    assert found is not None and found.choice == f"{choice} than ×100".replace("about than", "about")
    assert found.measured.startswith(f"×{number(times, 3)} (")
    for answer in (*first_lab.PREDICTION.choices, None):
        said = first_lab.PREDICTION.comment(answer, found)
        assert first_lab.PREDICTION.choices[found.choice].reason in said and found.measured in said
    assert all(answer.misconception and answer.reason for answer in first_lab.PREDICTION.choices.values())


def test_too_few_slices_settle_nothing() -> None:
    assert first_lab.growth(*growing([20.0] * 5)) is None
    assert (
        first_lab.growth(Record("first_lab", {"numbers": 10}, 1, ""), Record("first_lab", {"numbers": 1000}, 1, ""))
        is None
    )


def test_the_click_asks_for_a_hundred_times_as_many_numbers() -> None:
    few, many = (asked["numbers"] for asked in first_lab.PREDICTION.runs)
    assert (few, many) == (10, 1_000)
    assert "10 numbers" in first_lab.PREDICTION.question and "1,000 numbers" in first_lab.PREDICTION.question


@pytest.mark.clock
@pytest.mark.parametrize("numbers", [10, 100, 1_000, 10_000, 100_000])
def test_a_number_costs_the_same_however_many_there_are(numbers: int) -> None:
    """Within 20% of the line through two other lengths, all three timed within the same hundredths of a second: some machines
    change their speed by half from one second to the next.
    """
    two_of_three(lambda: apart(numbers), lambda share: share < 0.2, "how far it is from the line")


def apart(numbers: int, rounds: int = 15) -> float:
    """The median of rounds, as a share of what `predict` says by the two lengths that `calibrate` times."""
    found = []
    for _ in range(rounds):
        few, many, this = (median_ns(each) for each in (first_lab.FEW, first_lab.LONG, numbers))
        per_number = (many - few) / (first_lab.LONG - first_lab.FEW)
        x, y = first_lab.predict(numbers, {"per_number_ns": per_number, "call_ns": few - first_lab.FEW * per_number})
        found.append(this / np.interp(numbers, x, y) - 1)
    return float(abs(np.median(found)))


def median_ns(numbers: int) -> float:
    values = [0.5] * numbers
    repeats = max(5, min(200, 1_000_000 // numbers))
    return float(np.median(time_calls(lambda: sum(values), repeats=repeats).latencies_ns))
