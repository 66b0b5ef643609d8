"""Our server as a process: in which order its pieces are put together is tested through `web_server`."""

from __future__ import annotations

from perflab.systems.servers.web.own import LOOP, MAX_PROCESSES, NEED_FORK, PREFORK, PROCESS_EACH, THREADS
from perflab.systems.servers.web.web_server import MAX_CONNECTIONS


def test_what_forks_is_named_and_a_process_is_left_for_what_asks_beside_the_most_connections() -> None:
    assert set(NEED_FORK) == {PROCESS_EACH, PREFORK} and not {THREADS, LOOP} & set(NEED_FORK)
    assert MAX_CONNECTIONS[PROCESS_EACH] < MAX_PROCESSES <= 50, "each takes 3 MB"
