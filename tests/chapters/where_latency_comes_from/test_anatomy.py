"""The anatomy lab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied
from labs import measure
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.where_latency_comes_from import anatomy, anatomy_model
from perflab.chapters.where_latency_comes_from.anatomy_model import SHOP_THREADS, typical, ways_ns, whole
from perflab.lab import Chart
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.anatomy import PARTS

START: dict[str, Any] = {"payload": 10_000, "round_trip": 0, "concurrency": 1, "calls": anatomy.IN_A_ROW}
CONSTANTS = {
    **dict.fromkeys(PARTS, 1e5),
    "database per ms": 1e6,
    "compute per ms": 1e6,
    "serialise per byte": 5.0,
    "receive per byte": 1.0,
    "connect relay": 2e5,
    "send relay": 3e5,
    "receive relay": 3e5,
    "cpus": 2.0,
    "bytes": 1_500,
}


def expected(**changes: Any) -> Any:
    return anatomy_model.predict(**{**START, **changes}, constants=CONSTANTS)


def record(frame: Frame, **changes: Any) -> Record:
    return Record("anatomy", {**START, **changes}, 1, "", frame, 1.0, "complete")


def test_a_new_connection_to_a_far_server_costs_two_round_trips() -> None:
    relay_ns = sum(CONSTANTS[f"{part} relay"] for part in ways_ns(0.05, 0))
    line_ns = (1_500 + 1_000) * 8 / 0.1  # of 100 Mb/s
    far, near = expected(round_trip=50, payload=1_000), expected(payload=1_000)
    assert whole(far) - whole(near) == pytest.approx(2 * 50e6 + relay_ns + line_ns, abs=2e3)


@pytest.mark.parametrize(("payload", "round_trips"), [(10_000, 0), (100_000, 2), (1_000_000, 6)])
def test_a_large_reply_takes_more_round_trips_and_all_of_them_to_receive(payload: int, round_trips: int) -> None:
    small, large = expected(round_trip=100, payload=1_000), expected(round_trip=100, payload=payload)
    assert (large["receive"] - small["receive"]) / 100e6 == pytest.approx(round_trips, abs=0.1)
    assert large["send"] == small["send"] and large["connect"] == small["connect"]


@pytest.mark.clock
def test_a_real_megabyte_takes_the_round_trips_of_slow_start() -> None:
    def receive_ns() -> float:
        return typical(measure(anatomy.lab(), 0.1, round_trip=100, payload=1_000_000))["receive"]

    two_of_three(receive_ns, lambda found: 650e6 < found < 900e6, "half a round trip, six more, and 80 ms on the line")


def test_calls_side_by_side_spare_a_lone_request_time_and_a_busy_server_none() -> None:
    def both(clients: int) -> list[float]:
        calls = (anatomy.IN_A_ROW, anatomy.SIDE_BY_SIDE)
        return [expected(concurrency=clients, calls=kind)["database"] for kind in calls]

    in_a_row, side_by_side = both(1)
    assert in_a_row - side_by_side == pytest.approx(2.5e6)
    in_a_row, side_by_side = both(4)
    assert in_a_row == pytest.approx(side_by_side)


def test_more_clients_than_threads_wait_in_the_queue_and_nowhere_else() -> None:
    two, eight = expected(concurrency=2), expected(concurrency=8)
    assert eight["queue"] > 5 * two["queue"]
    assert {part: eight[part] for part in PARTS if part != "queue"} == pytest.approx(
        {part: two[part] for part in PARTS if part != "queue"}
    )
    in_thread = sum(eight[part] for part in ("database", "compute", "serialise"))
    assert whole(eight) == pytest.approx(8 * in_thread / SHOP_THREADS, rel=0.05)


@pytest.mark.clock
def test_the_parts_of_a_real_request_sum_to_the_whole_and_its_work_is_where_it_was_put() -> None:
    frame = measure(anatomy.lab(), 0.6, round_trip=0)
    assert sum(frame.samples[f"{part}_ns"] for part in PARTS) == pytest.approx(frame.samples["latency_ns"])
    parts = typical(frame)
    assert parts["database"] + parts["compute"] > 0.5 * whole(parts)
    begins, ends, gaps = np.reshape(anatomy.database_calls(record(frame))[0], (anatomy.CALLS, 3)).T
    start, end = (edges[list(PARTS).index("database")] for edges in anatomy.times_ms(parts))
    assert (start <= begins).all() and (begins < ends).all() and (ends <= end).all() and np.isnan(gaps).all()


@pytest.mark.clock
def test_a_far_server_takes_as_long_as_the_ways_at_least() -> None:
    parts = typical(measure(anatomy.lab(), 0.8, round_trip=50))
    assert parts["connect"] > 50e6
    assert min(parts["send"], parts["receive"]) > 24e6


def run(total_ns: float, requests: int = 8, **changes: Any) -> Record:
    """Requests that took so long, each part as long as the others."""
    samples = {"latency_ns": np.full(requests, total_ns), "calls_ns": np.zeros(requests * anatomy.CALLS * 2)}
    parts = {f"{part}_ns": np.full(requests, total_ns / len(PARTS)) for part in PARTS}
    return record(Frame({**samples, **parts}, {"calls": requests}), **changes)


ASKED = {"round_trip": 20}


@pytest.mark.parametrize(
    ("whole_ms", "outcome", "reason"), [(52, "50 ms", "10 ms are work"), (140, "100 ms", "this machine was busy")]
)
@pytest.mark.parametrize("answer", [*anatomy.PREDICTION.choices, None])
def test_each_outcome_has_a_comment_that_fits_it(
    whole_ms: float, outcome: str, reason: str, answer: str | None
) -> None:
    found = anatomy.PREDICTION.outcome([run(whole_ms * 1e6, **ASKED)], anatomy.lab().check)
    assert found is not None and found.choice == outcome and found.measured.startswith(f"{whole_ms} ms (")
    comment = anatomy.PREDICTION.comment(answer, found)
    assert reason in comment
    assert ("agrees" in comment) == (answer == outcome)


@pytest.mark.parametrize(
    "other",
    [
        run(52e6, **{**ASKED, "payload": 1_000_000}),
        run(52e6, **{**ASKED, "concurrency": 4}),
        run(52e6, 3, **ASKED),
        record(Frame(), **ASKED),
    ],
    ids=["payload", "clients", "too few", "none"],
)
def test_other_settings_and_too_few_requests_settle_nothing(other: Record) -> None:
    assert anatomy.PREDICTION.outcome([other], anatomy.lab().check) is None


def test_a_run_without_a_request_has_no_verdict() -> None:
    lab = anatomy.lab()
    assert lab.verdict(record(Frame()), None).kind == "invalid"
    assert lab.table(record(Frame()), None) == []


def test_the_table_gives_each_part_with_its_share_and_the_whole() -> None:
    rows = anatomy.lab().table(run(8e6), run(16e6))
    assert rows[1] == ("connect", "1.0 ms, 12%", "2.0 ms, 12%")
    assert rows[-1] == ("whole request", "8.0 ms", "16 ms")


@pytest.mark.long
@pytest.mark.parametrize("ended", [0.0, 1e3, 7e5, 4e6, 9e9])
def test_the_time_line_holds_the_whole_on_an_axis_of_round_numbers(ended: float) -> None:
    picture = Picture(anatomy.CHARTS[0], 400, 250, lambda png: None)
    picture.show_model(START, dict.fromkeys(PARTS, ended / len(PARTS)))
    end_ms = picture._axes.get_xlim()[1]
    assert end_ms >= min(ended / 1e6, 5_000)
    assert str(end_ms)[0] in "125"


@pytest.mark.long
@pytest.mark.parametrize("chart", anatomy.CHARTS, ids=lambda chart: chart.title)
def test_the_charts_show_request_model_and_pinned_request(chart: Chart) -> None:
    first, second = (run(whole_ns, round_trip=20) for whole_ns in (8e6, 4e7))
    for odd in (run(0.001), run(1e12), record(Frame())):
        Picture(chart, 400, 250, lambda png: None).show_run(odd, (odd,))
    parts = dict(zip(PARTS, np.arange(1e6, 9e6, 1e6), strict=True))
    samples = {**first.frame.samples, **{f"{part}_ns": np.full(8, ns) for part, ns in parts.items()}}
    check_shows_all_and_can_be_emptied(chart, record(Frame(samples, {"calls": 8})), second, START, parts)


def test_the_parts_lie_one_after_the_other_and_their_shares_fill_the_whole() -> None:
    parts = dict(zip(PARTS, np.arange(1e6, 9e6, 1e6), strict=True))
    begins, ends = anatomy.times_ms(parts)
    assert list(begins) == [0, *ends[:-1]] and list(ends) == list(np.cumsum(np.arange(1, 9)))
    assert anatomy.shares(parts)[1][-1] == pytest.approx(1)


def of_parts(requests: int = 50, settings: dict[str, Any] = START, **ms: float) -> Record:
    """Requests whose parts took so many milliseconds, each of the others a tenth."""
    parts = {f"{part}_ns": np.full(requests, 1e6 * ms.get(part, 0.1)) for part in PARTS}
    whole_ns = np.sum(list(parts.values()), axis=0)
    return record(Frame({"latency_ns": whole_ns, **parts}, {"calls": requests}), **settings)


def test_the_headline_says_where_the_time_of_a_typical_request_goes() -> None:
    far = of_parts(connect=20, send=10, receive=10.6, database=5, compute=6)
    assert anatomy_model.finding(far, None) == (
        "A typical request takes 52 ms: 41 ms to connect, send and receive, 100 µs in the queue, 11 ms in a thread."
    )
    assert anatomy.lab().found(far, None) == anatomy_model.finding(far, None)
    slowest = of_parts(connect=999.4, queue=999.4, database=999.4)
    assert len(anatomy_model.finding(slowest, None) or "") <= 120


def test_beside_another_setting_the_headline_is_the_part_that_changed_most() -> None:
    near, far = of_parts(connect=0.2), of_parts(settings={**START, "round_trip": 100}, connect=100, receive=50)
    near, far = side_by_side(near, far)
    assert anatomy_model.finding(far, near) == (
        "A typical request goes from 900 µs to 151 ms; connect changes most, from 200 µs to 100 ms."
    )
    assert (anatomy_model.finding(near, far) or "").startswith("A typical request goes from 151 ms to 900 µs; connect")
    alike = side_by_side(of_parts(connect=20), of_parts(settings={**START, "payload": 1_000}, connect=20.01))
    assert anatomy_model.finding(*alike) == (
        "A typical request takes practically as long with both settings: 21 ms and 21 ms."
    )
    assert anatomy_model.finding(far, far) == anatomy_model.finding(far, None), "nothing was changed"
    assert anatomy_model.finding(of_parts(), of_parts(settings={**START, "payload": 9})) == (
        anatomy_model.finding(of_parts(), None)
    ), "without slices that can be compared"


def test_without_requests_there_is_no_headline() -> None:
    assert anatomy_model.finding(record(Frame()), None) is None
    assert anatomy_model.finding(of_parts(**dict.fromkeys(PARTS, 0.0)), None) is None


def test_what_a_run_does_is_said() -> None:
    said = anatomy_model.scenario(START)
    assert said.startswith("One client sends requests on new connections, at a round trip of 0 ms.")
    assert said.endswith("4 database calls in a row, computes 5 ms, and replies with 10 kB.")
    assert "16 clients send" in anatomy_model.scenario({**START, "concurrency": 16})
