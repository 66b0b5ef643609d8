"""What is around stages: configuration by names, settings while it runs, times, pauses, and the process."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import psutil
import pytest
from patience import wait_until, wait_until_gone
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.measure.http_reply import Reply
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.http.http11 import Request
from perflab.systems.http.server_timing import state_of
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.staged_server import KINDS, Config, Frame, kind_of, staged_server
from perflab.systems.servers.stages import SettableStage


def ask(port: int, path: str = "/") -> Reply:
    with closing(Connection(port)) as connection:
        return connection.ask(request_bytes(path))


def test_every_stage_has_a_name_and_every_name_a_stage_whose_settings_are_frozen() -> None:
    folder = Path(kind_of("cache").answer.__code__.co_filename).parent
    named = {location.split(".")[1] for location in KINDS.values() if location.startswith("stage_kinds.")}
    assert named == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    for name in KINDS:
        kind = kind_of(name)
        assert issubclass(kind, SettableStage) and kind.__name__.lower() == name.replace("_", "")
        assert kind.settings_type.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert all(field.name.isidentifier() for field in fields(kind.settings_type))


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ([("cach", {})], "There is no stage 'cach'; there are admission, .*cache"),
        ([("cache", {"ttl": 1})], "cache has no setting 'ttl'; it has ttl_s"),
        ([("stall", {"for_s": 1})], "stall has no setting 'for_s'; it has none"),
        ([("cache", {"ttl_s": -1})], "ttl_s must be a number from 0"),
        ([("cache", {}), ("cache", {})], "Each stage may be there once; got cache, cache"),
        ([("shop", {"products": 50, "threads": 1}), ("cache", {})], "shop and cache both have a setting 'ttl_s'"),
        ([("pool", {"iterations": "many"})], "iterations must be a whole number"),
        ([("admission", {})], "admission needs 'served_at_once'"),
        ([("workers", {"kind": "threads", "number": 1})], "workers needs 'connections'"),
    ],
)
def test_a_bad_configuration_is_refused_in_one_sentence_before_anything_starts(
    stages: list[Config], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence), staged_server(*stages):
        pass


def test_a_front_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match="front must be one of http11, multiplexed; got 'carrier pigeon'"):
        staged_server(("stall", {}), front="carrier pigeon")


def test_settings_change_for_the_requests_that_arrive_from_then_on() -> None:
    async def serve() -> tuple[Any, list[tuple[str, float]]]:
        served = Served(("computing", {}), ("database", {"query_ms": 100}))
        before = asyncio.ensure_future(served.ask("before"))
        await asyncio.sleep(0.01)
        told = served.frame.set(query_ms=10, service_s=0.001)
        await served.ask("after")
        await before
        return told, served.left

    told, left = run_virtually(serve())
    assert told == {"query_ms": 10, "service_s": 0.001}
    assert left == [("after", 0.021), ("before", 0.1)]


def test_of_several_changes_none_is_made_where_one_is_refused() -> None:
    async def serve() -> dict[str, Any]:
        frame = Served(("concurrency", {}), ("database", {"query_ms": 100})).frame
        for wrong in ({"query_ms": 5, "at_once": 0}, {"query_ms": 5, "colour": 1}, {"at_once": 3, "query_ms": "long"}):
            with pytest.raises(ValueError, match="at_once must|There is no setting 'colour'; there are|query_ms must"):
                frame.set(**wrong)
        return frame.set()

    assert run_virtually(serve()) == {"at_once": 1, "query_ms": 100}


def test_the_times_in_all_stages_are_told_in_the_reply_and_add_up() -> None:
    async def serve() -> tuple[dict[str, Any], dict[str, Any], int]:
        served = Served(("cache", {"ttl_s": 9}), ("concurrency", {}), ("database", {"query_ms": 100}))
        waiting = asyncio.ensure_future(served.ask("other"))
        await asyncio.sleep(0.03)
        reply, state = await served.ask()
        await waiting
        head, _, body = reply.encode().partition(b"\r\n\r\n")
        return state_of(Reply(head, body)), state, served.host.now_ns()

    told, state, now_ns = run_virtually(serve())
    assert told == state and told["hit"] == 0
    inside_s = {name: (told[name][1] - told[name][0]) / 1e9 for name in ("cache", "concurrency", "database")}
    assert inside_s == pytest.approx({"cache": 0.17, "concurrency": 0.17, "database": 0.1}, abs=1e-3)
    assert told["cache"][1] <= now_ns


def test_a_server_that_does_not_tell_leaves_the_reply_as_it_is() -> None:
    async def serve() -> bytes:
        served = Served(("stall", {}))
        frame = Frame([("stall", {})], served.host, tells=False)
        return (await frame.answer(Request("GET", "/", {}, b""))).encode()

    assert run_virtually(serve()) == b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved"


WAITING_INSIDE: dict[str, tuple[Config, ...]] = {
    "stall": (("stall", {}),),
    "link": (("link", {"bits_per_s": 1e6}), ("pages", {"payload_bytes": 100_000})),
    "database": (("database", {"query_ms": 800}),),
    "concurrency": (("concurrency", {}), ("database", {"query_ms": 400})),
}


@pytest.mark.parametrize("stage", WAITING_INSIDE)
def test_a_pause_while_requests_are_inside_a_stage_takes_none_of_their_time(stage: str) -> None:
    async def serve(pause_s: float) -> tuple[list[float], float]:
        served, loop = Served(*WAITING_INSIDE[stage]), asyncio.get_running_loop()
        if stage == "stall":
            served.frame.requests["stall"](after_s=0, for_s=0.8)
        if pause_s:
            loop.call_later(0.3, served.host.clock.pause)
            loop.call_later(0.3 + pause_s, served.host.clock.resume)
        await served.crowd(0, 0)
        return [left_s for _, left_s in served.left], loop.time()

    left_s, lasted_s = run_virtually(serve(0.5))
    usual_s, usually_s = run_virtually(serve(0.0))
    assert left_s == pytest.approx(usual_s, abs=0.003) and max(left_s) == pytest.approx(max(usual_s), abs=0.003)
    assert max(left_s) >= 0.8 and lasted_s == pytest.approx(usually_s + 0.5, abs=0.02)


@pytest.mark.process
def test_a_learners_function_travels_and_where_it_fails_that_is_one_sentence() -> None:
    limit = 2
    with staged_server(("admission", {"served_at_once": 1, "may_queue": lambda queued: queued < limit})) as server:
        assert ask(server.port).is_ok
    nonsense = {"served_at_once": 1, "may_queue": lambda queued: None}
    with staged_server(("admission", nonsense), ("stall", {})) as server, ThreadPoolExecutor(2) as clients:
        server.ask("stall", after_s=0, for_s=1)
        served, failed = sorted(clients.map(ask, [server.port] * 2), key=lambda reply: reply.status)
        assert served.is_ok and failed.status == 500
        with pytest.raises(BadInput, match=r"^The admission rule must return True or False; it returned None"):
            server.pause()
        server.resume()
        assert ask(server.port).is_ok


@pytest.mark.process
def test_a_learners_function_that_hangs_is_one_sentence_and_its_server_ends() -> None:
    def think(queued: int) -> bool:
        while True:
            pass

    with (
        ThreadPoolExecutor(2) as clients,
        staged_server(("admission", {"served_at_once": 1, "may_queue": think}), ("stall", {})) as server,
    ):
        server.ask("stall", after_s=0, for_s=2)
        asked = [clients.submit(ask, server.port) for _ in range(2)]

        def has_told() -> bool:
            try:
                server.pause()
            except BadInput as error:
                return str(error) == "The admission rule has not returned after 1 s (asked with 0)."
            finally:
                server.resume()
            return False

        wait_until(has_told)
    wait_until_gone(server.pid)
    assert all(isinstance(each.exception(), OSError) for each in asked)


@pytest.mark.process
def test_a_server_that_is_killed_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ServerFailed, match="died"), staged_server(("batching", {}), ("pages", {})) as server:
        assert [path.name[:15] for path in tmp_path.iterdir()] == ["perflab-staged-"]
        os.kill(server.pid, signal.SIGKILL)
        server.check(5.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.clock
def test_in_a_pause_no_request_gets_on_in_any_stage_on_its_thread() -> None:
    stages: tuple[Config, ...] = (
        ("link", {"bits_per_s": 1.6e6}),
        ("threads", {"threads": 4}),
        ("compression", {}),
        ("batching", {"rows": 1, "batch": "size and timer", "max_wait_ms": 200.0}),
        ("stall", {}),
        ("database", {"query_ms": 200.0}),
        ("pages", {"payload_bytes": 40_000}),
    )
    inside = [0.1, 0.3, 0.5, 0.7]
    with staged_server(*stages, precise=True) as server, ThreadPoolExecutor(1) as client:
        server.ask("stall", after_s=0.15, for_s=0.25)
        began = time.perf_counter()
        asked, paused_s = client.submit(ask, server.port), 0.0
        for until_s in inside:
            time.sleep(max(0.0, until_s + paused_s - (time.perf_counter() - began)))
            stopped = time.perf_counter()
            server.pause()
            time.sleep(0.2)
            assert not asked.done()
            server.resume()
            paused_s += time.perf_counter() - stopped
        state = state_of(asked.result())
        took_s = time.perf_counter() - began
    entered_ns, left_ns = state["link"]
    assert 0.79 <= (left_ns - entered_ns) / 1e9 <= took_s - 0.8, "0.2 s in each of four stages, and none of the pauses"
    assert psutil.pid_exists(server.pid) is False
