"""Three kinds of workers do the same work, each in its own way; what they compute at the same time differs."""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from statistics import fmean

import psutil
import pytest
from asking import ask
from cpu_time import cpu_s
from patience import PATIENCE_S, wait_until_gone
from relations import assert_more, two_of_three

from perflab.measure.guards import BadInput
from perflab.systems.servers.worker_kinds import KINDS, LOOP, PROCESSES, THREADS
from perflab.systems.servers.worker_server import Stages, stages_of, worker_server

pytestmark = pytest.mark.clock


def all_at_once(port: int, query: str, number: int) -> list[Stages]:
    with ThreadPoolExecutor(number) as crowd:
        return [stages_of(body) for _, body in crowd.map(lambda _: ask(port, query), range(number))]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_what_is_asked_for_stage_after_stage(kind: str) -> None:
    with worker_server(2, connections=2, kind=kind) as server:
        stages = stages_of(ask(server.port, "wait=30&compute=5&query=20")[1])
    assert stages.arrived_ns <= stages.started_ns <= stages.begun_ns <= stages.connected_ns <= stages.done_ns
    assert stages.connected_ns - stages.started_ns >= 30e6
    assert stages.done_ns - stages.connected_ns >= 20e6


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_waits_for_many_at_once_but_not_for_more_than_there_are(kind: str) -> None:
    with worker_server(4, connections=8, kind=kind) as server:

        def most_inside() -> int:
            stages = all_at_once(server.port, "query=100", 8)
            return max(sum(a.started_ns <= b.started_ns < a.done_ns for a in stages) for b in stages)

        two_of_three(most_inside, lambda most: most == 4, "four at once")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_shares_the_connections_one_after_the_other(kind: str) -> None:
    with worker_server(4, connections=1, kind=kind) as server:
        stages = all_at_once(server.port, "query=30", 4)
    had = sorted(each.connected_ns for each in stages)
    assert all(later - earlier >= 30e6 for earlier, later in itertools.pairwise(had))


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_pause_neither_waiting_nor_computing_gets_on(kind: str) -> None:
    with worker_server(1, kind=kind) as server, ThreadPoolExecutor(1) as crowd:
        began = time.monotonic()
        asked = crowd.submit(ask, server.port, "compute=1000&query=50")
        time.sleep(0.1)
        server.pause()
        time.sleep(1.0)
        assert not asked.done()
        server.resume()
        stages = stages_of(asked.result()[1])
    running_ns = stages.done_ns - stages.started_ns
    assert running_ns < 1e9 * (time.monotonic() - began - 0.95)
    # 150 ms if the pause counted as computing; 1,050 ms on a machine that has kept its speed since the server weighed it.
    assert running_ns > 200e6, "what was not computed before the pause is computed after it"


def test_threads_take_turns_at_computing() -> None:
    """By the CPU time, which no other process adds to: how long it takes depends on who else wants the CPUs."""
    with worker_server(2, kind=THREADS) as server:
        process, began = psutil.Process(server.pid), time.monotonic()
        before_s = cpu_s(process)
        all_at_once(server.port, "compute=500", 2)
        assert cpu_s(process) - before_s < 1.1 * (time.monotonic() - began)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell who waits")
def test_processes_compute_at_the_same_time() -> None:
    """None waits for the other, even where they have to share a CPU."""
    with worker_server(2, kind=PROCESSES) as server, ThreadPoolExecutor(2) as crowd:
        processes = psutil.Process(server.pid).children()

        def share_of_both() -> float:
            asked = [crowd.submit(ask, server.port, "compute=500") for _ in range(2)]
            seen = []
            while not any(each.done() for each in asked):
                seen.append(sum(process.status() == psutil.STATUS_RUNNING for process in processes))
                time.sleep(0.005)
            assert [each.result()[0] for each in asked] == [200, 200]
            return seen.count(2) / len(seen)

        two_of_three(share_of_both, lambda share: share > 0.4, "both compute")


def test_a_thread_waits_for_computing_threads_before_it_begins_and_a_process_does_not() -> None:
    def wait_ns(port: int) -> float:
        return fmean(each.begun_ns - each.started_ns for each in all_at_once(port, "compute=50", 8))

    with worker_server(8, kind=THREADS) as threads, worker_server(8, kind=PROCESSES) as processes:
        assert_more(lambda: wait_ns(threads.port), lambda: wait_ns(processes.port), 3)


def test_on_an_event_loop_a_computing_request_blocks_all_others() -> None:
    with worker_server(2, connections=2, kind=LOOP) as server, ThreadPoolExecutor(2) as crowd:

        def held_up_ns() -> int:
            waiting = crowd.submit(ask, server.port, "query=100")
            time.sleep(0.02)
            ask(server.port, "compute=600")
            stages = stages_of(waiting.result()[1])
            return stages.done_ns - stages.connected_ns

        two_of_three(held_up_ns, lambda found: found > 200e6, "twice what it asked for")


def test_worker_processes_are_gone_with_their_server_even_when_one_hangs() -> None:
    with worker_server(3, kind=PROCESSES) as server, ThreadPoolExecutor(3) as crowd:
        processes = psutil.Process(server.pid).children()
        assert len(processes) == 3
        processes[0].suspend()
        asked = [crowd.submit(ask, server.port, "compute=5") for _ in range(3)]
        others = list(itertools.islice(as_completed(asked, PATIENCE_S), 2))
        assert sum(each.done() for each in asked) == len(others) == 2, "the others go on"
        processes[0].resume()
        assert all(each.result()[0] == 200 for each in asked)
        processes[1].suspend()
    _, left = psutil.wait_procs(processes, PATIENCE_S)
    assert left == []


def test_worker_processes_are_gone_when_their_server_is_killed() -> None:
    with worker_server(2, kind=PROCESSES) as server:
        processes = psutil.Process(server.pid).children()
        psutil.Process(server.pid).kill()
        _, left = psutil.wait_procs(processes, PATIENCE_S)
        assert left == []


def test_a_killed_worker_process_fails_one_request_and_is_asked_no_more() -> None:
    with worker_server(2, kind=PROCESSES) as server:
        first, second = psutil.Process(server.pid).children()
        first.kill()
        wait_until_gone(first.pid)
        assert sorted(ask(server.port, "compute=5")[0] for _ in range(6)) == [200] * 5 + [500]
        second.kill()
        wait_until_gone(second.pid)
        assert [ask(server.port, "compute=5")[0] for _ in range(3)] == [500] * 3, "nobody waits for what is not there"


def test_a_kind_that_there_is_not_is_refused() -> None:
    with (
        pytest.raises(BadInput, match="kind must be one of .*; got 'fibres'"),
        worker_server(1, kind="fibres"),
    ):
        pass


def test_more_processes_than_the_machine_may_have_are_refused() -> None:
    with pytest.raises(BadInput, match="workers"), worker_server(10_000, kind=PROCESSES):
        pass
