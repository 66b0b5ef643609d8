"""The shop: one server for the module, its switches thrown one by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest
from cpu_time import cpu_s
from patience import wait_until, wait_until_gone
from relations import assert_more, two_of_three

from perflab.measure.guards import BadInput
from perflab.measure.http_reply import Reply
from perflab.systems.clients.anatomy import Anatomy, Dissector
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.http.server_timing import timing_of
from perflab.systems.process.child import ChildServer, ServerFailed
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.shop import shop
from perflab.systems.servers.shop_settings import Settings

pytestmark = pytest.mark.clock

PRODUCTS = 2_000
OFF = {"indexed": True, "joined": True, "pooled": True, "tuned": False, "counted": False, "cached": False}
QUIET = {**OFF, "ttl_s": 1, "database_ms": 0, "logic_ms": 0, "payload_bytes": 0, "calls": 1, "parallel": False}
QUIET |= {"wait_ms": 0, "writes": 1, "batched": False, "awaited": False}


@pytest.fixture(scope="module")
def server() -> Iterator[PausableServer]:
    with shop(PRODUCTS, 4) as running:
        yield running


@pytest.fixture
def dissect(server: ChildServer) -> Iterator[Callable[[int], Anatomy]]:
    assert server.ask("set", **QUIET) == Settings().__dict__
    server.ask("reset")
    client = Dissector(server.port, keep=True)
    yield lambda number: client.dissect(f"/product?sku={sku_of(number)}")
    client.close()


def test_a_page_is_the_products(dissect: Callable[[int], Anatomy]) -> None:
    replies = [json.loads(dissect(number).body)["product"] for number in (3, 4)]
    assert replies[0]["name"] != replies[1]["name"] and replies[0]["reviews"]


@pytest.mark.parametrize(
    ("part", "slow", "fast", "factor"),
    [
        ("database", {"indexed": False}, {}, 1.5),
        ("database", {"joined": False}, {}, 1.5),
        ("database", {"pooled": False}, {}, 1.2),
        ("database", {"counted": True, "pooled": False}, {"counted": False}, 1.5),
        ("database", {"database_ms": 8}, {}, 5),
        ("database", {}, {"cached": True, "ttl_s": 60}, 5),
        ("compute", {"logic_ms": 4}, {"logic_ms": 0.4}, 3),
        ("serialise", {"payload_bytes": 300_000}, {}, 3),
    ],
)
def test_each_switch_changes_its_part(
    server: ChildServer,
    dissect: Callable[[int], Anatomy],
    part: str,
    slow: dict[str, object],
    fast: dict[str, object],
    factor: float,
) -> None:
    def part_ns(changes: dict[str, object]) -> float:
        server.ask("set", **{**QUIET, **changes})
        return median(dissect(7).parts[part] for _ in range(15))

    assert_more(lambda: part_ns(slow), lambda: part_ns(fast), factor)


def test_the_first_read_misses_the_next_hit_until_time_is_up(
    server: ChildServer, dissect: Callable[[int], Anatomy]
) -> None:
    server.ask("set", cached=True, ttl_s=60)
    assert [dissect(1).server.hit for _ in range(3)] == [False, True, True]
    server.ask("set", ttl_s=0.05)
    time.sleep(0.06)
    assert dissect(1).server.hit is False
    server.ask("set", ttl_s=60)
    assert dissect(1).server.hit is True
    assert server.ask("counts") == {"requests": 5, "hits": 3, "misses": 2}
    server.ask("set", cached=False)
    assert dissect(1).server.hit is None


def test_requests_queue_when_there_are_more_than_threads(server: ChildServer) -> None:
    server.ask("set", **{**QUIET, "logic_ms": 20})

    def client(_: int) -> int:
        dissector = Dissector(server.port)
        queue_ns = dissector.dissect(f"/product?sku={sku_of(1)}").parts["queue"]
        dissector.close()
        return queue_ns

    with ThreadPoolExecutor(12) as crowd:
        two_of_three(lambda: max(crowd.map(client, range(12))), lambda most_ns: most_ns > 15e6, "most of a turn")


def test_what_does_not_exist_is_404_and_the_server_lives_on(server: ChildServer) -> None:
    connection = Connection(server.port)
    for path in ("/product?sku=none", "/product", "/"):
        with pytest.raises(OSError, match="404"):
            connection.get(path)
    assert connection.get(f"/product?sku={sku_of(0)}")
    connection.close()


@pytest.mark.parametrize(
    "wrong", [{"ttl_s": -1}, {"calls": 99}, {"indexed": "no"}, {"colour": "red"}, {"logic_ms": "long"}]
)
def test_settings_that_do_not_exist_or_are_out_of_range_are_refused(
    server: ChildServer, wrong: dict[str, object]
) -> None:
    with pytest.raises(ServerFailed, match=next(iter(wrong))):
        server.ask("set", **wrong)


def test_two_shops_at_once_and_nothing_left_of_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with shop(50) as one, shop(100) as other:
        pids = one.pid, other.pid
        for port, products in ((one.port, 50), (other.port, 100)):
            connection = Connection(port)
            assert connection.get(f"/product?sku={sku_of(products - 1)}")
            connection.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []


def test_too_many_threads_and_too_many_products_are_refused_before_anything_is_started() -> None:
    for wrong in ({"threads": 10_000}, {"products": 10**8}):
        with pytest.raises(BadInput, match=next(iter(wrong))), shop(**wrong):  # type: ignore[arg-type]
            pass


def test_a_killed_parent_takes_the_shop_and_its_files_along(tmp_path: Path) -> None:
    code = (
        "import time\nfrom perflab.systems.servers.shop import shop\n"
        "with shop(50) as s:\n print(s.pid, flush=True)\n time.sleep(60)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert list(tmp_path.glob("perflab-shop-*"))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    wait_until_gone(pid)
    wait_until(lambda: list(tmp_path.iterdir()) == [], "the end of its files")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_is_told_in_the_servers_own_words_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, signal\n"
        "from perflab.systems.process.child import ServerFailed\nfrom perflab.systems.servers.shop import shop\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try:\n    with shop(5000):\n        pass\nexcept ServerFailed as error:\n    print(error)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "The shop server died" in shown.stdout
    assert "disk" in shown.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_paused_shop_keeps_what_it_has(server: PausableServer, dissect: Callable[[int], Anatomy]) -> None:
    def is_kept() -> bool:
        server.ask("reset")
        server.ask("set", cached=True, ttl_s=0.4)
        dissect(2)
        server.pause()
        time.sleep(0.45)
        server.resume()
        kept = dissect(2).server.hit is True
        time.sleep(0.45)
        assert dissect(2).server.hit is False
        return kept

    two_of_three(is_kept, lambda kept: kept, "a page outlives a pause that is longer than its time")


@pytest.mark.parametrize(
    "busy", [{"database_ms": 150}, {"logic_ms": 150}, {"wait_ms": 150}, {"wait_ms": 150, "awaited": True}]
)
def test_in_a_pause_a_request_gets_no_further_and_its_time_does_not_count(
    server: PausableServer, dissect: Callable[[int], Anatomy], busy: dict[str, Any]
) -> None:
    server.ask("set", **{**QUIET, **busy})
    process = psutil.Process(server.pid)

    def done_and_cpu_s_in_a_pause() -> tuple[bool, float]:
        with ThreadPoolExecutor(1) as client:
            began = time.perf_counter_ns()
            asked = client.submit(ask, server.port, f"/product?sku={sku_of(3)}")
            time.sleep(0.05)
            server.pause()
            before_s = cpu_s(process)
            time.sleep(0.5)
            found = asked.done(), cpu_s(process) - before_s
            server.resume()
            timing = timing_of(asked.result().checked("/product"))
        assert 0 < timing.total <= time.perf_counter_ns() - began - 500e6, "the time of the pause is left out"
        return found

    two_of_three(done_and_cpu_s_in_a_pause, lambda found: not found[0] and found[1] < 0.1, "neither done nor at work")


def ask(port: int, path: str) -> Reply:
    connection = Connection(port)
    try:
        return connection.ask(request_bytes(path))
    finally:
        connection.close()
