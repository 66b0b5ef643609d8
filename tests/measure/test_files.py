"""Open files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perflab.measure.files import allow_files

pytestmark = [
    pytest.mark.clock,
    pytest.mark.skipif(sys.platform == "win32", reason="there the system counts files otherwise"),
]

LOAD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
sys.path.insert(0, {support!r})
from labs import find_labs, measure
print(sum(measure(find_labs()["highway.same_road"](), 0.3).counts.values()))
"""


def run(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    support = next(path for path in sys.path if path.endswith("support"))
    code = LOAD.format(soft=soft, hard=hard, support=support)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_a_load_needs_more_files_than_macos_allows_unasked_and_asks_for_them() -> None:
    done = run(256, 4_096)
    assert done.returncode == 0, done.stderr[-1_000:]
    assert int(done.stdout) > 0


def test_asking_twice_changes_nothing_more() -> None:
    assert allow_files() == allow_files()


def test_where_the_system_allows_no_more_it_is_said_in_words() -> None:
    last = run(128, 128).stderr.strip().splitlines()[-1]
    assert "BadInput" in last and "at most 128 files" in last
