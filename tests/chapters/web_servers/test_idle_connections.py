"""The lab on idle connections: a cliff at exactly as many as there are processes, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import psutil
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from dying_servers import LAST_WORDS
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.web_servers import idle_connections
from perflab.chapters.web_servers import idle_connections_model as model
from perflab.chapters.web_servers.idle_connections import PREDICTION, QUICK, WAITS
from perflab.chapters.web_servers.idle_connections_model import KEEP_ONE, LIMIT_S, NUMBERS
from perflab.lab import Record
from perflab.measure.frame import Frame, merge
from perflab.measure.guards import BadInput
from perflab.measure.memory import PSS, Memory
from perflab.systems.clients.idle import Told
from perflab.systems.process.installed import NotStarted
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    LOOP,
    NGINX,
    NODE,
    PREFORK,
    PROCESS_EACH,
    THREADS,
    found,
)

NAME = "web_servers.idle_connections"
MS, MB = 1_000_000, 1e6
CONSTANTS = {
    f"{architecture}: {what}": value
    for architecture in ARCHITECTURES
    for what, value in {
        model.RESPONSE: 0.3 * MS,
        "own server": 13 * MB,
        "own process": 1 * MB,
        "own connection": 0.1 * MB,
        "rss server": 20 * MB,
        "rss process": 16 * MB,
        "rss connection": 0.2 * MB,
    }.items()
}


@pytest.fixture(autouse=True)
def all_are_here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """What can be chosen does not depend on the machine, where nothing is measured."""
    if not any(map(request.node.get_closest_marker, ("clock", "process"))):
        monkeypatch.setattr(idle_connections, "found", lambda: ARCHITECTURES)


@pytest.fixture
def lab() -> Any:
    return idle_connections.lab()


def chosen(**changes: Any) -> dict[str, Any]:
    return {"architecture": PREFORK, "idle": 9, "workers": 10, "keep_alive": 1.0, **changes}


@pytest.mark.process
def test_nothing_is_known_of_a_server_that_does_not_start_and_its_runs_say_why(dying: Callable[..., None]) -> None:
    dying("apache2", "node", "nginx")
    for architecture in (NODE, APACHE, NGINX):
        constants = merge(model.calibrate(architecture)).facts
        expected = model.predict(**chosen(architecture=architecture), constants=constants)
        assert constants == {} and np.isnan(expected.response) and np.isnan(expected.own).all()
        with pytest.raises(NotStarted, match=rf"^{architecture} does not start(.|\n)*{LAST_WORDS}"):
            next(idle_connections.experiment(**chosen(architecture=architecture)))


def made(*responses_ms: float, idle_by_then: int | None = None, memory: Memory | None = None, **changes: Any) -> Record:
    """A run in which one more request took so long each time; of the limit it was given up."""
    now = chosen(**changes)
    held = int(model.held_of(now["architecture"], now["idle"], now["workers"]))
    told = [
        Told(round(ms * MS), ms < 1e3 * LIMIT_S, held if idle_by_then is None else idle_by_then) for ms in responses_ms
    ]
    frames = [
        model.memory_frame(memory or Memory(25 * MB, 170 * MB, PSS, 11)),
        *(model.frame_of([each], held) for each in told),
    ]
    return Record("idle_connections", now, 1, "", merge(frames), 4.0, "complete", constants=CONSTANTS)


def expected(**changes: Any) -> model.Expected:
    return model.predict(**chosen(**changes), constants=CONSTANTS)


@pytest.mark.parametrize("architecture", KEEP_ONE)
@pytest.mark.parametrize(
    ("idle", "wait_s"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (29, 2), (30, LIMIT_S), (1_000, LIMIT_S)]
)
def test_the_model_has_its_cliff_where_no_process_is_left(architecture: str, idle: int, wait_s: float) -> None:
    found = expected(architecture=architecture, idle=idle)
    assert found.response / 1e9 == pytest.approx(wait_s, abs=0.001)
    x, y = found.stairs
    assert np.interp(idle, x, y) == pytest.approx(found.response), "the ring stands on the line"


@pytest.mark.parametrize("architecture", [each for each in ARCHITECTURES if each not in KEEP_ONE])
def test_the_others_answer_as_quickly_beside_any_number(architecture: str) -> None:
    few, many = (expected(architecture=architecture, idle=idle) for idle in (0, 49))
    assert few.response == many.response == 0.3 * MS
    assert expected(architecture=architecture, workers=50).own_at(49) == many.own_at(49), "it has no fixed processes"


def test_memory_grows_with_what_is_held() -> None:
    assert expected().own_at(5) == pytest.approx((13 + 10 * 1 + 5 * 0.1) * MB)
    assert expected().own_at(500) == pytest.approx((13 + 10 * 1 + 10 * 0.1) * MB), "the others wait to be accepted"
    assert expected(workers=50).own_at(0) == pytest.approx((13 + 50) * MB)
    assert expected(architecture=LOOP).own_at(1_000) == pytest.approx((13 + 100) * MB)
    assert expected().rss[-1] == pytest.approx((20 + 160 + 2) * MB)
    each = expected(architecture=PROCESS_EACH).own
    assert np.isfinite(each[NUMBERS <= 49]).all() and np.isnan(each[NUMBERS > 49]).all(), "more are not allowed"


def test_the_words_tell_the_wait_and_why(lab: Any) -> None:
    run = made(981, 979, 985, idle=10)
    assert (
        lab.found(run, None)
        == "With 10 idle connections, prefork with 10 processes keeps one more request waiting for 981 ms."
    )
    said = lab.verdict(run, None).text
    assert "takes 981 ms (median of 3). Each of the 10 processes keeps to an idle connection for 1 s" in said
    assert (
        "waits for that: 1 s in theory. Memory: 25 MB (PSS) in 11 processes; RSS added up says 6.8 times that." in said
    )
    assert "2 times that: 2 s in theory" in lab.verdict(made(1_980, idle=20), None).text


def test_the_words_tell_that_a_process_was_free(lab: Any) -> None:
    run = made(0.3, 0.2, 0.4)
    assert (
        lab.found(run, None) == "With 9 idle connections, prefork with 10 processes answers one more request in 300 µs."
    )
    assert "Of 10 processes 1 had no connection" in lab.verdict(run, None).text


def test_what_was_measured_decides_whether_it_waited_and_not_theory(lab: Any) -> None:
    free = made(0.3, 0.2, 0.4, idle=10)
    assert lab.found(free, None).endswith("prefork with 10 processes answers one more request in 300 µs.")
    said = lab.verdict(free, None).text
    assert "In theory it should wait 1 s for a process; here it did not." in said and "keeps to" not in said
    slow = made(900, 950, 980, architecture=LOOP, idle=10)
    assert lab.found(slow, None).endswith("an event loop keeps one more request waiting for 950 ms.")
    assert "In theory it should wait for no process; here something else kept it." in lab.verdict(slow, None).text


def test_a_request_that_was_given_up_counts_as_the_limit(lab: Any) -> None:
    run = made(3_000, idle=50)
    assert "keeps one more request waiting for over 3 s." in lab.found(run, None)
    assert "1 of 1 requests had no reply within 3 s" in lab.verdict(run, None).text
    rows = dict(row[:2] for row in lab.table(run, None))
    assert rows["one more request, median"] == "3.0 s"
    assert rows["wait for a process by theory, ⌊idle / processes⌋ · time-out"] == "5 s; given up after 3 s"


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        (PROCESS_EACH, "process of its own"),
        (THREADS, "thread of its own"),
        *((each, "entry in a table") for each in (LOOP, NODE, NGINX)),
    ],
)
def test_each_architecture_has_its_reason(lab: Any, architecture: str, said: str) -> None:
    one = Memory(13 * MB, 22 * MB, PSS, 1)
    assert said in lab.verdict(made(0.3, architecture=architecture, memory=one), None).text
    assert "in one process" in lab.verdict(made(0.3, architecture=architecture, memory=one), None).text


def test_a_request_beside_which_not_all_were_idle_is_left_out(lab: Any) -> None:
    found = lab.verdict(made(0.3, idle_by_then=8), None)
    assert found.kind == "invalid" and "At most 8 of 9 connections were open and idle" in found.text
    assert lab.verdict(made(980, idle=100, idle_by_then=10), None).kind == "", "the others wait to be accepted"
    frame = model.frame_of([Told(MS, True, 9), Told(5 * MS, True, 8)], 9)
    assert frame.samples[model.RESPONSE].tolist() == [MS] and frame.counts["calls"] == 1
    assert frame.samples[model.IDLE].tolist() == [9, 8]


def test_memory_that_the_system_hides_is_said(lab: Any) -> None:
    hidden = Memory(np.nan, np.nan, PSS, 2)
    assert "does not tell the server's memory" in lab.verdict(made(0.3, memory=hidden), None).text


def test_two_runs_share_a_headline_and_are_compared(lab: Any) -> None:
    loop, prefork = side_by_side(made(*[0.3] * 10, architecture=LOOP, idle=10), made(*[980] * 10, idle=10))
    found = lab.found(loop, prefork)
    assert found == "10 idle connections: one more request takes 300 µs with event loop, 980 ms with prefork."
    assert lab.verdict_of(loop, prefork).kind == "clear"
    less, more = side_by_side(made(*[0.3] * 10), made(*[980] * 10, idle=10))
    told = "one more request takes 980 ms beside 10 idle connections, 300 µs beside 9."
    assert lab.found(more, less) == f"Prefork with 10 processes: {told}"
    other = made(0.3, architecture=LOOP, idle=50)
    assert idle_connections.finding(more, other) == idle_connections.finding(more, None), "two things differ"
    few, one = side_by_side(made(0.3, architecture=LOOP, idle=10), made(980, idle=10))
    assert lab.verdict_of(few, one).kind == "" and "1 and 1 requests are too few to judge." in str(
        lab.verdict_of(few, one)
    )
    same, again = side_by_side(made(*[0.3] * 10), made(*[0.31] * 10))
    assert lab.verdict_of(same, again).kind == "too close to call"


def test_the_longest_headline_fits(lab: Any) -> None:
    longest = made(3_000, idle=1_000, workers=50)
    others = [made(981, architecture=APACHE, idle=1_000, workers=50), made(981, idle=300, workers=50)]
    for other in (None, *others):
        assert len(idle_connections.finding(longest, other)) <= 120
    assert len(idle_connections.finding(others[0], longest)) <= 120


def test_a_run_that_has_just_begun_can_be_shown(lab: Any) -> None:
    empty = Record("idle_connections", chosen(), 1, "")
    assert lab.verdict(empty, None).kind == "invalid" and lab.table(empty, None) == []
    assert np.isnan(idle_connections.response(empty)) and np.isnan(model.bytes_of(empty, model.OWN))
    assert idle_connections.how_long(empty) is None


@pytest.mark.parametrize(("took_ms", "choice"), [(981, WAITS), (0.3, QUICK)])
def test_the_question_is_settled_by_what_was_measured(lab: Any, took_ms: float, choice: str) -> None:
    outcome = PREDICTION.outcome([made(took_ms, idle=10)], lab.check)
    assert outcome is not None and outcome.choice == choice
    assert_each_comment_fits(PREDICTION, outcome)


@pytest.mark.long
def test_the_charts_show_it(lab: Any) -> None:
    run, pinned = made(981, idle=10), made(0.3, architecture=LOOP, idle=100)
    for chart in lab.charts:
        check_shows_all_and_can_be_emptied(chart, run, pinned, chosen(idle=20), expected(idle=20))
    chart, artists = drawn(lab.charts[0])
    chart.show_run(run, (made(0.3), run))
    assert points(artists[PREFORK]) == [(9.0, 0.3 * MS), (10.0, 981.0 * MS)]


def test_without_fork_there_is_no_question_about_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_connections, "found", lambda: (THREADS, LOOP))
    lab = idle_connections.lab()
    assert lab.prediction is None and lab.controls["architecture"].values == (THREADS, LOOP)
    assert lab.check({})["architecture"] == LOOP


def test_more_processes_than_a_machine_should_hold_are_refused() -> None:
    with pytest.raises(BadInput, match="at most 49 here"), model.serving(PROCESS_EACH, 100, 10, 1.0):
        raise AssertionError("it began")


class Asked:
    """Idle connections without a server: the request is answered at the third look."""

    def __init__(self, seen: list[str]) -> None:
        self.seen, self.looks = seen, 0

    def __enter__(self) -> Asked:
        self.seen.append("open")
        return self

    def __exit__(self, *_: object) -> None:
        self.seen.append("closed")

    def ask_one_more(self, limit_s: float) -> None:
        self.seen.append("asked")

    def wait(self, seconds: float) -> Told | None:
        self.looks += 1
        return Told(5 * MS, True, 9) if self.looks == 3 else None


def test_each_request_has_idle_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Server:
        port = 1

        def pids(self) -> list[int]:
            seen.append("memory")
            return []

    @contextmanager
    def serving(*_: Any) -> Iterator[Server]:
        yield Server()
        seen.append("ended")

    now = iter(np.arange(0.0, 100.0, 0.06))
    monkeypatch.setattr(model, "serving", serving)
    monkeypatch.setattr(idle_connections, "IdleConnections", lambda *_: Asked(seen))
    monkeypatch.setattr(idle_connections, "perf_counter", lambda: next(now))
    run = idle_connections.experiment(**chosen())
    assert next(run).samples[model.OWN].size == 1 and seen == ["open", "memory"]
    frames = [next(run) for _ in range(3)]
    assert frames[:2] == [Frame(), Frame()], "it can be stopped while the request waits"
    assert frames[2].samples[model.RESPONSE].tolist() == [5 * MS] and frames[2].counts["calls"] == 1
    assert seen[2:] == ["closed", "open", "asked", "closed"]
    run.close()  # type: ignore[attr-defined]


@pytest.mark.clock
@pytest.mark.parametrize("architecture", KEEP_ONE)
def test_the_cliff_is_at_exactly_as_many_connections_as_processes(architecture: str) -> None:
    if architecture not in found():
        pytest.skip(f"{architecture} cannot be started here")

    def one(idle: int) -> float:
        """The first request's response (ms), however long the machine takes for it."""
        now = chosen(architecture=architecture, workers=5, keep_alive=0.5, idle=idle)
        with closing(idle_connections.experiment(**now)) as frames:  # type: ignore[type-var]
            return float(next(each for each in frames if each.counts.get("calls")).samples[model.RESPONSE][0]) / MS

    def look() -> list[float]:
        return [one(idle) for idle in (4, 5, 6)]

    two_of_three(look, lambda ms: ms[0] < 200 < min(ms[1:]) and max(ms[1:]) < 900, "W − 1, W and W + 1 of 5 processes")


@pytest.mark.clock
@pytest.mark.skipif(PREFORK not in found(), reason="a process cannot be forked here")
def test_a_click_tells_and_the_sum_of_rss_counts_pages_many_times() -> None:
    (run,) = corpus.click(NAME).records
    assert run.fact(model.PROCESSES) == 11
    assert model.bytes_of(run, model.RSS) > 2 * model.bytes_of(run, model.OWN)
    assert (
        2
        > idle_connections.response(run)
        / model.predict(**run.parameters, constants=corpus.constants(NAME) or {}).response
        > 0.5
    )


@pytest.mark.process
@pytest.mark.parametrize("idle", [3, 10])
def test_a_run_that_is_stopped_leaves_nothing(idle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    for architecture in found():
        run = idle_connections.experiment(**chosen(architecture=architecture, idle=idle, workers=5, keep_alive=60.0))
        next(run), next(run)
        run.close()  # type: ignore[attr-defined]
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before
    assert [*tmp_path.iterdir()] == []
