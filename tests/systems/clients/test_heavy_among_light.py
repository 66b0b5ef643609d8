"""Cycles of light requests and a heavy one: their schedule, what is kept of them, and a real server's."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from perflab.measure.frame import merge
from perflab.measure.load import LoadResult
from perflab.systems.clients.heavy_among_light import CYCLE_S, LEAD_S, cycles, frame_of, schedule
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.web.web_server import LOOP, web_server

MS = 1_000_000


@pytest.mark.parametrize("per_s", [50, 100, 200])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.999])
def test_light_requests_are_evenly_spaced_and_the_heavy_one_comes_at_its_time(per_s: int, phase: float) -> None:
    times_ns, (number,) = schedule(per_s, phase, 1)
    light = np.delete(times_ns, number)
    assert times_ns[number] == LEAD_S * 1e9 and np.all(np.diff(times_ns) >= 0)
    assert light.size == per_s * CYCLE_S and np.diff(light) == pytest.approx(1e9 / per_s, abs=2)
    assert light[0] >= 0 and light[-1] < CYCLE_S * 1e9
    alone, none = schedule(per_s, phase, 0)
    assert none.size == 0 and alone.tolist() == light.tolist()


def test_pieces_share_the_cycle_out_evenly() -> None:
    times_ns, numbers = schedule(200, 0.0, 4)
    assert (times_ns[numbers] / MS).tolist() == [15, 165, 315, 465] and np.all(np.diff(times_ns) >= 0)
    alone, _ = schedule(200, 0.0, 0)
    assert np.delete(times_ns, numbers).tolist() == alone.tolist()


def load(numbers: list[int], response_ms: list[float], **counts: int) -> LoadResult:
    response = np.array(response_ms) * MS
    told = {"failures": 0, "timeouts": 0, "not_sent": 0, **counts}
    lateness = np.zeros(len(numbers), np.int64)
    return LoadResult(
        np.array(numbers), response.astype(np.int64), response.astype(np.int64), lateness, 1.0, closed=False, **told
    )


def test_a_light_request_waited_where_it_came_during_the_heavy_one_and_was_answered_after_it() -> None:
    times_ns = np.array([0, 50, 60, 70, 150, 300]) * MS  # number 2 is the heavy one, and takes until 260
    frame = frame_of(load([0, 1, 2, 3, 4, 5], [1, 300, 200, 190, 1, 1]), times_ns, np.array([2]))
    assert frame.samples["since_ns"].tolist() == [-60 * MS, -10 * MS, 10 * MS, 90 * MS, 240 * MS]
    assert frame.samples["waited"].tolist() == [False, False, True, False, False]
    assert frame.samples["heavy_ns"].tolist() == [200 * MS]
    assert frame.counts == {"calls": 5, "failures": 0, "not_sent": 0, "timeouts": 0}


def test_a_light_request_waited_for_the_piece_that_was_under_way() -> None:
    times_ns = np.array([0, 15, 20, 80, 165, 170, 230]) * MS  # numbers 1 and 4 are pieces, of 50 ms each
    frame = frame_of(load([0, 1, 2, 3, 4, 5, 6], [1, 50, 46, 1, 50, 46, 1]), times_ns, np.array([1, 4]))
    assert frame.samples["since_ns"].tolist() == [-15 * MS, 5 * MS, 65 * MS, 5 * MS, 65 * MS]
    assert frame.samples["waited"].tolist() == [False, True, False, True, False]
    assert frame.samples["heavy_ns"].tolist() == [50 * MS] * 2
    lost = frame_of(load([0, 2, 3, 4, 5, 6], [1, 46, 1, 50, 46, 1], failures=1), times_ns, np.array([1, 4]))
    assert lost.samples["waited"].tolist() == [False, False, False, True, False], "the first one failed"


def test_without_a_heavy_one_or_where_it_failed_none_has_waited() -> None:
    times_ns = np.array([0, 60, 70]) * MS
    for heavy, failures in (([], 0), ([1], 1)):
        numbers = [0, 2] if failures else [0, 1, 2]
        frame = frame_of(load(numbers, [1.0] * len(numbers), failures=failures), times_ns, np.array(heavy, int))
        assert not frame.samples["waited"].any() and frame.samples["heavy_ns"].size == 0
        assert frame.counts["calls"] == len(numbers) and frame.counts["failures"] == failures


@pytest.mark.process
def test_a_cycle_of_a_real_server_has_all_its_requests_and_a_dead_server_is_told() -> None:
    with web_server(LOOP) as server:
        running = cycles(server, 20, 50, 1)
        frame = merge(islice(running, 2))
        assert frame.counts == {"calls": 60, "failures": 0, "not_sent": 0, "timeouts": 0}
        assert frame.samples["heavy_ns"].size == 2 and frame.samples["heavy_ns"].min() > 15 * MS
        server.kill()
        with pytest.raises(ServerFailed, match="event loop web server died"):
            next(running)
    with web_server(LOOP) as server:
        assert merge(islice(cycles(server, 0, 50, 1), 1)).samples["heavy_ns"].size == 0
        pieces = merge(islice(cycles(server, 20, 50, 1, pieces=2), 2)).samples["heavy_ns"]
        assert pieces.size == 4 and pieces.min() > 7 * MS
