from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from perflab.systems.process import private_folder as module
from perflab.systems.process.private_folder import PREFIX, SHORT_FOLDER, private_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only")


@pytest.fixture
def above(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "MAX_BYTES", 1_000)
    return tmp_path


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_it_is_this_users_alone(above: Path) -> None:
    folder = private_folder(for_others=False)
    assert folder.parent == above and mode(folder) == 0o700


def test_where_a_path_would_be_too_long_for_a_socket_it_is_elsewhere(
    above: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(str(above)) - 1)
    folder = private_folder(for_others=False)
    shutil.rmtree(folder)
    assert folder.parent == SHORT_FOLDER


def test_others_who_are_to_enter_it_can(above: Path) -> None:
    above.chmod(0o700)
    folder = private_folder(for_others=True)
    shutil.rmtree(folder)
    assert folder.parent == SHORT_FOLDER


def test_what_nobody_holds_any_more_is_removed_once_it_is_old(above: Path) -> None:
    held, old, new = private_folder(for_others=False), above / f"{PREFIX}old", above / f"{PREFIX}new"
    other = above / "other"
    for folder in (old, new, other):
        folder.mkdir()
    (old / "file").touch()
    for folder in (held, old, other):
        os.utime(folder, (0, 0))
    made = private_folder(for_others=False)
    assert {*above.iterdir()} == {held, new, other, made}


def test_its_lock_is_held_by_this_process(above: Path) -> None:
    folder = private_folder(for_others=False)
    descriptor = os.open(folder, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
