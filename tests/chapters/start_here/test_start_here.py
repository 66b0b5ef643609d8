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
from perflab.measure.noise import NoiseLedger
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


def test_no_smaller_difference_shows_than_the_clock_tells() -> None:
    """Two medians of 10 µs that are alike, by a clock that moves in steps of 100 ns: a step is 1% of them."""
    medians = np.where(np.arange(100) % 5, 1e4, 1e4 + 100)
    alike = Record("self_check", {}, 1, "", Frame({"first_ns": medians, "second_ns": medians}), 3.0)
    assert self_check.resolution(alike) == pytest.approx(0.01)
    steps = NoiseLedger(1e4, 1e4, 1.0, 1.0, 0, 0.0, 0.0, 100.0)
    same = replace(pairs(0), noise=steps)
    assert self_check.resolution(same) == pytest.approx(0.1)


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


def test_an_interval_that_holds_a_hundred_is_not_called_less() -> None:
    assert first_lab.growth(*growing([56.0, 60.0, 72.0, 80.0, 88.0, 104.0, 108.0])) is None


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


LETTERS = 120


def timed(numbers: int, ns: float, turns: str = "together") -> Record:
    """Slices of calls that all take about as long."""
    column = ns * np.random.default_rng(numbers).normal(1, 1e-3, 200)
    frame = Frame({"latency_ns": column})
    return Record("first_lab", {"numbers": numbers}, 1, "", frame, turns=turns, sizes={"latency_ns": (10,) * 20})


def test_the_headline_of_the_first_lab_is_the_time_of_a_call_and_of_a_number() -> None:
    lab = first_lab.lab()
    assert lab.found(timed(1_000, 6_100), None) == "Adding up 1,000 numbers takes 6.1 µs (median): 6.1 ns per number."
    assert len(lab.found(timed(100_000, 9.99e8), None)) <= LETTERS
    nothing = Record("first_lab", {"numbers": 10}, 1, "")
    coarse = Record("first_lab", {"numbers": 10}, 1, "", Frame({"latency_ns": np.r_[np.zeros(90), np.full(9, 1e3)]}))
    assert first_lab.finding(nothing, None) is None and first_lab.finding(coarse, None) is None


@pytest.mark.parametrize(("ns", "times"), [(6_100, "21.0"), (29_000, "100"), (250, "0.862")])
def test_beside_another_length_the_headline_is_how_many_times_as_long_it_takes(ns: float, times: str) -> None:
    lab, few, many = first_lab.lab(), timed(10, 290), timed(1_000, ns)
    for record, pinned in ((many, few), (few, many)):
        said = lab.found(record, pinned)
        assert said.startswith(f"100 times as many numbers take {times} times as long: ")
        assert said.endswith(" instead of 290 ns.")
    assert lab.found(many, timed(10, 290, "apart")).startswith("Adding up 1,000 numbers"), "not side by side"
    assert len(lab.found(timed(100_000, 9.99e8), timed(10, 99.9))) <= LETTERS


def test_the_headline_of_the_self_check_is_the_smallest_difference_that_shows() -> None:
    lab = self_check.lab()
    quiet, loud = (pairs_of(calls, scatter) for calls, scatter in ((1_000, 5), (10, 100)))
    shown = [self_check.shown(run) for run in (quiet, loud)]
    assert lab.found(quiet, None) == f"From 100 pairs, this machine can tell apart settings that differ by {shown[0]}."
    both = f"Medians of 10 calls tell apart differences of {shown[1]}, medians of 1,000 calls {shown[0]}."
    assert self_check.finding(quiet, loud) == self_check.finding(loud, quiet) == both
    assert len(both) <= LETTERS
    assert self_check.finding(quiet, pairs_of(10, 100, count=3)) == lab.found(quiet, None), "the other cannot tell"
    assert self_check.finding(pairs_of(10, 5, count=3), None) is None, "few pairs"
    assert self_check.finding(pairs_of(10, 0), None) is None, "all are alike: the clock tells no more"
    assert self_check.finding(Record("self_check", {"calls": 10}, 1, ""), None) is None


def pairs_of(calls: int, scatter: float, count: int = 100) -> Record:
    return replace(pairs(scatter, count), parameters={"calls": calls})


def test_what_is_done_is_said() -> None:
    assert (
        first_lab.scenario({"numbers": 100_000})
        == "sum(values) is timed again and again; the list has 100,000 numbers."
    )
    assert self_check.scenario({"calls": 1_000}) == (
        "For 3 s, the same work is timed twice in turns: a pair is two medians of 1,000 calls each."
    )
