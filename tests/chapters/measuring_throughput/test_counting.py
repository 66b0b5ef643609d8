"""The lab on counting: what each way says, by records and on a real server."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pytest
from labs import measure
from matplotlib.figure import Figure
from relations import two_of_three
from replays import agrees

from perflab.chapters.load import Load
from perflab.chapters.measuring_throughput import counting, counting_model
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.theory.simulate import simulate

LAB = counting.lab()


def record(done: np.ndarray, elapsed_s: float = 3.0, offered: int = 150, **chosen: Any) -> Record:
    parameters = {"rate": 50, "window": 0.5, "incident": "none", **chosen}
    frame = Frame(
        {"completed_s": done, "arrived_s": np.linspace(0, elapsed_s, offered), "lateness_ns": np.full(offered, 50_000)},
        {"calls": done.size},
        {"elapsed_s": elapsed_s, "in_flight": offered - done.size},
    )
    return Record("counting", parameters, 1, "", frame, elapsed_s, "complete")


EVEN = np.arange(0.2, 3.0, 0.02)


def test_an_even_flow_is_counted_by_every_way_except_the_naive_one() -> None:
    found = counting.counted(record(EVEN, window=60))
    assert list(found) == list(counting.WAYS)
    assert found[counting.OFFERED].value == pytest.approx(50)
    assert found[counting.OVERALL].value == pytest.approx(EVEN.size / 3)
    assert found[counting.LAST].value == pytest.approx(EVEN.size / EVEN[-1])
    assert found[counting_model.CUT].value == pytest.approx(50, rel=0.02), (
        "without the time in which none could be done"
    )
    assert found[counting.NAIVE].value == pytest.approx(found[counting_model.WINDOW].value * 3 / 60)


def test_time_ends_with_the_last_completion_only_where_nothing_is_outstanding() -> None:
    all_done = counting.counted(record(EVEN[:50], offered=50))
    assert all_done[counting.OVERALL].value == all_done[counting.LAST].value == pytest.approx(50 / EVEN[49])
    one_left = counting.counted(record(EVEN[:50], offered=51))
    assert one_left[counting.OVERALL].value == pytest.approx(50 / 3)


def test_a_request_that_failed_is_not_outstanding() -> None:
    found = record(EVEN[:50], offered=51)
    found.frame.samples["failed_s"] = np.array([2.0])  # type: ignore[index]
    assert counting.counted(found)[counting.OVERALL].value == pytest.approx(50 / 2.0)


def test_the_model_knows_incidents_and_capacity() -> None:
    _, plain = counting.predict(rate=50, window=0.5, incident="none")
    over_time, paused = counting.predict(rate=50, window=0.5, incident=counting_model.PAUSE)
    _, hung = counting.predict(rate=50, window=0.5, incident=counting.HANG)
    _, flooded = counting.predict(rate=200, window=0.5, incident="none")
    assert paused[counting.OVERALL].value < 0.8 * plain[counting.OVERALL].value
    assert over_time.min() == 0
    assert flooded[counting_model.CUT].value == pytest.approx(counting.CAPACITY, rel=0.1)
    assert flooded[counting.OFFERED].value == pytest.approx(200, rel=0.02)
    assert hung[counting.OVERALL].value == pytest.approx(50 / 3, rel=0.05)
    assert hung[counting.LAST].value == pytest.approx(50 / 1.2, rel=0.05)


@pytest.mark.parametrize("mean", [2, 5, 10, 100])
def test_the_interval_of_a_count_at_random_covers_its_mean(mean: int) -> None:
    drawn = np.random.default_rng(1).poisson(mean, 4_000)
    ends = {int(number): counting_model.rate_of(int(number), 1.0) for number in np.unique(drawn)}
    share = np.mean([ends[number].low <= mean <= ends[number].high for number in drawn.tolist()])
    assert 0.93 <= share <= 0.985


def test_a_saturated_server_has_no_such_interval_and_the_table_says_why() -> None:
    flooded = record(np.arange(0.2, 3.0, 0.01), offered=600, rate=200)
    assert not counting.counted(flooded)[counting.OVERALL].has_interval
    rows = {row[0]: row[2] for row in LAB.table(flooded, None)}
    assert "not random" in rows[counting.OVERALL] and "–" in rows[counting.OFFERED]


@pytest.mark.clock
def test_a_real_server_gives_what_the_model_says_and_no_more_than_its_capacity() -> None:
    def share(rate: int, expected: float) -> float:
        run = Record(
            "counting", LAB.check({"rate": rate}), 1, "", measure(counting.lab(), 5.0, rate=rate), 3.0, "complete"
        )
        assert agrees(Load(run).replay(counting.WORKERS), run)
        assert "apart" in dict(LAB.trust(run, None))["queue replayed, mean"]
        return counting.counted(run)[counting_model.CUT].value / expected

    for rate, expected in ((50, 50), (200, counting.CAPACITY)):
        two_of_three(partial(share, rate, expected), lambda found: 1 / 1.4 < found < 1.3, f"answered of {rate}/s")


@pytest.mark.clock
def test_a_real_server_that_hangs_answers_nothing_more_and_the_prediction_is_settled() -> None:
    frame = measure(counting.lab(), 5.0, **counting.HANGS)
    run = Record("counting", LAB.check(counting.HANGS), 1, "", frame, 3.0, "complete")
    assert 1.0 < run.column("completed_s")[-1] < counting.INCIDENT_S + 0.1
    assert run.fact("in_flight") > 50
    found = counting.what_the_report_says(run)
    assert found is not None and found.choice == "it stays as it was"


def test_the_verdict_names_a_window_that_is_longer_than_the_run() -> None:
    assert "longer than the run" in LAB.verdict(record(EVEN, window=60), None).text
    assert "longer than the run" not in LAB.verdict(record(EVEN), None).text


def test_offered_load_above_capacity_is_called_saturated() -> None:
    done = np.arange(0.2, 3.0, 0.01)
    said = LAB.verdict(record(done, offered=600, rate=200), None).text
    assert "Saturated" in said
    assert "320 are in flight" in said


def test_a_generator_that_is_late_shows_no_rate() -> None:
    late = record(EVEN)
    late.frame.samples["lateness_ns"][:] = 10**9  # type: ignore[index]
    found = LAB.verdict(late, None)
    assert found.kind == "invalid"
    assert "too slow" in found.text


def test_two_runs_are_compared_by_their_bands() -> None:
    assert LAB.verdict(record(EVEN), record(EVEN)).kind == "too close to call"
    assert LAB.verdict(record(EVEN), record(EVEN[::3])).kind == "clear"


def hung() -> Record:
    return record(EVEN[EVEN < 1.2], **counting.HANGS)


def test_the_verdict_tells_of_a_server_that_hangs() -> None:
    said = LAB.verdict(hung(), None).text
    assert "Nothing has been completed since 1.2 s, and 99 requests are outstanding" in said
    assert "still 43" in said
    assert "Nothing has been completed since" not in LAB.verdict(record(EVEN), None).text


def test_the_prediction_is_settled_by_a_server_that_hangs() -> None:
    prediction = counting.PREDICTION
    found = prediction.outcome([hung()], LAB.check)
    assert found is not None and found.choice == "it stays as it was"
    for answer in (None, *prediction.choices):
        said = prediction.comment(answer, found)
        assert "43 requests/s in the report, 17 over the 3 s" in said
        assert "Divide by the time until nothing is outstanding" in said
    assert "cannot fall" in prediction.comment("it falls slowly", found)


@pytest.mark.parametrize(
    "run",
    [
        record(EVEN),
        record(EVEN[EVEN < 1.2], elapsed_s=2.0, **counting.HANGS),
        record(EVEN[:10], **counting.HANGS),
        record(EVEN[EVEN < 1.2], rate=20, **counting.HANGS),
    ],
)
def test_another_setting_too_short_a_run_and_too_few_requests_settle_nothing(run: Record) -> None:
    assert counting.PREDICTION.outcome([run], LAB.check) is None


def test_without_any_completion_there_is_no_rate() -> None:
    assert LAB.verdict(record(np.empty(0)), None).kind == "invalid"
    assert counting.counted(Record("counting", {}, 1, "")) == {}
    assert LAB.table(Record("counting", {}, 1, ""), record(EVEN)) == []


def drawn(place: int, run: Record) -> dict[str, Any]:
    """The lines of a chart that shows this run, the same run pinned, and its model, by label."""
    chart, axes = deepcopy(counting.CHARTS[place]), Figure().subplots()
    chart.build(axes)
    chart.show_model(run.parameters, counting.predict(**run.parameters))
    chart.show_run(run, (run,))
    chart.show_pinned(run)
    return {line.get_label(): line for line in axes.lines}


def test_each_way_has_a_row_for_run_interval_model_and_pinned_run() -> None:
    run = record(EVEN)
    lines = drawn(1, run)
    for label in ("model", "measured, 95% interval", "pinned run"):
        assert lines[label].get_ydata().tolist() == list(range(len(counting.WAYS)))
    assert lines["pinned run"].get_xdata().tolist() == [rate.value for rate in counting.counted(run).values()]
    (ends,) = (line for label, line in lines.items() if label.startswith("_"))
    rate = counting.counted(run)[counting.OFFERED]
    assert ends.get_xdata()[:2].tolist() == [rate.low, rate.high]
    assert rate.high - rate.low == pytest.approx(2 * 1.96 * np.sqrt(150) / 3, rel=0.01)


def test_throughput_is_drawn_up_to_now() -> None:
    lines = drawn(0, record(EVEN[EVEN < 1.5], elapsed_s=1.5))
    for label in (counting.OVERALL, counting.LAST, "windowed"):
        assert lines[label].get_xdata()[-1] == 1.5
        assert lines[label].get_ydata()[-1] == pytest.approx(50, rel=0.2)
    assert lines["model, windowed"].get_xdata()[-1] == counting.RUN_S


def test_over_time_the_report_stays_where_the_true_rate_falls() -> None:
    lines = drawn(0, hung())
    assert lines[counting.LAST].get_ydata()[-1] == pytest.approx(42, abs=1)
    assert lines[counting.OVERALL].get_ydata()[-1] == pytest.approx(17, abs=1)


@pytest.mark.long
@pytest.mark.parametrize("rate", [20, 50])
@pytest.mark.parametrize("incident", counting.INCIDENTS)
def test_the_intervals_shown_cover_what_such_runs_find_on_average(rate: int, incident: str) -> None:
    runs = []
    for seed in range(400):
        arrived = counting.with_pause(poisson(rate, 3.0, seed), incident) / 1e9
        done = np.sort(simulate(arrived, np.full(arrived.size, 0.2), counting.WORKERS).departures)
        done = done[done <= (counting.INCIDENT_S if incident == counting.HANG else 3.0)]
        runs.append(counting_model.ways(done, arrived, 3.0, 0.5, np.empty(0), rate))
    for way in (counting.OFFERED, counting.OVERALL, counting.LAST):
        mean = np.mean([run[way].value for run in runs])
        assert 0.92 <= np.mean([run[way].low <= mean <= run[way].high for run in runs]) <= 0.985


def test_near_the_capacity_there_is_no_interval() -> None:
    assert not counting.counted(record(EVEN, rate=100))[counting.OVERALL].has_interval
    assert counting.counted(record(EVEN, rate=100))[counting.OFFERED].has_interval


FINDING, LETTERS = counting_model.finding, 120


def test_the_headline_is_what_was_completed_of_what_was_offered() -> None:
    assert FINDING(record(EVEN), None) == ("Of 50 requests/s offered, 47 are completed; the last 0.5 s alone show 48.")
    assert LAB.found(record(EVEN), None) == FINDING(record(EVEN), None)
    flooded = FINDING(record(np.arange(0.2, 3.0, 0.01), offered=600, rate=200), None)
    assert flooded == "Of 200 requests/s offered, 93 are completed; 320 requests are in flight at the end."


def test_where_a_way_of_counting_shows_another_rate_the_headline_is_both() -> None:
    assert FINDING(hung(), None) == (
        "Divided by the time of the last completion the rate is 43 requests/s; by all of the 3 s, 17."
    )
    naive = FINDING(record(EVEN, window=60), None)
    assert naive == "Divided by a window of 60 s the rate is 2 requests/s; by the 3 s that passed, 47."
    many = FINDING(record(np.linspace(0.1, 1.2, 9_999), offered=12_345, rate=200, **counting.HANGS), None)
    assert many is not None and len(many) <= LETTERS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (counting.HANGS, "No incident: 47/s completed; server hangs: 17/s completed."),
        ({"incident": counting_model.PAUSE}, "No incident: 47/s completed; clients pause: 17/s completed."),
        ({"rate": 200}, "50 requests/s offered: 47/s completed; 50 requests/s offered: 17/s completed."),
        ({"rate": 200, **counting.HANGS}, "Pinned run: 47/s completed; this run: 17/s completed."),
        ({"window": 60}, "Pinned run: 47/s completed; this run: 17/s completed."),
    ],
)
def test_beside_another_setting_the_headline_is_what_both_completed(change: dict[str, Any], said: str) -> None:
    assert FINDING(record(EVEN[EVEN < 1.2], **change), record(EVEN)) == said


def test_without_completions_there_is_no_headline() -> None:
    assert FINDING(record(np.empty(0)), None) is None
    assert FINDING(Record("counting", {}, 1, ""), None) is None
    assert FINDING(record(EVEN), record(np.empty(0), rate=200)) == FINDING(record(EVEN), None)


def test_what_a_run_does_is_said() -> None:
    said = counting_model.scenario(LAB.check({}))
    assert said == "For 3 s, 50 requests per second go to 20 workers, 200 ms each. The window is 0.5 s."
    assert "200 ms each, and the server hangs after 1.2 s." in counting_model.scenario(LAB.check(counting.HANGS))
    assert "pause for 1 s after 1.2 s." in counting_model.scenario(LAB.check({"incident": counting_model.PAUSE}))
