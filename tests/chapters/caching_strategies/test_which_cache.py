"""The lab on caches and stores: when a cache is slower than what it stands in front of."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import psutil
import pytest
from caching_records import COSTS_IN_PAIRS, which_record
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from dying_servers import LAST_WORDS
from labs import measure
from predictions import assert_each_comment_fits
from real_servers import require
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.caching_strategies import which_cache
from perflab.chapters.caching_strategies import which_cache_model as model
from perflab.lab import Record
from perflab.lab.fault import told_of
from perflab.measure.frame import Frame, merge
from perflab.measure.noise import MAX_SWITCHES_PER_S, NoiseWatch
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import Installable, NotStarted
from perflab.systems.servers.cached_reading import Found
from perflab.systems.servers.cached_reads import CACHES, DICT, IN_POSTGRESQL, IN_REDIS, NONE, SLOW, SQLITE, STORES
from perflab.systems.servers.real.redis import REDIS

NAME = "caching_strategies.which_cache"
START = {"cache": IN_REDIS, "store": SQLITE, "hits": 95}


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As where all servers are installed."""
    monkeypatch.setattr(Installable, "find", lambda _: "/somewhere")
    return which_cache.lab()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As where none is."""
    monkeypatch.setattr(Installable, "find", lambda _: None)
    return which_cache.lab()


def ratio(record: Record) -> float:
    found = model.gained(record)
    assert found is not None
    return found.value


def test_the_model_is_the_formula_with_what_the_pair_takes() -> None:
    hit, read, fill = model.parts(IN_REDIS, SQLITE, COSTS_IN_PAIRS)
    assert (hit, read, fill) == (15e3, 5e3, 15e3)
    found = model.predict(**START, constants=COSTS_IN_PAIRS)
    assert found.here == (4, pytest.approx(0.95 * 15e3 + 0.05 * 35e3))
    assert found.through[0] == 35e3 and found.through[-1] == 15e3 and found.without == 5e3
    assert found.times[model.PAIRS.index((IN_REDIS, SQLITE))] == pytest.approx(5 / 16)


def test_where_a_hit_takes_longer_than_the_store_no_hit_ratio_is_enough() -> None:
    found = model.predict(**START, constants=COSTS_IN_PAIRS)
    assert found.break_even == 1.5 and np.isnan(model.meeting(found)) and (found.through > found.without).all()
    label = model.break_even_label(found)
    assert label is not None and label[2] == "break-even: never"


def test_elsewhere_the_lines_cross_at_the_break_even() -> None:
    for cache, store in model.PAIRS:
        found = model.predict(cache, store, 95, COSTS_IN_PAIRS)
        if found.break_even <= 1:
            at = model.mean_ns(cache, store, 100 * found.break_even, COSTS_IN_PAIRS)
            assert at == pytest.approx(found.without)
            label = model.break_even_label(found)
            assert label is not None and label[0] == model.place(100 * found.break_even)
    assert model.predict(IN_REDIS, IN_POSTGRESQL, 95, COSTS_IN_PAIRS).break_even == pytest.approx(60 / 90)


def test_without_a_cache_each_read_is_one_of_the_store() -> None:
    found = model.predict(NONE, SLOW, 0, COSTS_IN_PAIRS)
    assert (found.through == found.without).all() and found.without == 2.1e6
    assert model.break_even_label(found) is None and np.isnan(model.meeting(found))


def test_a_fill_takes_nothing_where_a_miss_happens_to_be_quicker_than_its_parts() -> None:
    costs = {**COSTS_IN_PAIRS, "dict, SQLite, 0%": 4e3}
    assert model.parts(DICT, SQLITE, costs) == (200, 5e3, 0)


def test_a_hit_among_misses_takes_longer_than_where_all_reads_hit() -> None:
    name = model.name_of(DICT, IN_POSTGRESQL, model.RARE)
    costs = {**COSTS_IN_PAIRS, name: 0.99 * 400 + 0.01 * 45.3e3}
    hit, read, fill = model.parts(DICT, IN_POSTGRESQL, costs)
    assert (hit, read, hit + read + fill) == pytest.approx((400, 45e3, 45.4e3), rel=1e-3)
    at = {hits: model.mean_ns(DICT, IN_POSTGRESQL, hits, costs) for hits in (90, 99, 99.5, 100)}
    assert at[99] == pytest.approx(costs[name], rel=2e-3) and at[100] == 200
    assert at[99.5] == pytest.approx((at[99] + at[100]) / 2) and at[90] == pytest.approx(0.9 * 400 + 0.1 * 45.4e3)
    scattered = {**COSTS_IN_PAIRS, name: 100.0}
    assert model.parts(DICT, IN_POSTGRESQL, scattered)[0] == 100, "half of a hit at the least"


def test_what_was_not_calibrated_is_no_number() -> None:
    costs = {name: value for name, value in COSTS_IN_PAIRS.items() if "Redis" not in name}
    found = model.predict(DICT, SQLITE, 95, costs)
    assert np.isfinite(found.times).tolist() == [True, False] * 3
    unknown = model.predict(**START, constants={})
    assert np.isnan(unknown.through).all() and model.highest(unknown) == 0 < model.highest(found)


def test_each_step_of_the_slider_has_a_place_and_what_code_chooses_lies_between() -> None:
    assert [model.place(each) for each in model.STEPS] == [*range(7)]
    assert 4 < model.place(97) < 5


def test_a_slice_is_pairs_of_rounds() -> None:
    frame = model.frame_of(Found([20.0, 22.0], [5.0, 4.0], [7, 8, 9], 40, 2))
    run = Record("which_cache", START, 1, "", frame)
    assert frame.counts == {"calls": 40, "reads": 40, "misses": 2}
    assert run.column(model.THROUGH).tolist() == [20, 22] and run.column(model.SINGLE).tolist() == [7, 8, 9]
    assert model.hits_said(run) == "40; 38"


class Reading:
    """What reads in no time; with a server that fails it does not start."""

    failing: Mapping[str, ServerFailed]

    def __init__(self, settings: Any, seed: int) -> None:
        self._settings = settings
        for name in (IN_REDIS, IN_POSTGRESQL):
            if name in self.failing and any(name in each for each in settings):
                raise self.failing[name]

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, seconds: float, at: int) -> Found:
        hit_ns = {0: 300.0, model.RARE: 102.0, 100: 100.0}[self._settings[at][2]]
        return Found([hit_ns, 9 * hit_ns], [200.0, 900.0], [1], 10, 0)


def times_of(cache: str, store: str) -> dict[str, float]:
    through = {0: 300.0, 100: 100.0} if store == SLOW else {0: 300.0, model.RARE: 102.0, 100: 100.0}
    return {store: 200.0, **{f"{cache}, {store}, {hits}%": found for hits, found in through.items()}}


def test_where_a_server_does_not_start_the_other_pairs_are_calibrated(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "CachedReading", Reading)
    embedded = times_of(DICT, SQLITE) | times_of(DICT, SLOW)
    not_started = {name: NotStarted(name, "no space") for name in (IN_REDIS, IN_POSTGRESQL)}
    for failing, expected in (
        (not_started, embedded),
        ({IN_REDIS: not_started[IN_REDIS]}, embedded | times_of(DICT, IN_POSTGRESQL)),
        ({IN_POSTGRESQL: not_started[IN_POSTGRESQL]}, embedded | times_of(IN_REDIS, SQLITE) | times_of(IN_REDIS, SLOW)),
        ({IN_REDIS: ServerFailed("The Redis server died.")}, embedded),
    ):
        monkeypatch.setattr(Reading, "failing", failing, raising=False)
        assert merge(lab.calibrate()).facts == expected


def test_a_calibration_whose_own_process_does_not_start_fails(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ServerFailed("The cached_reading server died.")

    monkeypatch.setattr(model, "CachedReading", fails)
    with pytest.raises(ServerFailed, match="cached_reading"):
        merge(lab.calibrate())


@pytest.mark.process
@pytest.mark.parametrize("setting", [{"cache": IN_REDIS}, {"cache": DICT, "store": IN_POSTGRESQL}])
def test_a_run_with_a_server_that_does_not_start_is_refused_in_words(
    setting: dict[str, str], dying: Callable[..., None]
) -> None:
    dying("redis-server", "postgres", "initdb")
    with pytest.raises(NotStarted, match=rf"does not start, so it is not measured here\.(.|\n)*{LAST_WORDS}"):
        next(which_cache.experiment(**{**START, **setting}, seed=1))


def test_the_words_say_that_no_hit_ratio_helps(lab: Any) -> None:
    run = which_record()
    said = lab.verdict(run, None).text
    assert said.startswith("Redis in front of SQLite, 95% hits: a read takes 16 µs on average, 5.0 µs without it: 0.31")
    assert said.endswith("A hit alone takes longer than the store, so no hit ratio is enough.")
    assert lab.found(run, None) == (
        "Redis in front of SQLite, 95% hits: reads become 3.2 times slower, and no hit ratio can help."
    )


def test_the_words_say_from_which_hit_ratio_on_it_pays(lab: Any) -> None:
    few, many = (which_record(store=IN_POSTGRESQL, hits=hits) for hits in (50, 95))
    assert lab.verdict(few, None).text.endswith("It pays from 67% hits on.")
    assert lab.found(few, None) == "Redis in front of PostgreSQL, 50% hits: reads become 1.3 times slower."
    assert lab.found(many, None) == "Redis in front of PostgreSQL, 95% hits: reads become 2.3 times faster."
    slow = which_record(cache=DICT, store=SLOW, hits=100)
    assert lab.found(slow, None) == "Dict in front of the slow store, 100% hits: reads become 10,500 times faster."


def test_the_words_of_what_makes_no_difference(lab: Any) -> None:
    alike, alone = which_record(5e3, 5e3), which_record(cache=NONE, store=SLOW)
    assert lab.found(alike, None).endswith("reads become neither faster nor slower.")
    few = which_record(10e3, 2.1e6, rounds=3, cache=DICT, store=SLOW)
    assert lab.found(few, None) == "", "too few rounds to tell are not called equal"
    assert lab.verdict(alone, None).text == "A read of the slow store takes 2.1 ms on average."
    assert lab.found(alone, None) == ""
    assert lab.scenario({**START, "cache": NONE}).endswith("without a cache.")


def test_two_pairs_share_a_headline_and_are_compared(lab: Any) -> None:
    pinned, run = side_by_side(which_record(), which_record(cache=DICT))
    assert lab.found(run, pinned) == (
        "Redis in front of SQLite, 95% hits: 0.31× the reads; Dict in front of SQLite, 95% hits: 11× the reads."
    )
    found = lab.verdict_of(run, pinned)
    assert found.kind == "clear" and "The mean read is" in found.text and "below the pinned run" in found.text
    alone, run = side_by_side(which_record(cache=NONE), which_record())
    assert "3.2 times slower" in lab.found(run, alone)
    assert lab.found(alone, run) == ""


def test_a_headline_of_the_longest_names_is_not_too_long(lab: Any) -> None:
    chosen = {"cache": IN_REDIS, "store": IN_POSTGRESQL, "hits": 100}
    pinned, run = side_by_side(which_record(**chosen), which_record(store=SLOW))
    assert len(lab.found(run, pinned)) <= 120 and len(lab.found(which_record(**chosen), None)) <= 120


def test_the_tables_tell_the_parts_and_how_exact_the_hits_are(lab: Any) -> None:
    rows = dict(lab.table(which_record(store=IN_POSTGRESQL), None)[1:])
    assert rows["T_c, T_d, T_fill"] == "15 µs, 45 µs, 45 µs"
    assert rows["break-even hit ratio (T_c + T_fill)/(T_d + T_fill)"] == "67%"
    assert rows["mean read: through the cache; without it"] == "19 µs; 45 µs"
    assert rows["times as many reads as without"].startswith("2.31× (")
    trust = dict(lab.trust(which_record(), None)[1:])
    assert trust["reads through the cache; of these hits"] == "800; 760"
    assert trust["mean read: measured; model"] == "16 µs; 16 µs" and trust["pairs of rounds"] == "40"
    unknown = replace(which_record(), constants={})
    assert dict(lab.table(unknown, None)[1:])["T_c, T_d, T_fill"] == "–, –, –"


def test_where_no_server_is_installed_the_rest_is_measured_and_nothing_is_asked_of_redis(bare: Any) -> None:
    assert bare.controls["cache"].values == (NONE, DICT) and bare.controls["cache"].start == DICT
    assert bare.controls["store"].values == (SQLITE, SLOW) and bare.prediction is None
    told = dict(bare.table(which_record(cache=DICT), None)[1:])["not measured here"]
    assert "Redis is not installed, so it is not measured here." in told and "PostgreSQL is not installed" in told
    assert which_cache.not_here({}) == ["", *["not measured here"] * 3, "", "not measured here"]


def test_where_all_are_here_all_can_be_chosen(lab: Any) -> None:
    assert lab.controls["cache"].values == CACHES and lab.controls["store"].values == STORES
    assert which_cache.not_here({}) == [""] * 6 and "not measured here" not in dict(lab.table(which_record(), None))
    assert lab.check({}) == START


@pytest.mark.parametrize(
    ("times", "choice"),
    [
        (0.2, which_cache.MORE),
        (0.75, which_cache.MORE),
        (1, which_cache.ALIKE),
        (2, which_cache.LESS),
        (12, which_cache.MUCH),
    ],
)
def test_the_question_is_settled_whatever_was_found(lab: Any, times: float, choice: str) -> None:
    found = which_cache.PREDICTION.outcome([which_record(1e5 / times, 1e5)], lab.check)
    assert found is not None and found.choice == choice and "as long as without Redis" in found.measured
    assert_each_comment_fits(which_cache.PREDICTION, found)


def test_few_or_scattered_rounds_settle_nothing() -> None:
    assert which_cache.how_long(which_record(rounds=4)) is None
    assert which_cache.how_long(Record("which_cache", START, 1, "")) is None
    wild = {model.THROUGH: np.geomspace(1, 100, 12), model.WITHOUT: np.full(12, 10.0)}
    assert which_cache.how_long(replace(which_record(), frame=Frame(wild))) is None


def test_a_run_that_has_just_begun_can_be_shown(lab: Any) -> None:
    empty = Record("which_cache", START, 1, "")
    assert lab.verdict(empty, None).kind == "invalid" and lab.table(empty, None) == []
    assert model.gained(empty) is None and np.isnan(model.row_of(empty)).all()
    assert model.times_said(empty) == "–" and which_cache.finding(empty, None) is None


@pytest.mark.long
def test_the_charts_show_it(lab: Any) -> None:
    run, pinned = which_record(), which_record(cache=DICT)
    for chart in lab.charts:
        check_shows_all_and_can_be_emptied(chart, run, pinned, START, model.predict(**START, constants=COSTS_IN_PAIRS))
    chart, artists = drawn(lab.charts[0])
    chart.show_run(run, (run,))
    assert points(artists["measured"]) == [(4, pytest.approx(16e3, rel=0.01))]
    assert points(artists["no cache"])[-1] == (4, pytest.approx(5e3, rel=0.01))


def test_rows_fill_one_by_one_at_the_same_hit_ratio(lab: Any) -> None:
    runs = [which_record(cache=cache, store=store) for cache, store in model.PAIRS[:3]]
    runs = [which_record(2.5e4, hits=50), *runs, which_record(5e4)]
    chart, artists = drawn(lab.charts[1])
    chart.show_run(runs[-1], runs)
    assert [row for _, row in points(artists["before"])] == [0, 1, 2]
    assert points(artists["measured"]) == [(pytest.approx(0.1), 1)]
    assert model.texts(runs) == ["11×", "0.10×", "18×", "", "", ""]


def test_what_lies_beyond_the_axis_is_at_its_end_and_its_number_says_so() -> None:
    run = which_record(cache=DICT, store=SLOW, hits=100)
    assert model.row_of(run) == (100, model.PAIRS.index((DICT, SLOW)))
    assert model.texts([run])[4] == "10,500× →"
    assert which_cache.row_chosen({"cache": NONE, "store": SLOW}) is None
    assert which_cache.row_chosen({"cache": IN_REDIS, "store": SQLITE}).tolist() == [0.6, 1.4]


@pytest.mark.process
def test_redis_that_is_killed_in_the_middle_of_a_run_is_told_in_a_sentence_and_nothing_is_left() -> None:
    require(REDIS)
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    slices = which_cache.experiment(**START, seed=1)
    next(slices)
    for each in psutil.Process().children(recursive=True):
        if each.pid not in before and "redis" in each.name():
            os.kill(each.pid, signal.SIGKILL)
    with pytest.raises(ServerFailed) as failed:
        next(slices)
    assert told_of(failed.value)[0] == "ServerFailed: The Redis server died."
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before


@pytest.mark.process
@pytest.mark.parametrize("store", STORES)
def test_a_run_that_is_stopped_leaves_nothing(store: str) -> None:
    lab = which_cache.lab()
    if store not in lab.controls["store"].values or IN_REDIS not in lab.controls["cache"].values:
        pytest.skip("it is not installed")
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    run = which_cache.experiment(IN_REDIS, store, 50, seed=1)
    frame = next(run)
    run.close()  # type: ignore[attr-defined]
    assert 2 * frame.counts["misses"] == frame.counts["reads"] > 0
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before


@pytest.mark.clock
def test_redis_makes_reads_of_sqlite_slower_and_a_dict_makes_them_faster() -> None:
    lab = which_cache.lab()

    def times(cache: str) -> float:
        chosen = lab.check({"cache": cache, "store": SQLITE})
        return ratio(Record("which_cache", chosen, 1, "", measure(lab, 0.3, **chosen)))

    two_of_three(lambda: times(DICT), lambda found: found > 3, "reads through a dict, of which 95% hit")
    require(REDIS)
    two_of_three(lambda: times(IN_REDIS), lambda found: found < 1 / 2, "reads through Redis, of which 95% hit")


@pytest.mark.clock
def test_a_cache_of_a_slow_store_gains_what_the_model_says() -> None:
    lab = which_cache.lab()
    constants = corpus.constants(NAME) or {}
    chosen = lab.check({"cache": DICT, "store": SLOW, "hits": 80})

    def found() -> tuple[float, float]:
        record = Record("which_cache", chosen, 1, "", measure(lab, 0.4, **chosen))
        return ratio(record), constants[SLOW] / model.mean_ns(DICT, SLOW, 80, constants)

    two_of_three(found, lambda pair: 2 / 3 < pair[0] / pair[1] < 3 / 2, "five times as many reads")


@pytest.mark.clock
def test_a_server_that_takes_the_cpu_from_its_client_makes_no_run_noisy() -> None:
    require(REDIS)
    lab = which_cache.lab()

    def switches_per_s() -> float:
        slices = lab.experiment(**START, seed=1)
        next(slices)
        watch = NoiseWatch()
        for _ in range(4):
            next(slices)
        ledger = watch.stop()
        slices.close()  # type: ignore[attr-defined]
        return (ledger.involuntary_switches or 0) / ledger.wall_s

    two_of_three(switches_per_s, lambda found: found < MAX_SWITCHES_PER_S, "involuntary switches per second")
