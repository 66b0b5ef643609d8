"""The labs of a chapter on one CPU and in 1 GB; labs that write, on a full disk. In processes of their own, so that limits can be
set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from labs import find_labs

Done = subprocess.CompletedProcess[str]
SUPPORT = Path(__file__).parents[1] / "support"
LABS = sorted(find_labs())
CHAPTERS = sorted({name.partition(".")[0] for name in LABS})
WRITERS = {
    "databases.lost_updates": {},
    "measuring_latency.stopwatch": {"operation": "append + fsync, 4 kB"},
    "measuring_latency.percentiles": {},
    "where_latency_comes_from.ladder": {"part": "storage"},
    "where_latency_comes_from.anatomy": {},
    "where_latency_comes_from.query": {"rows": 100_000},
    "where_latency_comes_from.api_cache": {},
    "where_latency_comes_from.make_it_fast": {},
    "measuring_throughput.batching": {"rate": 1_000},
    "raising_throughput.bottleneck": {"disk": 64},
    "raising_throughput.which_strategy": {},
    "trade_off.levers": {},
    "eviction_and_stampedes.what_to_evict": {},
    "eviction_and_stampedes.expiry": {},
    "eviction_and_stampedes.stampede": {},
    "caching_strategies.strategies": {},
    "caching_strategies.kill": {},
    "caching_strategies.which_cache": {},
    "databases.connections": {"kind": "durable commit"},
    "trade_off.switchboard": {},
    "trade_off.cheapest": {},
    "trade_off.advice": {},
    "databases.profiles": {},
    "databases.rows_or_columns": {},
}
FEW_BYTES = 12_000
MEASURE = """
import resource, sys
{limit}
sys.path.insert(0, {support!r})
from labs import constants_of, find_lab, measure
for name in {names!r}:
    lab = find_lab(name)()
    lab.model(lab.check({{}}), constants_of(lab))
    for seconds in (0.3, 3.0, 30.0):  # the first number of some labs comes late on one CPU
        frame = measure(lab, seconds, **{settings!r})
        number = sum(map(len, frame.samples.values()))
        if number:
            break
    print(number)
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are set the Linux way"),
]


def run(names: list[str], limit: str, folder: Path, **settings: object) -> Done:
    """These labs, one after the other."""
    code = MEASURE.format(limit=limit, support=str(SUPPORT), names=names, settings=settings)
    # Each thread of the C library reserves address space of its own, which is not memory in use.
    env = {**os.environ, "TMPDIR": str(folder), "MALLOC_ARENA_MAX": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120 * len(names)
    )


def small(cpu: int = 0) -> str:
    """That one CPU, and 1 GB."""
    return f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nresource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))"


@pytest.mark.parametrize("kind", ["threads", "event loop"])
def test_64_workers_that_compute_on_one_cpu_serve_some_requests(kind: str, tmp_path: Path) -> None:
    done = run(["measuring_throughput.workers"], small(), tmp_path, kind=kind, workers=64, computing=10)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert int(done.stdout) > 0


def test_more_processes_than_one_cpu_can_bear_are_refused_in_words(tmp_path: Path) -> None:
    done = run(["measuring_throughput.workers"], small(), tmp_path, kind="processes", workers=64)
    assert "workers must be" in done.stderr.strip().splitlines()[-1], done.stderr[-2_000:]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_all_labs_of_a_chapter_work_on_one_cpu_and_in_a_gigabyte_and_leave_nothing(
    chapter: str, tmp_path: Path
) -> None:
    names, cpus = [name for name in LABS if name.startswith(f"{chapter}.")], sorted(os.sched_getaffinity(0))
    # Several chapters are tested at a time, and not all on one CPU.
    done = run(names, small(cpus[CHAPTERS.index(chapter) % len(cpus)]), tmp_path)
    assert done.returncode == 0, done.stderr[-2_000:]
    numbers = dict(zip(names, map(int, done.stdout.split()), strict=True))
    assert numbers and min(numbers.values()) > 0, numbers
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_an_error_in_words_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({FEW_BYTES}, {FEW_BYTES}))"
    done = run([name], limit, tmp_path, **WRITERS[name])
    assert done.returncode != 0, "the disk was not full after all"
    last = done.stderr.strip().splitlines()[-1]
    assert any(word in last for word in ("disk", "File too large", "no room", "space")), done.stderr[-2_000:]
    assert list(tmp_path.iterdir()) == []


IN_MEMORY = Path("/dev/shm")


@pytest.mark.skipif(not os.access(IN_MEMORY, os.W_OK), reason="there is no file system in memory to write to")
@pytest.mark.parametrize("name", ["measuring_latency.stopwatch", "where_latency_comes_from.make_it_fast"])
def test_where_files_lie_in_memory_the_verdict_says_that_fsync_is_not_durable(name: str) -> None:
    tell = (
        "from perflab.lab.record import Record\n"
        "print(lab.verdict_of(Record('', lab.check({settings!r}), 1, '', frame), None))"
    )
    settings = WRITERS[name]
    code = MEASURE.format(limit="", support=str(SUPPORT), names=[name], settings=settings) + tell.format(
        settings=settings
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(IN_MEMORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "fsync is not durable here: /dev/shm is tmpfs" in done.stdout, done.stderr[-2_000:]


def test_the_list_of_writers_names_labs_that_are_there() -> None:
    assert set(WRITERS) <= set(LABS)
