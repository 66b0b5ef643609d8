from __future__ import annotations

import threading
import time

from perflab.systems.pausable import PausableSleep


def test_a_sleep_takes_its_time() -> None:
    started = time.monotonic()
    PausableSleep().sleep(0.05)
    assert time.monotonic() - started >= 0.05


def test_no_time_passes_while_it_is_paused() -> None:
    sleeping = PausableSleep()
    ended: list[float] = []
    sleepers = [
        threading.Thread(target=lambda: (sleeping.sleep(0.2), ended.append(time.monotonic()))) for _ in range(3)
    ]
    for sleeper in sleepers:
        sleeper.start()
    time.sleep(0.05)
    sleeping.pause()
    time.sleep(0.5)
    assert ended == []
    resumed = time.monotonic()
    sleeping.resume()
    for sleeper in sleepers:
        sleeper.join(5)
    assert len(ended) == 3
    assert min(ended) - resumed > 0.05, "what was left to sleep was slept afterwards"


def test_a_sleep_that_begins_in_a_pause_waits_for_its_end() -> None:
    sleeping = PausableSleep()
    sleeping.pause()
    sleeper = threading.Thread(target=sleeping.sleep, args=(0.01,))
    sleeper.start()
    sleeper.join(0.2)
    assert sleeper.is_alive()
    sleeping.resume()
    sleeper.join(5)
    assert not sleeper.is_alive()


def test_pausing_twice_and_resuming_without_a_pause_do_no_harm() -> None:
    sleeping = PausableSleep()
    sleeping.resume()
    sleeping.pause()
    sleeping.pause()
    sleeping.resume()
    sleeping.sleep(0.01)
