"""The lab on the scaling law: laws are judged by a number of workers that they have not seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from headlines import check_headlines_fit
from labs import measure
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.raising_throughput import scaling_law
from perflab.chapters.raising_throughput.scaling_law_model import (
    PUBLISHED,
    SATURATION,
    STEPS,
    UNIVERSAL,
    WORKERS,
    YOURS,
    fitted,
    gain,
    laws,
    means,
    off_said,
    predict,
    published,
    top,
)
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.systems.machine.work import KINDS, WAIT_S
from perflab.theory.saturation import SaturationLaw
from perflab.theory.scaling import MIN_ROUNDS, ScalabilityLaw

LAB = scaling_law.lab()
PREDICTION = scaling_law.PREDICTION
START = {"work": "replicating", "workers": 24, "locked": 10}
CONSTANTS = {
    "waiting": 240.0,
    "computing": 2_000.0,
    "computing, together": 1_900.0,
    "memory": 5_000.0,
    "memory, together": 8_000.0,
    "copy_s": 20e-6,
    "turn_s": 50e-6,
}
BENT, FLAT = ScalabilityLaw(0.05, 0.002, 100.0), SaturationLaw(100.0, 1_000.0)


def on_the_law(
    times: float = 1.0,
    rounds: int = 12,
    seen: float = 1.0,
    law: Any = BENT,
    noise: float = 0.01,
    seed: int = 1,
    **changes: Any,
) -> Record:
    """Rounds on a known law; the number left out is `seen` times what the law says."""
    chosen = {**START, **changes}
    generator = np.random.default_rng(seed)
    samples = {}
    for number in sorted({*STEPS, chosen["workers"]}):
        value = times * float(law.throughput(number)) * (seen if number == chosen["workers"] else 1.0)
        samples[f"x{number}"] = value * generator.normal(1, noise, rounds)
    return Record("scaling_law", chosen, seed, "", Frame(samples, {"calls": rounds}), 4.0, "complete")


def test_the_headline_says_where_the_peak_is_or_what_64_workers_do() -> None:
    peak = scaling_law.lab().finding
    assert peak is not None
    assert re.fullmatch(
        r"Throughput is highest with 16 workers; 64 do 0\.7\d* times that\.", peak(on_the_law(), None) or ""
    )
    straight = on_the_law(law=ScalabilityLaw(0.0, 0.0, 100.0), work="waiting")
    assert re.fullmatch(r"64 workers do 6\d(\.\d)? times as much as one\.", peak(straight, None) or "")
    beside = peak(straight, on_the_law()) or ""
    assert re.fullmatch(r"Most here: 6,\d+/s with 64 workers; in the pinned run: [\d,]+/s with 16 workers\.", beside)
    assert peak(on_the_law(rounds=1), None) is None


def test_headlines_fit_at_the_ends_of_all_controls() -> None:
    check_headlines_fit(LAB, on_the_law)


def said(record: Record) -> str:
    return LAB.verdict_of(record, None).text


def test_the_law_is_found_and_predicts_what_it_has_not_seen() -> None:
    fit = fitted(on_the_law())
    assert fit is not None
    assert (fit.law.alpha, fit.law.beta) == (pytest.approx(0.05, rel=0.2), pytest.approx(0.002, rel=0.2))
    assert re.search(r"universal scalability law [\d,]+/s \([\d.]+% off: predicted\)", said(on_the_law()))


def test_each_law_predicts_its_own_work_and_misses_the_other() -> None:
    for law, workers, right, wrong in ((BENT, 48, UNIVERSAL, SATURATION), (FLAT, 12, SATURATION, UNIVERSAL)):
        found, true = laws(on_the_law(law=law, workers=workers)), float(law.throughput(workers))
        off = {name: abs(float(each.throughput(workers)) / true - 1) for name, each in found.items()}
        assert off[right] < 0.02 and off[wrong] > 0.05, off


@pytest.mark.parametrize(
    ("measured", "judged"), [(100, "0.0% off: predicted"), (104, "3.8% off: predicted"), (88, "13.6% off: missed")]
)
def test_the_distance_alone_decides_what_counts_as_predicted(measured: float, judged: str) -> None:
    assert off_said(FLAT, 1, measured) == f"100/s ({judged})"


def test_a_point_off_the_law_is_called_missed_with_its_distance() -> None:
    assert re.search(r"universal scalability law [\d,]+/s \(3\d\.\d% off: missed\)", said(on_the_law(seen=1.5)))


def test_noise_does_not_make_a_law_right() -> None:
    """A point that is known to half of itself judges nothing: neither predicted nor missed."""
    text = said(on_the_law(noise=0.6))
    assert "too uncertain to judge a law by" in text and "predicted" not in text and "missed" not in text


@pytest.mark.parametrize("workers", [6, 24])
def test_the_number_left_out_is_not_used(workers: int) -> None:
    plain, moved = (laws(on_the_law(seen=seen, workers=workers)) for seen in (1.0, 3.0))
    for name in (SATURATION, UNIVERSAL):
        assert float(plain[name].throughput(workers)) == pytest.approx(float(moved[name].throughput(workers)), rel=0.05)


def test_too_few_rounds_are_no_fit() -> None:
    assert (
        fitted(on_the_law(rounds=7)) is None and laws(on_the_law(rounds=7)) == {} and top(on_the_law(rounds=7)) is None
    )
    assert LAB.verdict_of(on_the_law(rounds=7), None).kind == "invalid"
    assert LAB.table(Record("scaling_law", START, 1, ""), None) == []


def test_a_peak_is_named_where_the_measured_points_show_one() -> None:
    best = top(on_the_law())
    assert best is not None and best.workers == 16 and best.falls
    assert re.search(
        r"its peak at 2\d workers\. Measured: [\d,]+/s with 16 workers; with 64, 0\.\d+×", said(on_the_law())
    )


def test_a_law_that_is_bent_by_a_ceiling_gets_no_peak() -> None:
    """Fitted to a ceiling, the universal law bends down: the points do not."""
    run = on_the_law(law=FLAT)
    fit = fitted(run)
    assert fit is not None and fit.law.peak < 64
    assert "No peak was measured" in said(run) and "its peak" not in said(run)


def test_noise_on_a_ceiling_is_seldom_a_peak() -> None:
    flat = [top(on_the_law(law=FLAT, noise=0.08, seed=seed)) for seed in range(200)]
    assert sum(best is not None and best.falls for best in flat) <= 6
    falling = [top(on_the_law(noise=0.08, seed=seed)) for seed in range(50)]
    assert sum(best is not None and best.falls for best in falling) >= 45


def test_the_published_points_are_fitted_by_both_laws() -> None:
    found = published()
    assert float(found[UNIVERSAL].throughput(72)) == pytest.approx(PUBLISHED[72], rel=0.01)
    assert found[UNIVERSAL].peak == pytest.approx(96.5, abs=0.5)  # type: ignore[attr-defined]
    assert float(found[SATURATION].throughput(216)) == pytest.approx(np.mean([*PUBLISHED.values()][2:]))


def through(seen: Mapping[int, float]) -> ScalabilityLaw:
    """The law that the points lie on."""
    assert list(seen) == [1, 8, 64]
    return BENT


def test_a_law_of_the_learners_is_drawn_and_judged_beside_the_others() -> None:
    lab, run = scaling_law.lab(through), on_the_law()
    assert f"{YOURS} {off_said(BENT, 24, means(run)[1][5])}" in lab.verdict_of(run, None).text
    assert lab.table(run, None)[0][-1] == YOURS
    chart, found = drawn(lab.charts[0])
    chart.show_run(run, [run])
    assert list(found[YOURS].get_ydata()) == list(BENT.throughput(WORKERS))
    assert YOURS not in drawn(LAB.charts[0])[1]


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
def test_a_run_ends_when_there_are_rounds_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scaling_law.ROUNDS >= MIN_ROUNDS
    monkeypatch.setattr(scaling_law, "ROUNDS", 2)
    columns = merge(scaling_law.experiment("waiting", 24, 0, 1)).samples
    assert {column.size for column in columns.values()} == {2} and len(columns) == len(STEPS) + 1


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


def test_the_model_knows_what_limits_each_kind_of_work() -> None:
    most = {work: predict(work, 24, 20, CONSTANTS) for work in KINDS}
    late_s = 1 / 240 - WAIT_S
    assert most["waiting"][-1] == pytest.approx(64 * 240)
    assert most["computing"][-1] == 2_000
    assert most["locking"][-1] == pytest.approx(1 / (0.2 * WAIT_S + late_s))
    assert most["memory"][-1] == 8_000
    assert predict("locking", 24, 0, CONSTANTS)[-1] == pytest.approx(64 * 240)
    assert predict("locking", 24, 100, CONSTANTS)[-1] == pytest.approx(240)
    without_gil = predict("computing", 24, 20, {**CONSTANTS, "computing, together": 7_900.0})
    assert without_gil[0] == 2_000 and without_gil[-1] == 7_900


@pytest.mark.parametrize("workers", [1, 2, 8, 32, 64])
def test_the_model_of_rounds_is_one_turn_after_the_other(workers: int) -> None:
    """All wait; then each in turn holds the lock, and writes into the copies of the others."""
    late_s = 1 / 240 - WAIT_S
    now = 0.9 * WAIT_S + late_s
    for _ in range(workers):
        now += 0.1 * WAIT_S + late_s + (workers - 1) * CONSTANTS["copy_s"]
    now += (workers - 1) * CONSTANTS["turn_s"]
    found = np.interp(workers, WORKERS, predict("replicating", 24, 10, CONSTANTS))
    assert found == pytest.approx(workers / now, rel=0.02)


def test_runs_are_compared_round_by_round_with_the_most_workers() -> None:
    assert LAB.verdict_of(*side_by_side(on_the_law(times=2), on_the_law())).kind == "clear"
    assert LAB.verdict_of(*side_by_side(on_the_law(), on_the_law())).kind == "practically equal"
    text = LAB.verdict_of(*side_by_side(on_the_law(times=2), on_the_law())).text
    assert "With 64 workers, throughput is 2.00× (" in text and "above the pinned run" in text


@pytest.mark.clock
def test_real_threads_behind_a_lock_gain_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_law, "ROUNDS", MIN_ROUNDS)

    def found() -> float:
        frame = measure(scaling_law.lab(), 30.0, work="locking", locked=50)
        times = gain(Record("scaling_law", START, 1, "", frame, 4.0, "complete"), 1, 8)
        assert times is not None
        return times.value

    two_of_three(found, lambda times: 1.4 < times < 2.1, "what 8 threads gain where half of the work is locked")


def with_64(times: float, noise: float = 0.01) -> Record:
    """Rounds in which 64 workers do so many times what 16 do."""
    run = on_the_law(noise=noise)
    samples = {**run.frame.samples, "x64": times * run.column("x16") * np.linspace(1 - noise, 1 + noise, 12)}
    return Record("scaling_law", START, 1, "", Frame(samples, {"calls": 12}), 4.0, "complete")


@pytest.mark.parametrize(
    ("times", "choice"),
    [(0.5, "less"), (0.85, "less"), (1.0, "about the same"), (1.3, "a little more"), (3.9, "a little more")],
)
def test_the_prediction_has_a_text_for_each_outcome(times: float, choice: str) -> None:
    outcome = PREDICTION.outcome([with_64(times)], LAB.check)
    assert outcome is not None and outcome.choice == choice
    assert f"64 workers did {times:.2f}"[:-1] in outcome.measured
    assert_each_comment_fits(PREDICTION, outcome)


def test_a_run_that_cannot_tell_and_other_work_settle_nothing() -> None:
    assert PREDICTION.outcome([with_64(0.9, noise=0.3)], LAB.check) is None
    assert PREDICTION.outcome([on_the_law(rounds=7)], LAB.check) is None
    assert PREDICTION.outcome([on_the_law(work="locking")], LAB.check) is None
    assert not PREDICTION.choices["4 times as much"].reason, "it cannot be"


def test_the_chart_has_the_means_the_laws_and_the_number_left_out() -> None:
    chart, found = drawn(LAB.charts[0])
    run = on_the_law(seen=1.5)
    drawn_laws, (numbers, middles, halves) = laws(run), means(run)
    assert list(numbers) == [1, 2, 4, 8, 16, 24, 32, 64]
    chart.show_run(run, [run])
    chart.show_pinned(run)
    assert points(found["measured"]) == [(n, mean) for n, mean in zip(numbers, middles, strict=True) if n != 24]
    assert points(found["left out"]) == [(24, middles[5])]
    assert points(found["pinned run"]) == list(zip(numbers, middles, strict=True))
    for name in (SATURATION, UNIVERSAL):
        assert list(found[name].get_ydata()) == list(drawn_laws[name].throughput(WORKERS))
    segments = found["4"].get_segments()
    assert [tuple(segment[:, 1]) for segment in segments] == [
        (mean - half, mean + half) for mean, half in zip(middles, halves, strict=True)
    ]
    chart.show_run(None, [])
    assert points(found["measured"]) == points(found[UNIVERSAL]) == found["4"].get_segments() == []


def test_before_there_are_rounds_enough_the_means_are_drawn_without_a_law() -> None:
    chart, found = drawn(LAB.charts[0])
    run = on_the_law(rounds=2)
    chart.show_run(run, [run])
    assert points(found["measured"]) and not points(found[SATURATION]) and not points(found[UNIVERSAL])


def test_the_number_that_is_left_out_is_seen_before_it_is_measured() -> None:
    chart, found = drawn(LAB.charts[0])
    for workers in (6, 48):
        chart.show_setting({**START, "workers": workers})
        assert set(found["0"].get_xdata()) == {workers}


def test_the_model_is_drawn_with_its_limit() -> None:
    chart, found = drawn(LAB.charts[0])
    chart.show_model(START, predict("computing", 24, 20, CONSTANTS))
    assert points(found["model"])[-1] == (64, 2_000)
    assert found["model"].axes.get_ylim() == (0, 3_000)
    chart.show_model(START, predict("waiting", 24, 20, CONSTANTS))
    assert found["model"].axes.get_ylim() == (0, 20_000)


def test_the_published_points_stand_beside_it() -> None:
    chart, found = drawn(LAB.charts[1])
    chart.show_model(START, predict("computing", 24, 20, CONSTANTS))
    assert points(found["published"]) == list(PUBLISHED.items())
    assert points(found[UNIVERSAL])[-1] == (216, pytest.approx(1_646, abs=1))


def test_the_table_has_both_laws_beside_each_number() -> None:
    rows = LAB.table(on_the_law(), None)
    assert rows[0] == ("workers", "operations/s, 95% interval", "times one worker", SATURATION, UNIVERSAL)
    assert [row[0] for row in rows[1:]] == ["1", "2", "4", "8", "16", "24 (left out)", "32", "64"]
    assert all(re.fullmatch(r"[\d,]+ \([+-]\d+%\)", cell) for row in rows[1:] for cell in row[3:])
