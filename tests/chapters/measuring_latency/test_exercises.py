"""The checks of notebook 02 say what is wrong, and accept what is right."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_latency import exercises, own_client
from perflab.lab import Lab
from perflab.lab.record import Record
from perflab.lab.waiters import ExperimentFailed
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile


def record(latency_ns: float, calls: int = 1_000, lab: str = "stopwatch", **parameters: Any) -> Record:
    given = {"operation": "dict lookup", "repeats": 1_000, "batch": 1, "collector": False, **parameters}
    return Record(lab, given, 1, "", Frame({"latency_ns": np.full(calls, latency_ns)}))


ALONE = record(200.0)


@pytest.mark.parametrize(
    ("batched", "said"),
    [
        (None, "Not done yet"),
        (record(60.0, batch=500, operation="sleep 1 ms"), "operation differs too"),
        (record(60.0, batch=500, collector=True), "collector differs too"),
        (record(60.0, batch=2), "the clock is still"),
        (record(60.0, batch=1_000), "Right. One look-up: 200 ns"),
        (record(60.0, batch=1_000, calls=0), "measured nothing"),
        (record(60.0, batch=1_000, lab="percentiles"), "a run of the lab 'percentiles'"),
        (100, "100 is no run"),
        ("batched", "'batched' is no run"),
    ],
)
def test_modify(batched: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_batched(ALONE, batched)
    shown = capsys.readouterr().out
    assert said in shown and shown.count("\n") == 1


@pytest.mark.parametrize(("alone", "said"), [(None, "is no run"), (record(60, batch=100), "`alone` should have")])
def test_modify_looks_at_the_first_run_too(alone: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_batched(alone, record(60.0, batch=1_000))
    assert said in capsys.readouterr().out


RIGHT_PERCENTILES: dict[str, Callable[..., Any]] = {
    "nearest rank": lambda values, share: sorted(values)[max(0, math.ceil(share * len(values)) - 1)],
    "a little less": lambda values, share: sorted(values)[math.ceil(share * len(values) - 1e-9) - 1],
    "numpy": lambda values, share: np.quantile(values, share, method="inverted_cdf"),
    "by counting": lambda values, share: min(x for x in values if sum(y <= x for y in values) >= share * len(values)),
    "the lab's": percentile,
}
WRONG_PERCENTILES: dict[str, tuple[Any, str]] = {
    "open": (lambda values, share: None, "Not done yet. Return the latency"),
    "one rank too high": (
        lambda values, share: sorted(values)[int(share * len(values))],
        "yours says 100 ms; it is 1 ms",
    ),
    "and cut": (lambda values, share: sorted(values)[min(len(values) - 1, int(share * len(values)))], "it is 1 ms"),
    "interpolated": (np.quantile, "yours says 1.99 ms; it is 1 ms"),
    "not sorted": (lambda values, share: values[math.ceil(share * len(values)) - 1], "5, 1, 3 ms"),
    "sorted in place": (
        lambda values, share: (values.sort(), values[math.ceil(share * len(values)) - 1])[1],
        "changes the list",
    ),
    "rounded": (lambda values, share: sorted(values)[round(share * len(values)) - 1], "the p95 of 72 latencies"),
    "maximum": (lambda values, share: max(values), "Still wrong for"),
    "mean": (lambda values, share: sum(values) / len(values), "Still wrong for"),
    "text": (lambda values, share: "x", "yours says 'x'"),
    "nan": (lambda values, share: math.nan, "yours says nan"),
    "one argument": (lambda values: 1.0, "called with latencies"),
    "fails": (lambda values, share: 1 / 0, "ZeroDivisionError"),
    "none": (None, "None is no function"),
    "number": (99, "99 is no function"),
}


@pytest.mark.parametrize("name", RIGHT_PERCENTILES)
def test_a_right_percentile_is_used_in_the_lab(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_percentile(RIGHT_PERCENTILES[name])
    assert capsys.readouterr().out.startswith("Right: your percentile agrees")
    assert lab is not None
    run = Record("percentiles", {}, 1, "", Frame({"latency_ns": np.r_[np.full(99, 1e6), 1e8]}))
    assert lab.table(run, None)[-1] == ("p99, your function", "1.0 ms")


@pytest.mark.parametrize("name", WRONG_PERCENTILES)
def test_a_wrong_percentile_is_told_what_is_wrong(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    function, said = WRONG_PERCENTILES[name]
    assert exercises.check_percentile(function) is None
    shown = capsys.readouterr().out
    assert said in shown and "Right" not in shown and shown.count("\n") == 1


def test_your_row_leaves_out_the_warm_up_as_the_labs_rows_do() -> None:
    lab = exercises.check_percentile(percentile)
    slow_start = np.r_[np.full(64, 1e7), np.random.default_rng(1).uniform(1e6, 1.1e6, 1_000)]
    rows = dict(row[:2] for row in lab.table(Record("percentiles", {}, 1, "", Frame({"latency_ns": slow_start})), None))  # type: ignore[union-attr]
    assert rows["p99, your function"] == rows["p99"].partition(",")[0] == "1.1 ms"


def test_a_percentile_that_fails_on_a_run_is_said_in_the_table() -> None:
    picky: dict[str, Any] = {"fails": False}

    def function(values: Sequence[float], share: float) -> float:
        return sorted(values)[math.ceil(share * len(values)) - 1] if not picky["fails"] else 1 / 0

    lab = exercises.check_percentile(function)
    picky["fails"] = True
    assert lab is not None and lab.table(ALONE, None)[-1] == ("p99, your function", "fails: ZeroDivisionError")


def solution(due_s: Sequence[float], server: Any) -> list[float]:
    tickets = []
    for due in due_s:
        server.wait_until(due)
        tickets.append(server.send())
    return [server.answered_at(ticket) - due for ticket, due in zip(tickets, due_s, strict=True)]


def as_array(due_s: Sequence[float], server: Any) -> Any:
    return np.array(solution(due_s, server))


def busy_waiting(due_s: Sequence[float], server: Any) -> list[float]:
    tickets = []
    for due in due_s:
        while server.now() < due:
            pass
        tickets.append(server.send())
    return [server.answered_at(ticket) - due for ticket, due in zip(tickets, due_s, strict=True)]


def sleeping(due_s: Sequence[float], server: Any) -> Any:
    tickets = []
    for due in due_s:
        time.sleep(max(0, due - server.now()))
        tickets.append(server.send())
    return (server.answered_at(ticket) - due for ticket, due in zip(tickets, due_s, strict=True))


def closed_loop(due_s: Sequence[float], server: Any) -> list[float]:
    latencies = []
    for due in due_s:
        server.wait_until(due)
        sent = server.now()
        latencies.append(server.answered_at(server.send()) - sent)
    return latencies


def from_sending(due_s: Sequence[float], server: Any) -> list[float]:
    sent = []
    for due in due_s:
        server.wait_until(due)
        sent.append((server.now(), server.send()))
    return [server.answered_at(ticket) - moment for moment, ticket in sent]


def at_once(due_s: Sequence[float], server: Any) -> list[float]:
    tickets = [server.send() for _ in due_s]
    return [server.answered_at(ticket) - due for ticket, due in zip(tickets, due_s, strict=True)]


WRONG_CLIENTS: dict[str, tuple[Any, str]] = {
    "closed loop": (closed_loop, "Request 31 is due at 0.31 s, and was sent at 0.601 s"),
    "from sending": (from_sending, "count from when a request was due"),
    "all at once": (at_once, "wait until it is due"),
    "milliseconds": (lambda due_s, server: [1e3 * each for each in solution(due_s, server)], "not in seconds"),
    "one missing": (lambda due_s, server: solution(due_s, server)[1:], "99 latencies are returned"),
    "every second": (lambda due_s, server: solution(due_s[::2], server), "50 were sent"),
    "sorted": (lambda due_s, server: sorted(solution(due_s, server)), "% are wrong"),
    "nothing": (lambda due_s, server: [solution(due_s, server), None][1], "Return a list of latencies"),
    "mean": (lambda due_s, server: sum(solution(due_s, server)), "Return a list of latencies"),
    "nan": (lambda due_s, server: [math.nan for _ in solution(due_s, server)], "Return a list of latencies"),
    "text": (lambda due_s, server: "fast", "100 requests are due, and 0 were sent"),
    "constant": (lambda due_s, server: [0.001 for _ in solution(due_s, server)], "its latency is 0.301 s, not 0.001 s"),
    "no ticket": (lambda due_s, server: [server.answered_at(7) for _ in due_s], "7 is no ticket"),
    "fails": (lambda due_s, server: 1 / 0, "ZeroDivisionError"),
    "arity": (lambda server: [], "TypeError"),
    "none": (None, "None is no function"),
}


@pytest.fixture
def real_run(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The run on a real server that the check makes: what it finds, or what it raises."""
    found: dict[str, Any] = {"open_ns": np.full(160, 5e7), "yours_ns": np.r_[np.full(100, 1e6), np.full(60, 5e7)]}

    def run(lab: Lab, **_: Any) -> Record:
        if "raises" in found:
            raise found["raises"]
        return Record(
            "own_client", {}, 1, "", Frame({name: np.asarray(found[name]) for name in ("open_ns", "yours_ns")})
        )

    monkeypatch.setattr(Lab, "run", run)
    return found


@pytest.mark.parametrize("client", [solution, as_array, busy_waiting, sleeping], ids=lambda client: client.__name__)
def test_an_open_loop_client_is_right_and_the_lab_runs_with_it(
    client: Any, real_run: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lab = exercises.check_client(client)
    shown = capsys.readouterr().out
    assert shown.startswith("Right: on a real server that stalls, your client finds 60 of 160 (38%)")
    assert lab is not None and lab.policy == {"client": client} and lab.experiment is own_client.experiment


@pytest.mark.parametrize("name", WRONG_CLIENTS)
def test_a_wrong_client_is_told_what_is_wrong(name: str, real_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client, said = WRONG_CLIENTS[name]
    assert exercises.check_client(client) is None
    shown = capsys.readouterr().out
    assert said in shown and "Right" not in shown and shown.count("\n") == 1


def test_a_real_run_that_fails_or_is_cut_short_is_said(real_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    real_run["yours_ns"] = []
    assert exercises.check_client(solution) is not None
    assert "too short to tell" in capsys.readouterr().out
    real_run["raises"] = ExperimentFailed("no server")
    assert exercises.check_client(solution) is None
    assert "on a real server: ExperimentFailed: no server" in capsys.readouterr().out


@pytest.mark.clock
def test_the_solution_finds_the_stall_on_a_real_server(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_client(solution)
    assert lab is not None
    assert "Right: on a real server" in capsys.readouterr().out
    run = lab.records[-1]
    slow = {name: np.mean(times(run) > 10e6) for name, times in own_client.CLIENTS.items()}
    # What else the machine does only adds to the requests that the stall makes slow.
    stalled = (run.parameters["stall"] - 10) / run.parameters["every"]
    assert min(slow.values()) > 0.5 * stalled > 0.05


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("higher", "Not yet: it may be"),
        ("lower", "Not yet: it may be"),
        ("cannot tell", "Right"),
        (" Cannot Tell ", "Right"),
        ("can't tell", "Right"),
        ("Can not tell", "Right"),
        ("42", "none of"),
        (42, "none of"),
    ],
)
def test_judge(answer: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_average_of_percentiles(answer)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hour_ms", "quiet_ms", "average", "true"),
    [
        # In each minute of the slow hour 12 of 1,000 requests are slow; in each of the other 1,380 one of 20.
        ((20, 100), (5, 37.4), 40.0, 37.4),
        ((20, 400), (5, 24.35), 40.0, 24.35),
        ((41, 400), (5, 24.35), 40.0, 41.0),
    ],
)
def test_the_true_p99_of_the_day_may_lie_on_either_side_of_the_average(
    hour_ms: Any, quiet_ms: Any, average: float, true: float
) -> None:
    hour, quiet = np.repeat(hour_ms, [988, 12]), np.repeat(quiet_ms, [19, 1])
    averaged = (60 * percentile(hour, 0.99) + 1_380 * percentile(quiet, 0.99)) / 1_440
    day = np.concatenate([np.tile(hour, 60), np.tile(quiet, 1_380)])
    assert averaged == pytest.approx(average, abs=0.05)
    assert percentile(day, 0.99) == true
