"""The lab on strategies: pairs of bursts, the model of a closed system, and what is said of them."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import drawn, points
from headlines import check_headlines_fit
from predictions import assert_each_comment_fits
from replays import agrees
from turns import side_by_side

from perflab.chapters.load import NOT_SHOWN
from perflab.chapters.raising_throughput import which_strategy, which_strategy_model
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.strategies import ASYNC, BATCHING, CACHING, INDEX, POOLING, SERVERS, UNCHANGED

LAB = which_strategy.lab()
PREDICTION = which_strategy.PREDICTION
START = {"rate": 600, "wait": 50, "writes": 1, "pages": 50}
CONSTANTS = {
    UNCHANGED: 3.0,
    CACHING: 3.0,
    POOLING: 2.6,
    BATCHING: 2.9,
    ASYNC: 3.0,
    SERVERS: 2.8,
    INDEX: 1.5,
    "hit": 0.3,
    "nothing, many writes": 8.0,
    "batching, many writes": 3.4,
}
GAINS = {CACHING: 1.5, POOLING: 1.1, BATCHING: 1.0, ASYNC: 2.0, SERVERS: 1.8, INDEX: 1.02}


# Bursts of 60 at 600/s to 4 threads that wait for 50 ms; `could` be done, if each request were answered at once.
def record(
    most: float = 200.0, rounds: int = 8, late_ns: float = 1e5, failures: int = 0, could: float = 600.0, **changes: Any
) -> Record:
    """Rounds in which each strategy gains what `GAINS` says, and shortens the p99 by as much."""
    disturbed = np.random.default_rng(1).lognormal(0, 0.2, rounds)
    samples = {"lateness_ns": np.full(500, late_ns)}
    for name, gain in {UNCHANGED: 1.0, **GAINS}.items():
        samples[f"{name} per_s"] = most * gain * disturbed
        samples[f"{name} most_per_s"] = could * disturbed
        samples[f"{name} p99_ns"] = 4e8 / gain / disturbed
    frame = Frame(samples, {"calls": 700, "failures": failures})
    return Record("which_strategy", {**START, **changes}, 1, "", frame, 20.0, "complete")


def expected(**changes: Any) -> dict[str, float]:
    model = which_strategy_model.predict(**{**START, **changes}, constants=CONSTANTS)
    return {name: each.value for name, each in model.gains.items()}


def test_the_model_knows_the_limit_of_the_threads() -> None:
    model = which_strategy_model.predict(**START, constants=CONSTANTS)
    assert 0.8 * 4 / 53e-3 < model.per_s[UNCHANGED] < 4 / 53e-3
    size = which_strategy_model.burst_size(600, model.per_s[UNCHANGED])
    over_ns, last_came_ns = 1e9 * size / model.per_s[UNCHANGED], 1e9 * size / 600
    assert over_ns - last_came_ns <= model.p99_ns[UNCHANGED] < over_ns, "the last request waits for the end, or nearly"


@pytest.mark.parametrize(
    ("changes", "best"),
    [
        ({"wait": 50, "pages": 1_000}, ASYNC),
        ({"wait": 0, "pages": 1_000}, INDEX),
        ({"wait": 0, "pages": 1_000, "writes": 10}, BATCHING),
        ({"wait": 50, "pages": 1}, CACHING),
    ],
)
def test_what_helps_most_depends_on_what_the_limit_is(changes: dict[str, Any], best: str) -> None:
    gains = expected(**changes)
    assert max(gains, key=gains.__getitem__) == best


def test_no_strategy_serves_more_than_arrives() -> None:
    assert max(expected(rate=100, wait=0).values()) == pytest.approx(1, abs=0.05)


def test_pairs_cancel_what_disturbs_both() -> None:
    found = which_strategy_model.gains(record())
    assert found[ASYNC].value == pytest.approx(2.0) and found[ASYNC].verdict == "clear"
    assert found[BATCHING].verdict == "practically equal"
    assert which_strategy.shortened(record())[ASYNC].value == pytest.approx(2.0)


def test_too_few_rounds_have_no_interval_and_no_verdict() -> None:
    found = which_strategy_model.gains(record(rounds=3))
    assert found[ASYNC].value == pytest.approx(2.0) and found[ASYNC].verdict != "clear"


def test_the_verdict_names_the_best() -> None:
    said = LAB.verdict_of(record(), None)
    assert "Most throughput with async: 2.0" in said.text and said.kind == "clear"
    assert "nearly all that is offered" not in said.text


def test_the_most_that_a_short_burst_allows_is_less_than_the_rate() -> None:
    """40 requests at 100/s of 23 ms: the last arrives after 400 ms, so no server does more than 40 in 423 ms."""
    said = LAB.verdict_of(record(45.0, rate=100, could=40 / 0.423), None)
    assert "nearly all that is offered" in said.text
    assert "nearly all that is offered" not in LAB.verdict_of(record(40.0, rate=100, could=94), None).text


def test_a_second_run_is_compared_without_a_strategy() -> None:
    said = LAB.verdict_of(*side_by_side(record(400.0), record(100.0)))
    assert "Without a strategy, throughput is" in said.text and said.kind == "clear"


def test_failures_are_told() -> None:
    assert " 7 failed." in LAB.verdict_of(record(failures=7), None).text


def test_a_late_generator_gives_no_numbers() -> None:
    """The shortest p99 that is shown is 200 ms."""
    said = LAB.verdict_of(record(late_ns=1.2e8), None)
    assert said.kind == "invalid" and "too slow" in said.text
    assert which_strategy.shortened(record(late_ns=1.2e8)) == {}
    rows = LAB.table(record(late_ns=1.2e8), None)[1:]
    assert {row[3] for row in rows} == {NOT_SHOWN} and {row[4] for row in rows} == {"–"}
    assert which_strategy.shortened(record(late_ns=9e7)).keys() == GAINS.keys()
    assert LAB.verdict_of(record(late_ns=9e7), None).kind == "clear"


def test_how_late_is_too_late_depends_on_what_is_shown() -> None:
    samples = {name: column.copy() for name, column in record(late_ns=9e7).frame.samples.items()}
    samples[f"{CACHING} p99_ns"][:] = 1e8
    seen = Record("which_strategy", START, 1, "", Frame(samples, {"calls": 700, "failures": 0}), 20.0, "complete")
    assert LAB.verdict_of(seen, None).kind == "invalid"


def test_lateness_that_could_be_seen_is_told() -> None:
    assert "sent requests up to 3.0 ms too late" in LAB.verdict_of(record(late_ns=3e6), None).text
    assert "late" not in LAB.verdict_of(record(late_ns=5e5), None).text


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("which_strategy", START, 1, "")
    assert LAB.verdict_of(empty, None).kind == "invalid"
    assert which_strategy_model.best(empty) is None


def test_the_table_says_what_each_costs_and_risks() -> None:
    rows = LAB.table(record(), None)
    assert [row[0] for row in rows[1:]] == [UNCHANGED, *GAINS]
    assert all(len(row) == len(rows[0]) for row in rows)
    assert rows[2][-2:] == which_strategy_model.COSTS[CACHING]


def test_the_table_says_how_well_the_queues_are_replayed() -> None:
    run = record()
    samples = dict(run.frame.samples)
    for name, late in ((UNCHANGED, 0), (ASYNC, 10), (SERVERS, 20)):
        samples |= {f"{name} server": np.zeros(2), f"{name} arrived_ns": np.array([0, 1e6])}
        samples |= {f"{name} started_ns": np.array([late, 1e6]), f"{name} done_ns": np.array([100 + late, 1e6 + 100])}
    told = Record("which_strategy", START, 1, "", Frame(samples, run.frame.counts), 20.0, "complete")
    rows = dict(LAB.trust(told, None)[1:])
    said = "100 ns, measured 100 ns: 0% apart; with a strategy at most 9.1% apart"
    assert rows["queue replayed, mean"] == said
    assert rows["generator's lateness, p99"] == "100 µs" and rows["failed"] == "0"


def helped(**gained: float) -> Record:
    """As `record`, with these gains (`more_servers` for "more servers")."""
    disturbed = np.random.default_rng(1).lognormal(0, 0.2, 8)
    run = record()
    samples = dict(run.frame.samples)
    for name, gain in gained.items():
        samples[f"{name} per_s"] = run.column(f"{UNCHANGED} per_s") * gain * (1 + 0.01 * np.log(disturbed))
    return replace(run, frame=Frame(samples, run.frame.counts))


@pytest.mark.parametrize("choice", [POOLING, BATCHING, ASYNC, INDEX])
def test_the_prediction_has_a_text_for_each_machine(choice: str) -> None:
    outcome = PREDICTION.outcome([helped(**{choice: 3.0})], LAB.check)
    assert outcome is not None and outcome.choice == choice
    assert outcome.measured.startswith(f"{choice} 3.0") and " and " in outcome.measured
    assert_each_comment_fits(PREDICTION, outcome)


def test_two_that_help_about_as_much_settle_nothing() -> None:
    assert PREDICTION.outcome([helped(**{ASYNC: 2.0, BATCHING: 2.0})], LAB.check) is None


@pytest.mark.parametrize("changes", [{"wait": 10}, {"rate": 400}, {"writes": 2}, {"pages": 20}])
def test_other_settings_settle_nothing(changes: dict[str, Any]) -> None:
    assert PREDICTION.outcome([record(**changes)], LAB.check) is None
    assert PREDICTION.outcome([record(rounds=5)], LAB.check) is None


def test_a_winner_that_is_hardly_ahead_is_not_called_one() -> None:
    said = LAB.verdict_of(helped(**{ASYNC: 2.0, SERVERS: 2.0}), None).text
    assert re.search(r"\), too close to (async|more servers) to call\.", said)
    assert "too close to" not in LAB.verdict_of(record(), None).text


ALL = (CACHING, POOLING, BATCHING, ASYNC, SERVERS, INDEX)
NO_GAIN = helped(**dict.fromkeys(ALL, 1.0))


def test_the_headline_is_what_gains_most() -> None:
    assert LAB.found(record(), None) == "Most throughput with async: 2.0 times that of the server as it is."
    close = LAB.found(helped(**{ASYNC: 2.0, SERVERS: 2.0}), None)
    told = "Most throughput with (async or more servers|more servers or async), too close to call: 2.0 times that of .*"
    assert re.fullmatch(told, close), close


def test_where_nothing_helps_the_headline_says_so() -> None:
    assert re.fullmatch(
        r"Even the best strategy, .+, changes the throughput by less than 5%\.", LAB.found(NO_GAIN, None)
    )
    slower = LAB.found(helped(**dict.fromkeys(ALL, 0.5)), None)
    assert re.fullmatch(r"Even with the best strategy, .+, throughput is 0\.50 times that of .+", slower), slower


def test_too_few_rounds_and_none_are_no_headline() -> None:
    assert which_strategy.finding(record(rounds=3), None) is None
    empty = Record("which_strategy", START, 1, "")
    assert which_strategy.finding(empty, None) is None
    assert which_strategy.finding(record(wait=0), empty) == which_strategy.finding(record(wait=0), None)


def test_beside_another_run_the_headline_is_what_gains_most_in_each() -> None:
    found = LAB.found(*side_by_side(record(wait=0), record()))
    assert found == "Most throughput at a wait of 50 ms: async, 2.0×; at a wait of 0 ms: async, 2.0×."
    quiet = replace(NO_GAIN, parameters={**START, "rate": 100})
    found = LAB.found(*side_by_side(quiet, record()))
    assert found == "Most throughput at 600 requests/s: async, 2.0×; at 100 requests/s: no clear gain."
    several = record(wait=0, pages=1)
    assert LAB.found(*side_by_side(several, record())) == LAB.found(several, None)


def test_each_headline_fits_and_says_what_is_done() -> None:
    check_headlines_fit(LAB, record)
    close = helped(**{SERVERS: 100.0, BATCHING: 100.0})
    check_headlines_fit(LAB, lambda **chosen: replace(close, parameters={**START, **chosen}))
    said = (
        "Bursts at 600 requests/s, for 50 pages, to 4 threads; each waits 50 ms and commits once. In turns: the server"
    )
    assert which_strategy.scenario(START).startswith(said)
    assert "for one page, to 4" in which_strategy.scenario({**START, "pages": 1, "writes": 10})


@pytest.mark.clock
def test_real_servers_that_wait_are_helped_by_async_and_by_more_of_them() -> None:
    (run,) = corpus.click("raising_throughput.which_strategy").records
    found = which_strategy_model.gains(run)
    assert found[ASYNC].value > 1.05 and found[SERVERS].value > 1.05
    assert run.count("failures") == 0
    queues = which_strategy.replays(run)
    assert list(queues) == [UNCHANGED, *GAINS]
    assert all(agrees(each, run) for each in queues.values()), queues


@pytest.mark.parametrize(
    ("rate", "did", "size"), [(1_000, 400, 100), (600, 170, 54), (100, 170, 32), (600, 50, 16), (600, 1, 10)]
)
def test_a_burst_is_short_where_the_server_is_slow(rate: float, did: float, size: int) -> None:
    assert which_strategy_model.burst_size(rate, did) == size


RATES = which_strategy.lab().controls["rate"].values
BETWEEN_BURSTS_S = 0.01
"""Switching, asking for an empty cache, and handing over the numbers."""


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("wait", [0, 10, 50])
@pytest.mark.parametrize("writes", [1, 10])
def test_seven_rounds_fit_into_a_run(rate: int, wait: int, writes: int) -> None:
    model = which_strategy_model.predict(rate, wait, writes, 1_000, CONSTANTS)
    size = which_strategy_model.burst_size(rate, model.per_s[UNCHANGED])
    round_s = sum(size / did + BETWEEN_BURSTS_S for did in model.per_s.values())
    assert 7 * round_s < which_strategy.lab().budget_s, f"{round_s:.2f} s a round"


@pytest.mark.clock
def test_what_a_request_costs_is_measured_in_rounds() -> None:
    rounds = which_strategy_model.calibrate()
    cases = [name for frame in itertools.islice(rounds, len(CONSTANTS) + 2) for name in frame.facts]
    rounds.close()  # type: ignore[attr-defined]
    assert set(cases) == set(CONSTANTS)
    assert cases[len(CONSTANTS) :] == cases[:2], "the next round begins as the first did"


@pytest.mark.parametrize(("place", "gain"), [(0, "gains"), (1, "shortened")])
def test_gains_are_drawn_over_the_model_and_their_intervals_as_soon_as_they_are_known(place: int, gain: str) -> None:
    chart, found = drawn(which_strategy.CHARTS[place])
    model = which_strategy_model.predict(**START, constants=CONSTANTS)
    chart.show_model(START, model)
    bands = points(found["model"])[::3]
    assert bands == [(each.value, row) for row, each in enumerate(getattr(model, gain).values())]
    few, many = record(rounds=3), record()
    for run, known in ((few, 0), (many, len(GAINS))):
        chart.show_run(run, [run])
        assert points(found["measured, 95% interval"]) == [
            (pytest.approx(value), row) for row, value in enumerate(GAINS.values())
        ]
        assert len(points(found["1"])) == 3 * known
    chart.show_pinned(many)
    assert points(found["pinned run"]) == points(found["measured, 95% interval"])
