"""From hit ratio to p99: the model, its long run and its runs, the words, the charts, and a real server."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from cached_records import HIT_NS, read_record
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from predictions import assert_each_comment_fits
from turns import side_by_side

from perflab.chapters.caching_strategies import cached_load, hit_ratio
from perflab.chapters.caching_strategies import hit_ratio_model as model
from perflab.chapters.caching_strategies.cached_load import CONSTANT, EXPONENTIAL
from perflab.chapters.caching_strategies.hit_ratio_model import RUN_S, SIZES
from perflab.lab import Record
from perflab.measure.frame import Frame

LAB = hit_ratio.lab()
START = LAB.check({})
KNOWN = {"hit_ns": float(HIT_NS)}


def at(values: Any, capacity: float) -> float:
    return float(np.interp(capacity, SIZES, values))


def test_the_path_by_hand() -> None:
    found = model.predict(**{**START, "capacity": 100}, constants=KNOWN).long_run
    assert at(found.hit_ratio, 100) == pytest.approx(0.576525, abs=4e-4), "LRU of 100 among 1,000 keys, by Zipf's law"
    calm = model.predict(**{**START, "rate": 50, "kind": EXPONENTIAL}, constants=KNOWN).long_run
    h = at(calm.hit_ratio, 500)
    assert at(calm.load, 500) == pytest.approx(50 * (1 - h) * 0.02)
    assert at(calm.unqueued_ns, 500) == pytest.approx(2e5 + (1 - h) * 2e7)
    assert at(calm.mean_ns, 500) == pytest.approx(2e5 + (1 - h) * 2e7 / (1 - at(calm.load, 500)))
    assert at(calm.p99_ns, 500) == pytest.approx(2e5 + np.log((1 - h) / 0.01) * 2e7 / (1 - at(calm.load, 500)))


def test_the_p99_of_constant_services_is_the_stores_until_99_of_100_reads_hit() -> None:
    found = model.predict(**START, constants=KNOWN)
    assert at(found.long_run.p99_ns, 800) == at(found.long_run.p99_ns, 900) == 2.02e7
    assert at(found.long_run.load, 900) / at(found.long_run.load, 800) == pytest.approx(0.47, abs=0.05)
    assert 900 < found.sure < 960 and at(found.long_run.p99_ns, 990) == 2e5
    assert found.long_run.hit_ratio[-1] == 1 and found.long_run.mean_ns[-1] == 2e5


def test_where_the_store_is_saturated_there_is_no_long_run() -> None:
    found = model.predict(**{**START, "capacity": 100}, constants=KNOWN)
    assert at(found.long_run.load, found.saturated) == pytest.approx(1, abs=0.01) and 100 < found.saturated < 200
    assert np.isnan(found.long_run.mean_ns[0]) and np.isfinite(found.long_run.unqueued_ns).all()
    assert found.p99_ns > 1e8, "a run has a p99 all the same"
    assert model.predict(**{**START, "rate": 25}, constants=KNOWN).saturated == 0


def test_the_wait_lies_between_the_mean_and_what_it_would_be_without_a_queue() -> None:
    found = model.predict(**START, constants=KNOWN)
    sizes, low, high = model.waiting_ns(found)
    assert (high >= low).all() and found.saturated < sizes[0] < 200 < sizes[-1] == 1_000, "no long run, no mean wait"
    assert high[0] > 5 * low[0] and high[-1] == low[-1]
    waits = np.interp(300, sizes, high - low)
    h = at(found.long_run.hit_ratio, 300)
    load = at(found.long_run.load, 300)
    assert waits == pytest.approx((1 - h) * load / (2 * (1 - load)) * 2e7, rel=0.01), "Pollaczek and Khinchine"


@pytest.mark.parametrize("kind", [CONSTANT, EXPONENTIAL])
@pytest.mark.parametrize("capacity", [300, 500, 800])
def test_runs_as_long_as_the_labs_are_near_the_long_run(kind: str, capacity: int) -> None:
    found = model.predict(**{**START, "capacity": capacity, "kind": kind, "rate": 100}, constants=KNOWN)
    runs = [model.statistics_ns(model.simulated_ns(capacity, 1.0, 100, kind, seed)) for seed in range(10, 50)]
    mean_ns, p99_ns = np.mean(runs, axis=0)[0] + HIT_NS, np.median(runs, axis=0)[1] + HIT_NS
    assert mean_ns == pytest.approx(at(found.long_run.mean_ns, capacity), rel=0.12)
    assert p99_ns == pytest.approx(at(found.long_run.p99_ns, capacity), rel=0.2)
    assert [found.mean_ns, found.p99_ns] == pytest.approx([mean_ns, p99_ns], rel=0.4), "three runs stand for many"


def test_a_run_says_the_path() -> None:
    run = read_record()
    hits = model.hit_ratio(run)
    said = LAB.verdict(run, None).text
    assert said.startswith(
        f"{100 * hits:.0f}% of the reads hit, so {model.reads_per_s(run):.0f} per second reach the store"
    )
    assert "which can do 50: a load of " in said and "h·Tc + (1−h)·Td says 2." in said
    assert model.load_on_store(run) == pytest.approx(150 * (1 - hits) * 0.02, rel=0.05)
    rows = dict(row[:2] for row in (*LAB.table(run, None), *LAB.trust(run, None)))
    assert rows["hit ratio"] == f"{100 * hits:.1f}%"
    assert rows["response time: mean; p99"] == rows["the same reads simulated: mean; p99"], "it was simulated"


def test_a_saturated_store_is_said() -> None:
    run = read_record(capacity=50)
    assert model.is_saturated(run) and "Saturated: " in LAB.verdict(run, None).text
    assert "the rest are more than the store can do" in LAB.found(run, None)
    assert model.load_on_store(run) > 1.2, "what it has not served yet counts too"


def test_the_headline_is_the_p99_beside_the_mean_or_what_more_hits_did() -> None:
    run, more, all_fit = read_record(capacity=800), read_record(capacity=900), read_record(capacity=1_000)
    assert LAB.found(run, None).startswith("96% of the reads hit and the mean is ")
    assert LAB.found(run, None).endswith("1 read in 100 takes over 20 ms.")
    assert "so even the p99 is a hit's: 200 µs" in LAB.found(all_fit, None)
    for pair in ((run, more), (more, run)):
        said = LAB.found(*side_by_side(*pair))
        assert said.startswith("With more hits, the load on the store went from 1") and "p99 from 20 ms" in said


def test_as_many_hits_change_nothing_that_a_headline_could_tell() -> None:
    run = read_record(capacity=1_000)
    other = replace(run, parameters={**run.parameters, "skew": 0.8})
    assert LAB.found(*side_by_side(run, other)) == LAB.found(run, None)


def test_a_headline_compares_two_runs_only_where_one_control_differs_and_says_which() -> None:
    run = read_record(capacity=300)
    own = LAB.found(run, None)
    for changes in ({"capacity": 800, "rate": 75}, {"skew": 1.4, "kind": EXPONENTIAL}, {}):
        assert LAB.found(*side_by_side(run, read_record(2, **{"capacity": 300, **changes}))) == own
    for pair in itertools.permutations((run, read_record(2, capacity=300, rate=75))):
        said = LAB.found(*side_by_side(*pair))
        assert said.startswith("With more reads per second, the load on the store went from 3"), "hits differ by chance"
    assert LAB.found(*side_by_side(read_record(skew=1.4), read_record())).startswith("With more hits, ")
    said = LAB.finding(run, read_record(capacity=300, kind=EXPONENTIAL)) or ""  # type: ignore[misc]
    assert " with exponential service times, " in said and said.endswith("with constant service times.")


def test_a_tail_without_an_end_is_said_to_grow() -> None:
    run, enough = read_record(capacity=50), read_record(capacity=500)
    assert model.is_saturated(run) and LAB.found(run, None).endswith(" s and growing.")
    assert model.times_text(run).endswith(" s and growing")
    for pair in ((run, enough), (enough, run)):
        assert "s and growing to " in LAB.found(*side_by_side(*pair))
    assert "growing" not in LAB.found(enough, None)


def late(run: Record) -> Record:
    samples = {**run.frame.samples, "lateness_ns": np.full(run.column("arrived_s").size, 10**8)}
    return replace(run, frame=replace(run.frame, samples=samples))


def test_a_late_generator_shows_no_times() -> None:
    run = late(read_record())
    assert LAB.verdict(run, None).kind == "invalid" and LAB.found(run, None) == ""
    assert dict(row[:2] for row in LAB.table(run, None))["response time: mean; p99"] == "not shown: sent too late"


def test_nothing_answered_is_nothing_said() -> None:
    empty = Record("hit_ratio", START, 1, "", Frame({}, {}, {"elapsed_s": 0.1}))
    assert LAB.verdict(empty, None).kind == "invalid"
    none_hit = read_record(capacity=10)
    store = cached_load.is_from_store(none_hit)
    only = {name: none_hit.column(name)[store] for name in ("latency_ns", "started_ns", "done_ns", "number")}
    record = replace(none_hit, frame=replace(none_hit.frame, samples={**none_hit.frame.samples, **only}))
    assert model.replay_text(record) == "" and "no read hit" in model.unqueued_text(record)


def test_a_run_lies_at_its_capacity_on_both_charts() -> None:
    run = read_record(capacity=300)
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    chart.show_run(run, [run])
    ((capacity, share),) = points(artists["measured"])
    assert capacity == 300 and share == pytest.approx(model.hit_ratio(run))
    times, found = drawn(LAB.charts[1])  # type: ignore[arg-type]
    times.show_run(run, [run])
    assert [points(found[name])[0][1] for name in ("mean", "measured p99")] == pytest.approx(model.measured_ns(run))


@pytest.mark.long
@pytest.mark.parametrize("chart", LAB.charts)
def test_the_charts_follow_runs_and_model(chart: Any) -> None:
    steady = {**START, "capacity": 300, "kind": EXPONENTIAL}
    expected = model.predict(**steady, constants=KNOWN)
    check_shows_all_and_can_be_emptied(chart, read_record(capacity=300), read_record(capacity=700), steady, expected)


def outcome(less: Record, more: Record) -> Any:
    return LAB.prediction.outcome(side_by_side(less, more), LAB.check)  # type: ignore[union-attr]


def test_the_question_is_settled_whatever_was_found() -> None:
    asked = [[read_record(seed, **each) for each in hit_ratio.PREDICTION.runs] for seed in range(20)]
    settled = [found for pair in asked if (found := outcome(*pair)) is not None]
    assert len(settled) >= 17 and {found.choice for found in settled} == {hit_ratio.SAME}
    assert "p99 20 ms and 20 ms" in settled[0].measured
    assert_each_comment_fits(hit_ratio.PREDICTION, settled[0])
    queued = replace(read_record(capacity=300), parameters=asked[0][0].parameters)
    found = outcome(queued, replace(read_record(capacity=500), parameters=asked[0][1].parameters))
    assert found.choice == hit_ratio.HALF
    assert_each_comment_fits(hit_ratio.PREDICTION, found)


def test_runs_that_cannot_tell_settle_nothing() -> None:
    less, more = (read_record(**each) for each in hit_ratio.PREDICTION.runs)
    facts = {**more.frame.facts, "elapsed_s": RUN_S / 2}
    assert outcome(less, replace(more, frame=replace(more.frame, facts=facts))) is None
    assert outcome(less, replace(read_record(capacity=1_000), parameters=more.parameters)) is None, "99% hit"


@pytest.mark.clock
def test_a_real_server_hits_and_queues_as_the_same_reads_simulated() -> None:
    run = corpus.click("caching_strategies.hit_ratio").records[0]
    chosen = {name: run.parameters[name] for name in ("capacity", "skew", "rate", "kind")}
    reads = model.asked(**{name: chosen[name] for name in ("skew", "rate", "kind")}, seed=run.seed)
    before = cached_load.held(chosen["capacity"], chosen["skew"], run.seed)
    expected = cached_load.simulated(reads, before, chosen["capacity"])
    store = np.zeros(reads.keys.size, bool)
    store[run.column("number")[cached_load.is_from_store(run)]] = True
    seen = int(run.column("arrived_s").size)
    # Which of two reads of one key comes just before the other's fill, a busy machine may decide otherwise.
    assert np.count_nonzero(store[:seen] != expected.from_store[:seen]) <= 0.02 * seen
