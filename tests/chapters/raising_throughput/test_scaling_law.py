"""The lab on the scaling law: the fit is judged by a number of workers that it has not seen."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import measure
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.raising_throughput import scaling_law
from perflab.chapters.raising_throughput.scaling_law_model import STEPS, WORKERS, fitted, means
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.theory.scaling import Fitted, ScalabilityLaw

LAB = scaling_law.lab()
settle = scaling_law.PREDICTION.settle
START = {"work": "locking", "workers": 24, "locked": 20}
CONSTANTS = {"waiting": 250.0, "computing": 2_000.0, "locking": 240.0, "memory": 5_000.0, "memory, 4 at once": 8_000.0}
LAW = ScalabilityLaw(0.05, 0.002, 100.0)


def on_the_law(times: float = 1.0, rounds: int = 8, seen: float = 1.0, **changes: Any) -> Record:
    """Rounds on a known law; the number left out is `seen` times what the law says."""
    chosen = {**START, **changes}
    generator = np.random.default_rng(1)
    samples = {}
    for number in sorted({*STEPS, chosen["workers"]}):
        value = times * float(LAW.throughput(number)) * (seen if number == chosen["workers"] else 1.0)
        samples[f"x{number}"] = value * generator.normal(1, 0.01, rounds)
    return Record("scaling_law", chosen, 1, "", Frame(samples, {"calls": rounds}), 4.0, "complete")


def test_the_law_is_found_and_predicts_what_it_has_not_seen() -> None:
    fit = fitted(on_the_law())
    assert fit is not None
    assert (fit.law.alpha, fit.law.beta) == (pytest.approx(0.05, rel=0.2), pytest.approx(0.002, rel=0.2))
    assert LAB.verdict_of(on_the_law(), None).text.endswith("predicted.")


def test_a_point_off_the_law_is_called_missed() -> None:
    assert LAB.verdict_of(on_the_law(seen=1.5), None).text.endswith("missed.")


@pytest.mark.parametrize("workers", [6, 24])
def test_the_number_left_out_is_not_used(workers: int) -> None:
    plain, moved = (fitted(on_the_law(seen=seen, workers=workers)) for seen in (1.0, 3.0))
    assert plain is not None and moved is not None
    assert plain.law.alpha == pytest.approx(moved.law.alpha, rel=0.1)


def test_too_few_rounds_are_no_fit() -> None:
    assert fitted(on_the_law(rounds=2)) is None
    assert LAB.verdict_of(on_the_law(rounds=2), None).kind == "invalid"
    assert LAB.table(Record("scaling_law", START, 1, ""), None) == []


def test_the_distance_to_the_prediction_is_said() -> None:
    assert re.search(r"(49|50|51)% apart: missed\.", LAB.verdict_of(on_the_law(seen=1.5), None).text)


def flat(record: Record, most: float) -> Record:
    """The same numbers of workers without a fall: `most` is where the throughput levels off."""
    samples = {
        name: np.minimum(int(name[1:]), most) * 100 * (1 + 0.001 * np.arange(8)) for name in record.frame.samples
    }
    return Record("scaling_law", record.parameters, 1, "", Frame(samples, {"calls": 8}), 4.0, "complete")


def test_a_peak_far_beyond_what_was_measured_is_not_said() -> None:
    assert re.search(r"peak at 22 workers \[\d+–\d+\]", LAB.verdict_of(on_the_law(), None).text)
    assert "no peak within twice the measured range" in LAB.verdict_of(flat(on_the_law(), 64), None).text


def laws(*constants: tuple[float, float]) -> Fitted:
    """A fit whose law is the first of these α and β, and whose bootstrap drew all of them."""
    drawn = tuple(ScalabilityLaw(alpha, beta, 100.0) for alpha, beta in constants)
    return Fitted(drawn[0], drawn)


def test_a_peak_that_the_rounds_do_not_agree_on_is_not_said_as_one() -> None:
    assert scaling_law.peak_said(laws((0.98, 0.0001), (0.98, 0.0))) == "peak at 14 workers or more, or none"
    assert scaling_law.peak_said(laws((1.1, 0.003), (1.2, 0.002))) == "throughput is highest with one worker"
    assert scaling_law.peak_said(laws((0.1, 0.001), (0.1, 0.0015))) == "peak at 30 workers [24–30]"


@pytest.mark.clock
def test_the_number_left_out_takes_its_turn_with_the_others() -> None:
    """The numbers of a round come in any order: the first of each round could be favoured or harmed."""
    firsts = set()
    for seed in range(6):
        slices = scaling_law.experiment("waiting", 3, 0, seed)
        firsts.add(next(iter(next(slices).samples)))
        slices.close()  # type: ignore[attr-defined]
    assert len(firsts) > 1


@pytest.mark.clock
def test_a_round_comes_in_few_slices_and_measures_each_number_once() -> None:
    """After each slice the law is fitted and drawn: a slice for each number would leave little time to measure."""
    slices = scaling_law.experiment("waiting", 24, 0, 1)
    taken = [next(slices)]
    while sum(frame.counts["calls"] for frame in taken) < len(STEPS) + 1:
        taken.append(next(slices))
    slices.close()  # type: ignore[attr-defined]
    names = [name for frame in taken for name in frame.samples]
    assert sorted(names) == sorted(f"x{number}" for number in (*STEPS, 24))
    assert len(taken) <= 4


def test_two_rounds_have_wide_intervals() -> None:
    (*_, few), (*_, many) = (means(on_the_law(rounds=rounds)) for rounds in (2, 8))
    assert np.median(few / many) > 4


def test_the_model_has_a_limit_for_each_kind_of_work_but_waiting() -> None:
    most = {work: scaling_law.predict(work, 24, 20, CONSTANTS)[1][-1] for work in scaling_law.KINDS}
    assert most["waiting"] == pytest.approx(64 * 250)
    assert most["computing"] == 2_000
    assert most["locking"] == pytest.approx(1_250)
    assert most["memory"] == 8_000
    assert scaling_law.predict("locking", 24, 0, CONSTANTS)[1][-1] == pytest.approx(64 * 240)


def test_runs_are_compared_by_their_best() -> None:
    assert LAB.verdict_of(*side_by_side(on_the_law(times=2), on_the_law())).kind == "clear"
    assert LAB.verdict_of(*side_by_side(on_the_law(), on_the_law())).kind == "too close to call"


@pytest.mark.clock
def test_real_threads_behind_a_lock_gain_twice_at_most() -> None:
    def found() -> str | None:
        frame = measure(scaling_law.lab(), 2.5, locked=50)
        return settle([Record("scaling_law", {**START, "locked": 50}, 1, "", frame, 4.0, "complete")])

    two_of_three(found, lambda outcome: outcome == "twice", "what 64 threads gain where half of the work is locked")
    assert settle([on_the_law()]) is None


def test_the_chart_has_the_means_the_law_and_the_number_left_out() -> None:
    chart, found = drawn(scaling_law.CHARTS[0])
    run = on_the_law(seen=1.5)
    fit, (numbers, middles, halves) = fitted(run), means(run)
    assert fit is not None and list(numbers) == [1, 2, 4, 8, 16, 24, 32, 64]
    chart.show_run(run, [run])
    chart.show_pinned(run)
    assert points(found["measured"]) == [(n, mean) for n, mean in zip(numbers, middles, strict=True) if n != 24]
    assert points(found["left out of the fit"]) == [(24, middles[5])]
    assert points(found["pinned run"]) == list(zip(numbers, middles, strict=True))
    assert points(found["predicted, 95%"]) == [(24, end) for end in fit.prediction(24)]
    assert list(found["fitted law"].get_ydata()) == list(fit.law.throughput(WORKERS))
    segments = found["4"].get_segments()
    assert [tuple(segment[:, 1]) for segment in segments] == [
        (mean - half, mean + half) for mean, half in zip(middles, halves, strict=True)
    ]
    chart.show_run(None, [])
    assert points(found["measured"]) == points(found["fitted law"]) == found["4"].get_segments() == []


def test_before_there_are_rounds_enough_the_means_are_drawn_without_a_law() -> None:
    chart, found = drawn(scaling_law.CHARTS[0])
    run = on_the_law(rounds=2)
    chart.show_run(run, [run])
    assert points(found["measured"]) and not points(found["fitted law"]) and not points(found["predicted, 95%"])


def test_the_model_is_drawn_with_its_limit_and_without() -> None:
    chart, found = drawn(scaling_law.CHARTS[0])
    chart.show_model(START, scaling_law.predict("computing", 24, 20, CONSTANTS))
    assert points(found["model"])[-1] == (64, 2_000)
    assert points(found["no limit"])[-1] == (64, 64 * 2_000)


def test_the_time_of_an_operation_is_workers_over_throughput() -> None:
    chart, found = drawn(scaling_law.CHARTS[1])
    run = on_the_law()
    chart.show_model(START, scaling_law.predict("computing", 24, 20, CONSTANTS))
    chart.show_run(run, [run])
    chart.show_pinned(run)
    assert points(found["model"])[-1] == (64, pytest.approx(1e9 * 64 / 2_000))
    assert list(found["left out of the fit"].get_xdata()) == [24, 24]
    numbers, middles, _ = means(run)
    expected = [(n, pytest.approx(1e9 * n / mean)) for n, mean in zip(numbers, middles, strict=True)]
    assert points(found["measured"]) == points(found["pinned run"]) == expected
