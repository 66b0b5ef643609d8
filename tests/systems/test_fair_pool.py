"""A pool in which nobody overtakes."""

from __future__ import annotations

import threading
import time

from perflab.systems.fair_pool import FairPool


def test_what_is_free_is_had_at_once_and_counted() -> None:
    pool = FairPool(["a", "b"])
    taken = pool.get()
    assert pool.free == 1
    pool.put(taken)
    assert pool.free == 2


def test_what_is_given_back_goes_to_who_has_waited_longest_and_not_to_who_comes_just_now() -> None:
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
        thread.join(5)
    assert order == ["first", "second", "just now"]
    assert pool.free == 1
