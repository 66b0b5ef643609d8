"""Pages of many calls: the formulas, the queues, hedges that help and hedges that harm, and the same on real servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measure
from matplotlib.figure import Figure
from predictions import assert_each_comment_fits
from relations import two_of_three
from replays import agrees
from tail_records import page_record
from turns import side_by_side

from perflab.chapters.load import Load
from perflab.chapters.tails_and_overload import fan_out
from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.chapters.tails_and_overload.fan_out import HEDGED, PLAIN
from perflab.chapters.tails_and_overload.fan_out_model import ALL, CANCELLED, SAVED, TOGETHER, measured_pages
from perflab.lab import Record
from perflab.lab.moments import AT_WORK, NEEDLESS
from perflab.measure.frame import Frame
from perflab.systems.clients.attempts import Patience
from perflab.theory.simulate import simulate

LAB = fan_out.lab()
START = LAB.check({})


def test_calls_of_a_page_are_due_at_once_and_1_in_100_is_unlucky() -> None:
    work = fan.calls_of(20, 1)
    assert work.due_ns.size % 20 == 0 and np.unique(work.due_ns).size == work.due_ns.size / 20
    slow = fan.calls_of(1, 2).services_us == 200_000
    many = np.concatenate([fan.calls_of(10, seed).services_us for seed in range(60)], axis=1) == 200_000
    assert many.mean(axis=1) == pytest.approx([0.01, 0.01], rel=0.1)
    assert (many[0] & many[1]).mean() < 0.001, "a copy has luck of its own"
    assert slow.shape[0] == 2


def test_four_workers_are_74_percent_busy_and_32_hardly() -> None:
    assert fan.utilisation(4) == pytest.approx(0.744)
    assert fan.utilisation(32) == pytest.approx(0.093)


def test_the_simulation_without_hedges_is_the_queue_of_each_server() -> None:
    work = fan.calls_of(10, 3)
    told = fan.simulated(work, 4, Patience()).samples
    for server in range(fan.SERVERS):
        own = slice(server, None, fan.SERVERS)
        queue = simulate(work.due_ns[own].astype(float), 1e3 * work.services_us[0, own], 4)
        in_time = queue.departures < 1e9 * (fan.PART_S + fan.REST_S)
        found = np.sort(told["completed_s"][told["number"] % fan.SERVERS == server])
        assert found == pytest.approx(np.sort(queue.departures[in_time]) / 1e9)


@pytest.mark.parametrize("hedges", [None, *fan.HEDGES])
def test_the_model_has_just_the_pages_that_the_real_client_would_have(hedges: str | None) -> None:
    client = Patience() if hedges is None else fan.patience(16, hedges)
    for calls, workers in ((1, 4), (10, 6), (50, 16)):
        work = fan.calls_of(calls, 3)
        frame = fan.simulated(work, workers, client)
        pages, copies = fan.simulated_pages(work, calls, workers, client)
        for these, those in zip(pages, fan.pages_in(frame, "", calls), strict=True):
            assert np.array_equal(these, those)
        assert copies == frame.samples["hedged_s"].size / work.due_ns.size


@pytest.mark.parametrize(("calls", "share"), [(1, 0.01), (10, 0.095618), (50, 0.394994)])
def test_the_formula_is_the_known_one(calls: int, share: float) -> None:
    expected = fan.predict(**{**START, "calls": calls})
    assert expected.plain[calls - 1] == pytest.approx(share, abs=1e-6)
    assert expected.hedged[calls - 1] == pytest.approx(1 - (1 - 1e-4) ** calls)
    late = fan.predict(**{**START, "hedge": 150})
    assert np.array_equal(late.hedged, late.plain), "a copy after 150 ms comes too late"


def test_with_idle_workers_the_simulation_is_near_the_formula_and_with_busy_ones_it_is_not() -> None:
    idle, busy = (fan.predict(**{**START, "workers": workers}) for workers in (32, 4))
    assert idle.slow == pytest.approx([0.0956, 0.001], abs=0.05)
    assert idle.p95_ns == pytest.approx([200e6, 38e6]) and idle.extra == pytest.approx(0.01, abs=0.005)
    assert busy.slow[1] > 2 * busy.slow[0] > 2 * idle.slow[0] and busy.extra > 0.5
    saved = fan.predict(**{**START, "workers": 4, "hedges": SAVED})
    assert saved.extra < 0.07 and saved.slow[1] < 1.2 * saved.slow[0]


def test_no_formula_knows_a_rule_of_the_learners_and_the_simulation_does() -> None:
    expected = LAB.predict(**START, hedge_after=lambda recent: None)  # type: ignore[misc]
    assert np.isnan(expected.hedged).all() and expected.extra == 0 and expected.slow[0] == expected.slow[1]


def test_a_page_is_there_with_its_last_call() -> None:
    due_s, done_s = np.repeat([0.0, 0.5], 2), np.array([0.01, 0.03, 0.51, np.nan])
    pages = fan.pages_of(due_s, done_s, 2, 1.1)
    assert pages.took_ns == pytest.approx([3e7, 6e8]) and pages.unanswered.tolist() == [False, True]
    assert pages.due_s.tolist() == [0, 0.5] and pages.slow.tolist() == [False, True]
    assert fan.pages_of(due_s, done_s, 2, 0.55).took_ns == pytest.approx([3e7]), "one in progress is left out"


def test_a_run_says_what_hedges_changed_and_cost() -> None:
    good = page_record()
    said = LAB.verdict(good, None)
    without, with_hedges = (measured_pages(good, part).slow.sum() for part in (PLAIN, HEDGED))
    assert without > 3 and with_hedges == 0 and said.kind == ""
    assert f"Without hedges {without} of " in said.text and "p95 200 ms. With hedges 0 of " in said.text
    assert "more than the servers can do" not in said.text
    bad = LAB.verdict(page_record(workers=4, hedge=20), None).text
    assert "p95 over " in bad and "more than the servers can do: 74% busy" in bad
    assert LAB.found(good, None).startswith(f"{without} of ") and "0 of " in LAB.found(good, None)


def test_copies_that_are_cancelled_are_not_counted_as_whole_work() -> None:
    cancelled, whole = (page_record(workers=4, hedge=12, hedges=hedges) for hedges in (CANCELLED, ALL))
    assert fan.utilisation(4) * (1 + fan.copies(cancelled)) > 1 and measured_pages(cancelled, HEDGED).slow.mean() < 0.05
    assert "more than the servers can do" not in LAB.verdict(cancelled, None).text
    assert "more than the servers can do" in LAB.verdict(whole, None).text


def test_hedges_buy_nothing_where_copies_are_as_slow_as_their_calls() -> None:
    for seed in range(3):
        first, again = fan.calls_of(10, seed, TOGETHER).services_us
        assert np.array_equal(first, again) and np.array_equal(first, fan.calls_of(10, seed).services_us[0])
        record = page_record(seed, hedges=TOGETHER)
        assert fan.helped(record) == 0 and fan.helped(page_record(seed)) == 1
        assert fan.copies(record) == pytest.approx(fan.UNLUCKY, abs=0.006), "and they cost as much"
    expected = fan.predict(**{**START, "hedges": TOGETHER})
    assert np.array_equal(expected.hedged, expected.plain) and expected.slow[1] == expected.slow[0] > 0


def slow_in_runs(calls: int, workers: int, hedge: int | None, hedges: str = ALL) -> Any:
    """Shares of slow pages in many simulated runs."""
    client = Patience() if hedge is None else fan.patience(hedge, hedges)
    works = (fan.calls_of(calls, seed, hedges) for seed in range(1_000, 1_100))
    return np.array([fan.simulated_pages(work, calls, workers, client)[0].slow.mean() for work in works])


@pytest.mark.long
def test_what_the_notebook_tells_to_try_is_so_in_nearly_all_runs() -> None:
    never, early, late = (slow_in_runs(20, 6, hedge) for hedge in (None, 12, 60))
    assert np.mean(early > late) > 0.95 and np.mean(early > never) > 0.7, "earlier is worse"
    assert np.mean(late < never) > 0.95 and np.median(late) < 0.02
    never, whole, cancelled, together = (
        slow_in_runs(10, 4, *given) for given in ((None,), (30,), (30, CANCELLED), (30, TOGETHER))
    )
    assert np.mean(whole > never) > 0.95 and np.mean(cancelled < never) > 0.95
    assert np.mean(together > never) > 0.95 and together.mean() > whole.mean()
    assert np.quantile(whole, [0.1, 0.9]) == pytest.approx([0.45, 0.86], abs=0.05)


def test_the_tail_of_single_calls_stands_beside_what_hedges_cost() -> None:
    record = next(
        found for seed in range(40) if np.sum((found := page_record(seed)).column("plain_latency_ns") > 1e8) > 11
    )
    rows, slow = dict(LAB.table(record, None)[1:]), np.sum(record.column("plain_latency_ns") > 1e8)
    assert rows["p99 of a call, without hedges"] == f"200 ms; {slow} over 100 ms"
    assert rows["p99 of a call, with hedges"].startswith("38 ms; ")
    names = [*rows]
    assert names.index("copies, of all calls") == names.index("p99 of a call, with hedges") + 1


def test_the_chart_shows_this_very_run_simulated_beside_a_typical_one() -> None:
    record = page_record(3, workers=4)
    chart, artists = drawn(fan_out.CHARTS[1])
    chart.show_run(record, [record])
    measured = [measured_pages(record, part).slow.mean() for part in (PLAIN, HEDGED)]
    assert points(artists["this run, simulated"]) == [(10, pytest.approx(share)) for share in measured]
    assert abs(measured[1] - fan.predict(**record.parameters).slow[1]) > 0.1, "a typical run tells less"


def test_of_a_rule_of_the_learners_no_run_is_simulated() -> None:
    frame = fan_out.named(page_record().frame, "", {"own_rule": 1.0})
    assert fan.slow_replayed(replace(page_record(), frame=frame)) == ([], [])


def test_an_axis_does_not_say_that_it_is_logarithmic() -> None:
    for chart in fan_out.CHARTS:
        axes = Figure().subplots()
        chart.build(axes)
        assert "log" not in axes.get_xlabel() + axes.get_ylabel()


def test_a_run_in_its_first_part_speaks_of_that_alone() -> None:
    whole = page_record()
    first = {name: column for name, column in whole.frame.samples.items() if name.startswith(("plain_", "late"))}
    begun = replace(whole, frame=Frame(first, {}, {"plain_elapsed_s": 1.1}), status="running")
    assert "With hedges" not in LAB.verdict(begun, None).text
    assert LAB.found(begun, None) == ""
    assert LAB.verdict(replace(whole, frame=Frame()), None).kind == "invalid"


def test_a_generator_that_is_late_by_a_fifth_of_the_delay_tells_nothing() -> None:
    assert LAB.verdict(page_record(late_ns=6_100_000), None).kind == "invalid"
    assert LAB.verdict(page_record(late_ns=5_900_000), None).kind == ""
    assert LAB.verdict(page_record(late_ns=6_100_000, hedge=60), None).kind == ""


def test_what_is_done_is_said() -> None:
    said = fan_out.scenario(LAB.check({"calls": 20, "workers": 4}))
    assert "30 pages per second, each 20 calls" in said and "74% busy" in said
    assert said.endswith("with a copy after 30 ms: all late calls.")


def test_the_rows_name_both_parts_and_the_model() -> None:
    record = page_record(workers=4)
    rows, trust = dict(LAB.table(record, None)[1:]), dict(LAB.trust(record, None)[1:])
    assert rows["slow pages, with hedges"] == fan.slow_text(record, HEDGED)
    assert rows["copies, of all calls"].endswith("%")
    assert trust["p95 of a page, model: without; with hedges"].count(";") == 1
    without, with_hedges = trust["p95 of a page, this very run simulated"].split("; ")
    assert rows["p95 of a page, without hedges"].removeprefix("over ") == without
    assert rows["p95 of a page, with hedges"].removeprefix("over ") == with_hedges


def test_the_charts_show_both_parts_and_the_model() -> None:
    record = page_record()
    for chart in fan_out.CHARTS:
        built, artists = drawn(chart)
        built.show_model(record.parameters, fan.predict(**record.parameters))
        built.show_run(record, [record])
        for label in ("without hedges", "with hedges"):
            if label in artists:
                assert len(points(artists[label])) == measured_pages(record, PLAIN).slow.size
    check_shows_all_and_can_be_emptied(
        fan_out.CHARTS[1], record, page_record(hedge=150), record.parameters, fan.predict(**record.parameters)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_click_settles_the_prediction(seed: int) -> None:
    idle, busy = page_record(seed, workers=32), page_record(seed, workers=4)
    found = LAB.prediction.outcome(side_by_side(idle, busy), LAB.check)  # type: ignore[union-attr]
    assert found is not None and found.choice == fan_out.LUCK and "with 32 workers per server" in found.measured
    assert_each_comment_fits(fan_out.PREDICTION, found)


def test_pages_that_changed_by_chance_settle_nothing() -> None:
    idle = page_record(hedge=150)
    assert fan.helped(idle) == 0
    same = replace(idle, parameters=START), page_record(workers=4)
    assert LAB.prediction.outcome(side_by_side(*same), LAB.check) is None  # type: ignore[union-attr]


def test_pages_of_both_parts_are_compared_by_when_they_were_due() -> None:
    whole = page_record()
    late = whole.column("number") >= 40  # the first pages are still in progress when a run is stopped
    columns = {
        **whole.frame.samples,
        **{name: whole.column(name)[late] for name in ("number", "completed_s")},
    }
    stopped = replace(whole, frame=replace(whole.frame, samples=columns, facts={**whole.frame.facts, "elapsed_s": 0.0}))
    assert measured_pages(stopped, HEDGED).slow.size == 98
    assert fan.helped(stopped) == fan.helped(whole) == 1


def test_the_columns_of_both_parts_have_names_of_their_own() -> None:
    frame = fan_out.named(Frame({"number": np.array([4, 1]), "lateness_ns": np.ones(3)}, {}, {"elapsed_s": 1.0}), PLAIN)
    assert frame.samples["plain_number"].tolist() == [4, 1] and frame.facts == {"plain_elapsed_s": 1.0}
    assert frame.samples["lateness_ns"].size == 3, "the generator's lateness is that of both parts"


def replay_of(record: Record) -> Any:
    """What is replayed of a run on a virtual clock, which the client and both servers have in common."""
    assert LAB.moments is not None
    ends_s = np.full(fan.SERVERS, record.fact("elapsed_s"))
    paused = {"paused_s": ends_s, "paused_ns": 1e9 * ends_s, "paused_server": np.arange(fan.SERVERS)}
    return LAB.moments(replace(record, frame=replace(record.frame, samples={**record.frame.samples, **paused})))


def test_a_call_is_replayed_at_the_server_that_answered_it_and_its_other_attempt_is_needless() -> None:
    record = page_record(workers=4)
    seen = replay_of(record)
    number, server = record.column("number").astype(int), record.column("server").astype(int)
    assert seen.server[number].tolist() == server.tolist()
    by_copies = number[server != number % fan.SERVERS]
    assert by_copies.size > 20 and np.sum(seen.became == NEEDLESS) > by_copies.size / 2
    for at_s in np.linspace(0.05, fan.PART_S, 20):
        at_work = seen.server[seen.states_at(at_s) == AT_WORK]
        assert np.bincount(at_work, minlength=fan.SERVERS).max() <= 4


def test_where_copies_are_cancelled_nothing_is_replayed() -> None:
    assert replay_of(page_record(workers=4, hedges=CANCELLED)) is None


def run(**parameters: Any) -> Record:
    checked = LAB.check(parameters)
    return Record("fan_out", checked, 1, "", measure(LAB, 10.0, **checked), 2.2, "complete")


@pytest.mark.clock
def test_real_hedges_help_against_bad_luck_and_harm_in_a_queue() -> None:
    seen: list[Record] = []

    def helped(workers: int) -> int:
        seen.append(run(workers=workers))
        return fan.helped(seen[-1])

    two_of_three(lambda: (helped(32), helped(4)), lambda found: found == (1, -1), "hedges help idle servers only")
    busy = seen[-1]
    assert agrees(Load(busy).replay(4, PLAIN), busy)
    # Copies feed themselves: a little more wait makes more copies, and these more wait. So that part is told to a factor.
    for part, client, near in ((PLAIN, Patience(), 0.1), (HEDGED, fan.patience(START["hedge"], ALL), 0.5)):
        pages, _ = fan.simulated_pages(fan.calls_of(10, 1), 10, 4, client)
        late = Load(busy).lateness_p99_ns / pages.took_ns.mean()
        assert measured_pages(busy, part).took_ns.mean() == pytest.approx(pages.took_ns.mean(), rel=near + 3 * late)
