"""A pool in which nobody overtakes."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from patience import PATIENCE_S

from perflab.systems.servers.fair_pool import FairPool, FairTaskPool


def test_what_is_free_is_had_at_once_and_counted() -> None:
    pool = FairPool(["a", "b"])
    taken = pool.get()
    assert pool.free == 1
    pool.put(taken)
    assert pool.free == 2


def test_what_is_given_back_goes_to_the_longest_waiter_and_not_to_a_newcomer() -> None:
    pool = FairPool(["only"])
    item = pool.get()
    order: list[str] = []

    def wait(name: str) -> None:
        got = pool.get()
        order.append(name)
        pool.put(got)

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("first", "second")]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(pool._line) < number:
            time.sleep(0.001)
    pool.put(item)
    # Whoever comes now finds that it is taken already: by those who have waited, even if they are not awake yet.
    last = pool.get()
    order.append("just now")
    pool.put(last)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == ["first", "second", "just now"]
    assert pool.free == 1


def test_tasks_do_not_overtake_each_other_either_and_have_it_since_it_was_given_back() -> None:
    async def play() -> None:
        pool = FairTaskPool(["only"])
        item, _ = await pool.get()
        order: list[tuple[str, int]] = []

        async def wait(name: str) -> None:
            got, since_ns = await pool.get()
            order.append((name, since_ns))
            pool.put(got)

        waiting = [asyncio.create_task(wait(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        before = time.perf_counter_ns()
        pool.put(item)
        after = time.perf_counter_ns()
        await wait("just now")
        await asyncio.gather(*waiting)
        assert [name for name, _ in order] == ["first", "second", "just now"]
        assert before <= order[0][1] <= after
        assert pool.free == 1

    asyncio.run(play())


def test_a_task_that_is_cancelled_while_it_waits_or_in_the_moment_it_is_served_keeps_no_item() -> None:
    async def play(gave_it_before: bool) -> tuple[int, str]:
        pool = FairTaskPool(["only"])
        item, _ = await pool.get()
        first, second = (asyncio.create_task(pool.get()) for _ in range(2))
        await asyncio.sleep(0)
        if gave_it_before:
            pool.put(item)
        first.cancel()
        if not gave_it_before:
            pool.put(item)
        got, _ = await second
        pool.put(got)
        return pool.free, got

    for gave_it_before in (False, True):
        assert asyncio.run(play(gave_it_before)) == (1, "only")


def test_a_thread_that_drives_a_coroutine_waits_for_an_item_with_tasks_in_one_line() -> None:
    async def play() -> list[str]:
        pool, order, loop = FairTaskPool(["only"]), list[str](), asyncio.get_running_loop()
        item, _ = await pool.get()

        async def use(name: str) -> None:
            got, _ = await pool.get()
            order.append(name)
            pool.put(got)

        def drive() -> None:
            with pytest.raises(StopIteration):
                use("thread").send(None)

        thread = loop.run_in_executor(None, drive)
        while not pool._line:
            await asyncio.sleep(0.001)
        task = asyncio.create_task(use("task"))
        await asyncio.sleep(0)
        pool.put(item)
        await asyncio.gather(thread, task)
        return order

    assert asyncio.run(play()) == ["thread", "task"]


def test_an_item_that_a_thread_gives_to_a_task_cancelled_meanwhile_is_free_again() -> None:
    async def play() -> int:
        pool = FairTaskPool(["only"])
        item, _ = await pool.get()
        waiting = asyncio.create_task(pool.get())
        await asyncio.sleep(0)
        thread = threading.Thread(target=pool.put, args=(item,))
        thread.start()
        thread.join()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        return pool.free

    assert asyncio.run(play()) == 1
