"""The moments of a loaded run are those of its record, on one clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from replayed import WORKERS, queue_record

from perflab.chapters.load_moments import moments, moments_of_connections, moments_of_queries
from perflab.lab import Record
from perflab.lab.moments import ANSWERED, ASIDE, AT_WORK, BEFORE, FAILED, GONE, IN_LINE, OPEN, SENT, SERVED
from perflab.lab.scene import Film, Scene
from perflab.measure.frame import Frame
from perflab.systems.caches.hot_key import COMPUTE, HIT, REFRESH, WAIT


def test_moments_of_both_clocks_are_in_their_order() -> None:
    read = moments(lambda run: WORKERS)(queue_record())
    assert read is not None and read.workers == WORKERS and read.until_s == 2.0
    known = np.isfinite(read.started_s)
    stages = np.array([read.due_s, read.queued_s, read.started_s, read.done_s, read.gone_s])[:, known]
    assert np.all(np.diff(stages, axis=0) >= -1e-9)
    np.testing.assert_allclose(read.gone_s[known], read.done_s[known], atol=1e-9)


@pytest.mark.parametrize(("there_ns", "here_s"), [(1.25e9, 0.25), (1.2505e9, 0.25), (1.2525e9, 0.2505), (1.5e9, 0.498)])
def test_what_a_server_does_while_the_clients_clock_stands_still_happens_when_it_stands(
    there_ns: float, here_s: float
) -> None:
    """The server ran 2 ms longer, while it was paused and resumed."""
    columns = {
        "arrived_s": [0.0],
        "number": [0],
        "completed_s": [0.5],
        "arrived_ns": [there_ns],
        "started_ns": [there_ns],
        "done_ns": [there_ns],
        "paused_s": [0.25, 0.5],
        "paused_ns": [1.25e9, 1.502e9],
    }
    frame = Frame({name: np.array(values) for name, values in columns.items()}, {}, {"elapsed_s": 0.5})
    read = moments()(Record("any", {}, 1, "", frame))
    assert read is not None
    np.testing.assert_allclose(read.queued_s, [here_s], atol=1e-9)


def test_servers_are_read_by_their_own_clocks_and_have_lines_of_their_own() -> None:
    columns: dict[str, Any] = {
        "arrived_s": [0.1, 0.2],
        "number": [1, 0],
        "server": [1, 0],
        "completed_s": [0.4, 0.5],
        "arrived_ns": [9.2e9, 3.1e9],
        "started_ns": [9.2e9, 3.2e9],
        "done_ns": [9.35e9, 3.45e9],
        "paused_s": [0.6, 0.6],
        "paused_ns": [3.6e9, 9.6e9],
        "paused_server": [0, 1],
        "not_sent_number": [],
    }
    frame = Frame({name: np.array(values) for name, values in columns.items()}, {}, {"elapsed_s": 0.6})
    read = moments(1, lambda run: 2)(Record("any", {}, 1, "", frame))
    assert read is not None and read.servers == 2 and read.server.tolist() == [0, 1]
    np.testing.assert_allclose(read.queued_s, [0.1, 0.2], atol=1e-9)
    np.testing.assert_allclose(read.done_s, [0.45, 0.35], atol=1e-9)
    (_, (high, low)) = Scene(Film(read), 0.25).points
    assert high > low


def test_a_server_that_hangs_and_requests_that_were_never_sent() -> None:
    columns = {
        "arrived_s": [0.1, 0.2, 0.3],
        "number": [0],
        "completed_s": [0.15],
        "arrived_ns": [1.1e9],
        "started_ns": [1.1e9],
        "done_ns": [1.14e9],
        "paused_s": [0.25, 0.5],
        "paused_ns": [1.25e9, 1.25e9],
        "not_sent_number": [2],
    }
    frame = Frame({name: np.array(values) for name, values in columns.items()}, {}, {"elapsed_s": 0.5})
    read = moments()(Record("any", {}, 1, "", frame))
    assert read is not None
    np.testing.assert_allclose([read.queued_s[0], read.done_s[0]], [0.1, 0.14], atol=1e-9)
    assert read.became.tolist() == [SERVED, OPEN, FAILED] and read.states_at(0.3).tolist() == [GONE, SENT, GONE]


def test_a_connection_that_has_come_about_is_in_line_and_before_its_client_tries() -> None:
    """One is served at once, one finds room at its second try, and one has no reply."""
    columns = {
        "arrived_ns": [0.0, 1e8, 2e8],
        "response_ns": [6e7, 1.2e9, 3e9],
        "connected_ns": [1e6, 1.101e9, np.nan],
        "started_ns": [2e6, 1.24e9, np.nan],
        "done_ns": [5.2e7, 1.29e9, np.nan],
        "reply": [True, True, False],
    }
    frame = Frame({name: np.array(values) for name, values in columns.items()})
    read = moments_of_connections(lambda run: run.parameters["workers"])(Record("any", {"workers": 2}, 1, "", frame))
    assert read is not None and read.workers == 2 and read.until_s == 3.2
    assert read.states_at(0.03).tolist() == [AT_WORK, BEFORE, BEFORE]
    assert read.states_at(0.5).tolist() == [GONE, SENT, SENT] and read.states_at(1.2).tolist() == [GONE, IN_LINE, SENT]
    assert read.states_at(1.295).tolist() == [GONE, ANSWERED, SENT] and read.became.tolist() == [SERVED, SERVED, OPEN]


@pytest.mark.parametrize("columns", [{}, {"arrived_ns": np.zeros(2), "done_ns": np.full(2, np.nan)}])
def test_connections_whose_server_does_not_tell_have_no_moments(columns: Any) -> None:
    assert moments_of_connections(1)(Record("any", {}, 1, "", Frame(columns))) is None


def reads_record(**columns: list[float]) -> Record:
    frame = Frame({name: np.array(values) for name, values in columns.items()}, {}, {"elapsed_s": 1.0})
    return Record("any", {}, 1, "", frame)


def test_each_query_is_of_the_read_that_decided_on_it() -> None:
    """Two decided in the same nanosecond, one waits for the query of another, one hits, and one has no answer."""
    run = reads_record(
        arrived_s=[0.1, 0.1, 0.2, 0.3, 0.9],
        number=[3, 1, 0, 2],
        kind=[HIT, COMPUTE, COMPUTE, WAIT],
        completed_s=[0.31, 0.4, 0.6, 0.6],
        waited_ns=[1e6, 1e6, 1e6, 2e6],
        of_s=[0.101, 0.101],
        began_s=[0.101, 0.4],
        ended_s=[0.39, 0.6],
    )
    read = moments_of_queries(1)(run)
    assert read is not None and read.until_s == 1.0 and read.places.tolist() == [0, 0, -1, -1, -1]
    assert read.states_at(0.2).tolist() == [IN_LINE, AT_WORK, SENT, BEFORE, BEFORE]
    assert read.states_at(0.395).tolist() == [IN_LINE, ANSWERED, IN_LINE, GONE, BEFORE]
    assert read.states_at(0.95).tolist() == [GONE, GONE, GONE, GONE, SENT] and read.became[-1] == OPEN
    assert read.in_line(0, 1)[1].tolist() == [0, 1, 2, 1, 0, 0], "one goes, though it was never at work"
    assert moments_of_queries(1)(reads_record()) is None


def test_a_query_that_runs_after_its_read_was_answered_is_aside() -> None:
    run = reads_record(
        arrived_s=[0.1, 0.8],
        number=[0, 1],
        kind=[REFRESH, REFRESH],
        completed_s=[0.102, 0.802],
        waited_ns=[1e6, 1e6],
        of_s=[0.101],
        began_s=[0.101],
        ended_s=[0.4],
    )
    read = moments_of_queries(1)(run)
    assert read is not None and read.became.tolist() == [SERVED, SERVED, ASIDE, ASIDE]
    assert read.states_at(0.2).tolist() == [GONE, BEFORE, AT_WORK, BEFORE] and read.inside(0, 1)[1].max() == 1
    film = Film(read)
    assert read.states_at(0.9).tolist() == [GONE, GONE, GONE, SENT] and film.told_until_s == 0.801, "it has not ended"
    assert "at work at least 0" in Scene(film, 0.9).text() and "at work 1" in Scene(film, 0.2).text()


def test_a_query_that_has_begun_is_at_work_though_it_has_not_ended() -> None:
    """One of a read without an answer, one of a read that was answered before; a third read is not heard of."""
    run = reads_record(
        arrived_s=[0.1, 0.2, 0.3],
        number=[1],
        kind=[REFRESH],
        completed_s=[0.202],
        waited_ns=[1e6],
        begun_number=[0, 1],
        begun_s=[0.15, 0.201],
    )
    read = moments_of_queries(2)(run)
    assert read is not None and read.became.tolist() == [OPEN, SERVED, OPEN, ASIDE]
    assert read.states_at(0.12).tolist() == [SENT, BEFORE, BEFORE, BEFORE]
    assert read.states_at(0.9).tolist() == [AT_WORK, GONE, SENT, AT_WORK] and read.places.tolist() == [0, -1, -1, 1]
    assert Film(read).told_until_s == 0.3


def test_a_record_that_does_not_tell_has_no_moments() -> None:
    assert moments()(Record("any", {}, 1, "")) is None
    record = queue_record()
    untold = {name: column for name, column in record.frame.samples.items() if not name.startswith("paused")}
    assert moments()(Record("any", {}, 1, "", Frame(untold, {}, record.frame.facts))) is None
