"""The exercises of notebook 11: every right way is accepted, and what is wrong is said in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pytest

from perflab.chapters.web_servers import exercises, heavy_request
from perflab.chapters.web_servers.exercises import CLIENTS, PAGE_BYTES, WHAT_IS_HIDDEN, WORKERS
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.measure.memory import PSS, Memory
from perflab.systems.servers.web.web_server import LOOP, NODE, PREFORK

HERE = heavy_request.lab().controls["architecture"].values


def said(capsys: pytest.CaptureFixture[str], check: Callable[..., Any], *answer: Any) -> str:
    check(*answer)
    return capsys.readouterr().out


def run(slowest_ms: float, heavy: int = 200, **changes: Any) -> Record:
    latencies = np.full(420, 3e5)
    latencies[:20] = 1e6 * slowest_ms
    frame = Frame({"latency_ns": latencies, "heavy_ns": np.full(7 if heavy else 0, 1e6 * heavy)}, {"calls": 420})
    chosen = heavy_request.lab().check({"heavy": heavy, **changes})
    return Record("heavy_request", chosen, 1, "", frame, 4.2, "complete")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (None, "Not done yet"),
        (run(45, pieces=4), "Right: 4 pieces of 50 ms, and the p99 is 45 ms."),
        (run(19, pieces=10), "Right: 10 pieces of 20 ms"),
        (run(195), "Not yet: the p99 is 195 ms, and it should be below 80 ms"),
        (run(97, pieces=2), "Not yet: the p99 is 97 ms"),
        (run(45, heavy=50), "Not yet: `heavy` should be 200. All of its work has to be done."),
        (run(12, heavy=50, pieces=4), "Not yet: `heavy` should be 200"),
        (run(1, architecture=PREFORK) if PREFORK in HERE else 1, "Not yet: "),
        (run(1, rate=50), "Not yet: `rate` should be 100"),
        (run(1, heavy=0), "Not yet: `heavy` should be 200"),
        (0.02, "0.02 is no run"),
        (Record("idle_connections", {}, 1, ""), "should be one of 'heavy request'"),
    ],
)
def test_in_pieces(capsys: pytest.CaptureFixture[str], record: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_in_pieces, record)


@pytest.mark.skipif(NODE not in HERE, reason="there is no Node.js")
def test_another_event_loop_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, exercises.check_in_pieces, run(45, architecture=NODE, pieces=4)).startswith("Right")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "Not done yet. Write one of"),
        ("most clients have no answer", f"Right: throughput × response time is {WORKERS} requests, not {CLIENTS}"),
        ("Most clients have no answer.", "Right"),
        ("the slowest 1%", "Not yet: a p99 does leave out"),
        ("the backend is too slow", "Not yet: a request waits 50 ms"),
        ("errors are left out", "Not yet: there are none"),
        ("yes", "none of"),
        (7, "none of"),
    ],
)
def test_what_is_hidden(capsys: pytest.CaptureFixture[str], answer: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_what_is_hidden, answer)
    assert len(WHAT_IS_HIDDEN) == 4


@pytest.mark.process
@pytest.mark.skipif(PREFORK not in HERE, reason="this system cannot fork")
def test_the_load_test_tells_numbers_that_only_littles_law_makes_suspicious(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exercises, "TESTED_S", 0.3)
    told = said(capsys, exercises.load_test).splitlines()
    assert (
        told[0].startswith("100 clients, each asks again as soon as it has its answer: ") and "requests/s," in told[0]
    )
    assert told[1].startswith("response time p50 ") and told[1].endswith(" 0 errors")


def test_without_fork_there_is_no_load_test(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exercises, "why_missing", lambda architecture: f"No {architecture} here.")
    assert said(capsys, exercises.load_test) == "No prefork here.\n"


def union(processes: list[set[int]]) -> float:
    return PAGE_BYTES * len(set().union(*processes))


def one_by_one(processes: list[set[int]]) -> float:
    seen: set[int] = set()
    total = 0
    for pages in processes:
        total += len(pages - seen) * 4_096
        seen |= pages
    return total


def divided(processes: list[set[int]]) -> float:
    """As PSS does."""
    times = Counter(page for pages in processes for page in pages)
    return 4_096 * sum(1 / times[page] for pages in processes for page in pages)


def with_numpy(processes: list[set[int]]) -> Any:
    return np.unique([page for pages in processes for page in pages]).size * np.int64(4_096)


def consuming(processes: list[set[int]]) -> float:
    all_pages = processes.pop() if processes else set()
    while processes:
        all_pages.update(processes.pop())
    return 4_096 * len(all_pages)


RIGHT_WAYS = [
    union,
    one_by_one,
    divided,
    with_numpy,
    consuming,
    lambda processes: 4_096.0 * len({page for pages in processes for page in pages}),
    lambda processes: len(dict.fromkeys(page for pages in processes for page in pages)) << 12,
    lambda processes: 4_096 * len(Counter(page for pages in processes for page in pages)),
    lambda processes: 4_096 * len(frozenset(chain.from_iterable(processes))),
    lambda *processes: union(*processes),
]


@pytest.mark.parametrize("mended", RIGHT_WAYS)
def test_shared_pages_counted_once_are_right(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mended: Any
) -> None:
    monkeypatch.setattr(exercises, "worth", lambda: "The sum is 7 times that.")
    told = said(capsys, exercises.check_the_lie, mended)
    assert told == "Right: a page that processes share is there once.\nThe sum is 7 times that.\n"


@pytest.mark.parametrize(
    ("flawed", "because"),
    [
        (
            lambda processes: 4_096 * sum(map(len, processes)),
            "wrong for 4 of 7 servers. The first, 3 processes that share",
        ),
        (lambda processes: 4_096 * max(map(len, processes), default=0), "2 processes that share nothing"),
        (lambda processes: 4_096 * len(set.intersection(*processes)) if processes else 0, "share nothing"),
        (lambda processes: 4_096 * sum(map(len, processes)) / max(1, len(processes)), "share nothing"),
        (lambda processes: len(set().union(*processes)), "yours says 3 bytes; it is 12288 bytes"),
        (lambda processes: 1_024 * len(set().union(*processes)), "it is 12288 bytes"),
        (lambda processes: union(processes[:3]), "wrong for 1 of 7 servers. The first, 20 processes"),
        (lambda processes: union(processes) if processes else None, "no process: yours says None"),
        (lambda processes: float("nan"), "yours says nan"),
        (lambda processes: "12 kB", "yours says '12 kB'"),
        (lambda processes: True, "yours says True"),
        (lambda processes: processes[0][0], "yours fails (TypeError"),
        (lambda processes: set.union(*processes) and union(processes), "no process: yours fails (TypeError"),
        (lambda: 0, "yours fails (TypeError"),
        (None, "None is no function"),
        (12, "12 is no function"),
    ],
)
def test_what_is_still_wrong_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], flawed: Any, because: str
) -> None:
    told = said(capsys, exercises.check_the_lie, flawed)
    assert told.startswith("Not") and because in told and told.count("\n") == 1


@pytest.mark.process
def test_what_the_lie_is_worth_is_measured_now() -> None:
    assert exercises.worth().startswith("On this machine ")


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        (Memory(3e7, 2.1e8, PSS, 11), "prefork with 11 processes takes 30 MB, a shared page divided among them (PSS)"),
        (Memory(3e7, 2.1e8, "USS", 11), "without shared pages (USS); the sum of RSS is 7.0 times that."),
        (Memory(float("nan"), float("nan"), PSS, 11), "does not tell"),
    ],
)
@pytest.mark.process
@pytest.mark.skipif(PREFORK not in HERE, reason="this system cannot fork")
def test_how_memory_was_counted_is_said(monkeypatch: pytest.MonkeyPatch, memory: Memory, told: str) -> None:
    monkeypatch.setattr(exercises, "memory_of", lambda pids: memory)
    assert told in exercises.worth()


def test_the_loop_is_where_the_exercise_begins() -> None:
    assert heavy_request.lab().check({})["architecture"] == LOOP
