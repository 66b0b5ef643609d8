"""One measurement at a time on the machine, for all its users, and never a wait for a lock that cannot be had."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from perflab.lab import file_lock, run_lock
from perflab.lab.file_lock import open_shared, try_lock
from perflab.lab.run_lock import VARIABLE, RunLock, lock_paths

HOLD = """
import sys
from pathlib import Path
from perflab.lab.run_lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""
needs_flock = pytest.mark.skipif(os.name == "nt", reason="Windows locks in another way")


def test_only_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    assert first.try_acquire()
    assert first.try_acquire(), "asking again while holding it is fine"
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


def test_kernels_get_the_lock_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    holder, *waiting = (RunLock(tmp_path / "lock") for _ in range(4))
    assert holder.try_acquire()
    for ahead, lock in enumerate(waiting, 1):
        assert not lock.try_acquire()
        assert lock.ahead == ahead
    holder.release()
    assert not holder.try_acquire(), "who was served waits behind those who came meanwhile"
    assert not waiting[1].try_acquire()
    assert [waiting[1].ahead, holder.ahead] == [2, 4]
    assert waiting[0].try_acquire()
    waiting[2].release()  # waits no longer
    waiting[0].release()
    assert not holder.try_acquire()
    assert waiting[1].try_acquire()


@needs_flock
def test_a_process_that_was_forked_meanwhile_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock, other = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    assert lock.try_acquire()
    assert lock._file is not None
    inherited = os.dup(lock._file)  # what a fork does to every open file
    lock.release()
    assert other.try_acquire()
    other.release()
    os.close(inherited)


def test_those_far_behind_ask_less_often(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "lock")
    polls = []
    for lock.ahead in (0, 1, 5, 100):
        polls.append(lock.poll_s)
    assert polls == [0.1, 0.1, 0.5, 1.0]


@pytest.mark.process
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"True"
        mine = RunLock(path)
        assert not mine.try_acquire()
        other.kill()
        other.wait()
        assert mine.try_acquire()
        mine.release()


def test_a_folder_that_cannot_be_written_does_not_stop_measuring(tmp_path: Path) -> None:
    assert RunLock(tmp_path / "missing" / "lock").try_acquire()


@needs_flock
@pytest.mark.parametrize("code", ["ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL", "EIO", "EBADF"])
def test_a_file_system_without_locks_is_not_taken_for_a_lock_that_is_held(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(getattr(errno, code), "no locks here")

    monkeypatch.setattr(file_lock.fcntl, "flock", flock)
    lock = RunLock(tmp_path / "lock")
    assert lock.try_acquire()
    assert lock.try_acquire()
    lock.release()
    assert lock.try_acquire()


@needs_flock
@pytest.mark.parametrize("code", ["EWOULDBLOCK", "EAGAIN", "EACCES"])
def test_each_way_to_say_that_it_is_held_is_understood(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(getattr(errno, code), "held")

    monkeypatch.setattr(file_lock.fcntl, "flock", flock)
    lock = RunLock(tmp_path / "lock")
    assert not lock.try_acquire()
    assert lock.ahead == 1


@needs_flock
def test_where_the_machines_file_takes_no_lock_this_users_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    flock = file_lock.fcntl.flock

    def none_on_shared(descriptor: int, how: int) -> None:
        if shared.exists() and os.path.sameopenfile(descriptor, probe):
            raise OSError(errno.ENOLCK, "no locks here")
        flock(descriptor, how)

    probe = open_shared(shared)
    monkeypatch.setattr(file_lock.fcntl, "flock", none_on_shared)
    first, second = RunLock(shared, own), RunLock(shared, own)
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    os.close(probe)


def test_an_administrator_names_the_file_and_the_machine_has_one_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "ours"))
    assert lock_paths()[0] == tmp_path / "ours"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(run_lock.tempfile, "gettempdir", lambda: str(tmp_path))
    shared, own = lock_paths()
    assert own.parent == tmp_path
    assert shared == (Path("/tmp") if Path("/tmp").is_dir() else tmp_path) / "perflab.lock"


@needs_flock
def test_every_user_may_lock_the_file_whatever_the_umask_of_the_first(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        os.close(open_shared(tmp_path / "lock"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o666


@needs_flock
def test_a_file_of_another_user_that_may_only_be_read_is_locked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lock").touch()
    opened = os.open

    def refuse_writing(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "not yours")
        return opened(path, flags, *mode)

    monkeypatch.setattr(file_lock.os, "open", refuse_writing)
    first, second = (open_shared(tmp_path / "lock") for _ in range(2))
    assert try_lock(first)
    assert not try_lock(second)
    os.close(first)
    os.close(second)


@needs_flock
def test_a_link_that_another_user_has_put_there_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "somebody's file")
    assert RunLock(tmp_path / "lock").try_acquire(), "without a lock"
    assert not (tmp_path / "somebody's file").exists()
