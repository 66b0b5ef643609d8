from __future__ import annotations

import os
import threading
import time

import pytest
from asking import ask

from perflab.systems.resources import COPY_BYTES, MOST_COPIED, MOST_SENT, MOST_WRITTEN, Scratch, disk_s, memory_per_s
from perflab.systems.worker_server import stages_of, worker_server


def timed(scratch: Scratch, size: int) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        scratch.copy(size)
        best = min(best, time.perf_counter() - began)
    return best


def test_more_bytes_take_longer_to_copy() -> None:
    scratch = Scratch()
    assert timed(scratch, 3 * COPY_BYTES) > 1.5 * timed(scratch, COPY_BYTES)
    assert timed(scratch, COPY_BYTES) > 3 * timed(scratch, COPY_BYTES // 16)


def test_each_thread_has_scratch_of_its_own() -> None:
    scratch, seen = Scratch(), []

    def look() -> None:
        scratch.write(10)
        seen.append(scratch._file.fileno())

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
    assert os.fstat(scratch._file.fileno()).st_size == 5_000


def test_the_probes_find_rates_that_make_sense() -> None:
    assert memory_per_s(1) > 1e8
    assert 0 < disk_s(4_000, 1) < 1
    assert disk_s(4_000_000, 1) > disk_s(4_000, 1)


def test_a_request_is_answered_with_the_bytes_it_asks_for() -> None:
    with worker_server(workers=1) as server:
        status, body = ask(server.port, "reply=5000&copy=1000000&write=4096")
        assert status == 200 and len(body) > 5_000
        assert stages_of(body).done_ns > 0


@pytest.mark.parametrize(
    "query", [f"copy={MOST_COPIED + 1}", f"write={MOST_WRITTEN + 1}", f"reply={MOST_SENT + 1}", "copy=-1", "write=much"]
)
def test_too_much_of_a_resource_is_refused(query: str) -> None:
    with worker_server(workers=1) as server:
        status, body = ask(server.port, query)
    assert status == 400
    assert query.split("=")[0].encode() in body
