from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from asking import ask
from relations import assert_more, two_of_three

from perflab.systems.machine.resources import (
    HALF_BYTES,
    MAX_COPIED,
    MAX_SENT,
    MAX_WRITTEN,
    PART_BYTES,
    ROOM_BYTES,
    Room,
    Scratch,
    disk_s,
    memory_per_s,
)
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.worker_server import stages_of, worker_server


def copy_s(scratch: Scratch, size: int) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        scratch.copy(size)
        best = min(best, time.perf_counter() - began)
    return best


@pytest.mark.clock
def test_more_bytes_take_longer_to_copy() -> None:
    scratch = Scratch()
    for more, less in ((48_000_000, 16_000_000), (16_000_000, 1_000_000)):
        assert_more(lambda more=more: copy_s(scratch, more), lambda less=less: copy_s(scratch, less), 1.5)


def test_each_copy_goes_on_where_the_last_one_was_until_all_of_the_room_was_used() -> None:
    room = Room()
    copied_from, copied_to = np.frombuffer(room._memory, np.uint8).reshape(2, -1)
    copied_from[:] = 7
    parts = HALF_BYTES // PART_BYTES
    for done in range(1, parts + 1):
        room.copy(PART_BYTES)
        assert (copied_to[::PART_BYTES] == 7).sum() == done
    copied_to[:] = 0
    room.copy(PART_BYTES + 10)
    assert int((copied_to == 7).sum()) == PART_BYTES + 10
    assert copied_to[PART_BYTES + 9] == 7 and copied_to[PART_BYTES + 10] == 0


def test_the_room_is_larger_than_the_caches_of_this_machine_and_memory_is_not_taken_before_it_is_used() -> None:
    assert ROOM_BYTES > 2 * 32 * 2**20, "the last level here"
    before = psutil.Process().memory_info().rss
    scratch = Scratch()
    scratch.write(10)
    scratch.copy(0)
    assert psutil.Process().memory_info().rss - before < 20_000_000


def test_threads_copy_in_one_room() -> None:
    scratch = Scratch()
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(scratch.copy, [PART_BYTES] * 50))
    room = scratch._room
    assert room is not None
    scratch.copy(PART_BYTES)
    assert scratch._room is room


def test_each_thread_has_scratch_of_its_own() -> None:
    scratch, seen = Scratch(), []

    def look() -> None:
        scratch.write(10)
        seen.append(scratch._own.file.fileno())

    other = threading.Thread(target=look)
    look()
    other.start()
    other.join()
    assert len(set(seen)) == 2
    # The other's file is closed with its thread.
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(seen[1])


def test_what_is_written_lies_in_the_file() -> None:
    scratch = Scratch()
    scratch.write(5_000)
    scratch.write(0)
    assert os.fstat(scratch._own.file.fileno()).st_size == 5_000


@pytest.mark.clock
def test_the_probes_find_what_a_copy_and_a_write_take() -> None:
    scratch = Scratch()
    two_of_three(
        lambda: memory_per_s(1) * copy_s(scratch, 16_000_000) / 16_000_000,
        lambda times: 1 / 5 < times < 5,
        "a second of copying takes a second",
    )
    assert_more(lambda: disk_s(4_000_000, 1), lambda: disk_s(4_000, 1), 1)


@pytest.fixture(scope="module")
def server() -> Iterator[ChildServer]:
    with worker_server(workers=1) as running:
        yield running


@pytest.mark.clock
def test_a_request_is_answered_with_the_bytes_it_asks_for(server: ChildServer) -> None:
    status, body = ask(server.port, "reply=5000&copy=1000000&write=4096")
    assert status == 200 and len(body) > 5_000
    assert stages_of(body).done_ns > 0


@pytest.mark.clock
@pytest.mark.parametrize(
    "query", [f"copy={MAX_COPIED + 1}", f"write={MAX_WRITTEN + 1}", f"reply={MAX_SENT + 1}", "copy=-1", "write=much"]
)
def test_too_much_of_a_resource_is_refused(server: ChildServer, query: str) -> None:
    status, body = ask(server.port, query)
    assert status == 400
    assert query.split("=")[0].encode() in body
