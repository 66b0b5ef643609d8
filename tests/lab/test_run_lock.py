"""One measurement at a time on the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perflab.lab.run_lock import RunLock

HOLD = """
import sys
from pathlib import Path
from perflab.lab.run_lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""


def test_only_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    assert first.try_acquire()
    assert first.try_acquire(), "asking again while holding it is fine"
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


@pytest.mark.clock
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"True"
        assert not RunLock(path).try_acquire()
        other.kill()
        other.wait()
        mine = RunLock(path)
        assert mine.try_acquire()
        mine.release()


def test_a_folder_that_cannot_be_written_does_not_stop_measuring(tmp_path: Path) -> None:
    assert RunLock(tmp_path / "missing" / "lock").try_acquire()
