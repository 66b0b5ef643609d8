"""The handler of the learner's: every right way is accepted, and what is wrong is said in one sentence."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from labs import measured_together

from perflab.chapters.web_servers import heavy_request_model, own_handler
from perflab.chapters.web_servers.own_handler import CROWDS, HAND_OVER_S, READ_S, check_handle, handled
from perflab.systems.servers.web.web_server import LOOP, YOURS


async def by_size(ms: float, compute: Any, offload: Any) -> None:
    if ms > 10:
        await offload(ms)
    else:
        compute(ms)


async def in_pieces(ms: float, compute: Any, offload: Any) -> None:
    while ms > 0:
        compute(min(ms, 2))
        ms -= 2
        await asyncio.sleep(0)


async def pieces_elsewhere(ms: float, compute: Any, offload: Any) -> None:
    if ms <= 1:
        return compute(ms)
    await asyncio.gather(*(offload(ms / 4) for _ in range(4)))


async def as_a_task(ms: float, compute: Any, offload: Any) -> None:
    await (asyncio.create_task(offload(ms)) if ms > 5 else asyncio.sleep(0, compute(ms)))


async def on_a_thread(ms: float, compute: Any, offload: Any) -> None:
    await asyncio.to_thread(compute, ms)


async def on_threads_of_its_own(ms: float, compute: Any, offload: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, compute, ms)


def not_async_itself(ms: float, compute: Any, offload: Any) -> Any:
    return by_size(ms, compute, offload)


class Handler:
    """Something that can be called."""

    async def __call__(self, ms: float, compute: Any, offload: Any) -> None:
        await by_size(ms, compute, offload)


async def with_a_limit(ms: float, compute: Any, offload: Any) -> str:
    await asyncio.wait_for(by_size(ms, compute, offload), timeout=1.5)
    return "ok"


RIGHT_WAYS = (
    by_size,
    in_pieces,
    pieces_elsewhere,
    as_a_task,
    on_a_thread,
    on_threads_of_its_own,
    not_async_itself,
    Handler(),
    with_a_limit,
    Handler().__call__,
)


@pytest.mark.parametrize("handle", RIGHT_WAYS)
def test_every_right_way_is_accepted(capsys: pytest.CaptureFixture[str], handle: Any) -> None:
    lab = check_handle(handle)
    assert capsys.readouterr().out == "Right: no light request waits for a heavy one. The lab runs your handler.\n"
    assert lab is not None and lab.controls["architecture"].values[:2] == (YOURS, LOOP)
    found = lab.model(lab.check({}), {"light_ns": 3e5, "busy_ns": 1e5})
    assert found.rows[YOURS]["slowest"] == 3e5


async def here(ms: float, compute: Any, offload: Any) -> None:
    compute(ms)


async def all_elsewhere(ms: float, compute: Any, offload: Any) -> None:
    await offload(ms)


async def in_large_pieces(ms: float, compute: Any, offload: Any) -> None:
    while ms > 0:
        compute(min(ms, 50))
        ms -= 50
        await asyncio.sleep(0)


async def from_100_on(ms: float, compute: Any, offload: Any) -> None:
    await offload(ms) if ms > 100 else compute(ms)


async def from_25_on(ms: float, compute: Any, offload: Any) -> None:
    await offload(ms) if ms > 25 else compute(ms)


async def from_19_on(ms: float, compute: Any, offload: Any) -> None:
    await offload(ms) if ms > 19 else compute(ms)


async def not_awaited(ms: float, compute: Any, offload: Any) -> None:
    offload(ms)


async def left_alone(ms: float, compute: Any, offload: Any) -> None:
    asyncio.create_task(offload(ms))  # noqa: RUF006


async def nothing(ms: float, compute: Any, offload: Any) -> None:
    pass


async def done_twice(ms: float, compute: Any, offload: Any) -> None:
    await asyncio.gather(offload(ms), offload(ms))


async def too_little(ms: float, compute: Any, offload: Any) -> None:
    await offload(min(ms, 100))


async def without_an_end(ms: float, compute: Any, offload: Any) -> None:
    while True:
        await asyncio.sleep(0)


async def for_ever(ms: float, compute: Any, offload: Any) -> None:
    await asyncio.Event().wait()


async def very_slow(ms: float, compute: Any, offload: Any) -> None:
    await by_size(ms, compute, offload)
    await asyncio.sleep(ms / 50)


async def raises(ms: float, compute: Any, offload: Any) -> None:
    raise KeyError("ms")


async def other_arguments(ms: float) -> None:
    pass


async def ends_python(ms: float, compute: Any, offload: Any) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("handle", "because"),
    [
        (here, "Beside requests of 200 ms, a light request takes 200 ms: what keeps the loop?"),
        (all_elsewhere, "both processes are busy. Does it have to go there?"),
        (in_large_pieces, "what keeps the loop?"),
        (from_100_on, "Beside requests of 30 ms and 30 ms and 90 ms"),
        (from_25_on, "Beside requests of 21 ms and 12 ms and 12 ms, a light request takes 23 ms: what keeps the loop?"),
        (from_19_on, "Beside requests of 21 ms and 12 ms and 12 ms, a light request takes 23 ms: what keeps the loop?"),
        (not_awaited, "asked for 200 ms of computing, and replied after 0 ms"),
        (left_alone, "replied after 0 ms"),
        (nothing, "replied after 0 ms"),
        (done_twice, "replied after 400 ms"),
        (too_little, "replied after 100 ms"),
        (without_an_end, "goes round and round"),
        (for_ever, "never comes"),
        (very_slow, "A request of 200 ms takes 4.2 s"),
        (raises, "KeyError: 'ms'"),
        (ends_python, "SystemExit: 3"),
        (other_arguments, "TypeError"),
        (lambda ms, compute, offload: compute(ms), "is it an `async def`?"),
        (lambda ms, compute, offload: offload(float("nan")), "calls offload(nan)"),
        (lambda ms, compute, offload: compute(-1), "calls compute(-1)"),
        (lambda ms, compute, offload: compute(None), "calls compute(None)"),
        (lambda ms, compute, offload: compute("200"), "calls compute('200')"),
        (None, "None is no function"),
        (200, "200 is no function"),
        (by_size(1, None, None), "no function"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str], handle: Any, because: str) -> None:
    assert check_handle(handle) is None
    said = capsys.readouterr().out
    assert said.startswith("Not") and because in said and said.count("\n") == 1 and "Traceback" not in said
    if asyncio.iscoroutine(handle):
        handle.close()


def test_it_is_checked_while_a_loop_runs_as_in_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    async def cell() -> None:
        check_handle(by_size)

    with asyncio.Runner() as kernel:
        kernel.run(cell())
    assert capsys.readouterr().out.startswith("Right")


def test_time_passes_as_on_a_loop_with_two_processes() -> None:
    found = handled(by_size, [(0.0, 200.0), (0.0, 200.0), (0.0, 200.0), (0.1, 1.0)])
    took = [each.took_s for each in found]
    there = HAND_OVER_S + 0.2
    assert took[:3] == pytest.approx([there, there, 2 * there], abs=3 * READ_S + 0.001)
    assert took[3] == pytest.approx(0.001 + READ_S)
    assert [each.went_elsewhere for each in found] == [True, True, True, False]


def test_each_crowd_has_light_requests_and_heavy_ones() -> None:
    assert all({ms > own_handler.LIGHT_MS for _, ms in crowd} == {True, False} for crowd in CROWDS)


@pytest.mark.process
def test_the_lab_runs_the_handler(capsys: pytest.CaptureFixture[str]) -> None:
    lab = check_handle(by_size)
    assert lab is not None
    (record,) = measured_together(lab, {"rate": 50, "heavy": 20}, budget_s=0.0)
    assert record.calls == 30 and record.count("failures") == 0 and record.column("heavy_ns").size == 1
    assert lab.found(record, None).startswith("Your handler: ") and heavy_request_model.why(YOURS).endswith(".")
