"""A Python process of ours: undisturbed by the working folder's files and by what is printed at any time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perflab.interpreter import _python_path, import_folders, start_python, working_folder

HELLO = """
import queue, sys
from perflab.interpreter import open_channel
print("printed by the program", sys.argv[1])
with open_channel(sys.argv[2]) as channel:
    channel.write(queue.__file__.encode() + b"\\n" + sys.stdin.buffer.read())
"""
TAKEN = ("queue", "random", "numpy", "perflab", "threading", "socket", "json", "runpy", "os", "statistics")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a kernel, which has it first on its search path."""
    (tmp_path / "hello.py").write_text(HELLO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    return tmp_path


def said_by(module: str) -> tuple[str, str]:
    """What the program wrote to its channel, and its log."""
    process, channel = start_python(module, "argument", has_log=True)
    with process, channel:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"asked")
        process.stdin.close()
        return channel.read().decode(), process.stdout.read().decode()


@pytest.mark.process
def test_what_a_program_says_and_what_it_prints_go_different_ways(folder: Path) -> None:
    said, log = said_by("hello")
    assert said == f"{sys.modules['queue'].__file__}\nasked"
    assert log.strip() == "printed by the program argument"


@pytest.mark.process
def test_a_customised_start_up_that_prints_disturbs_nothing(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text("print('printed at start-up')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    said, log = said_by("hello")
    assert said.endswith("\nasked")
    assert log.splitlines()[0] == "printed at start-up"


@pytest.mark.process
@pytest.mark.parametrize("in_environment", ["", os.curdir, "the folder"])
def test_files_beside_the_notebook_take_no_modules_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, in_environment: str
) -> None:
    for name in TAKEN:
        (folder / f"{name}.py").write_text("raise RuntimeError(__file__)")
    named = str(folder) if in_environment == "the folder" else in_environment
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([named, os.environ.get("PYTHONPATH", "")]))
    said, _ = said_by("hello")
    assert said == f"{sys.modules['queue'].__file__}\nasked"


@pytest.mark.process
def test_what_the_program_starts_does_not_hold_its_channel(folder: Path) -> None:
    sleeping = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], close_fds=False)"
    (folder / "starts.py").write_text(
        f"import subprocess, sys\nfrom perflab.interpreter import open_channel\nchannel = open_channel(sys.argv[1])\n"
        f"child = {sleeping}\nchannel.write(b'%d' % child.pid)"
    )
    process, channel = start_python("starts")
    with process, channel:
        pid = int(channel.read())
    os.kill(pid, 9)


def test_a_process_that_cannot_be_started_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    before = os.dup(0)
    os.close(before)
    with pytest.raises(BlockingIOError):
        start_python("any")
    after = os.dup(0)
    os.close(after)
    assert after == before


def test_the_working_folder_is_named_as_it_is_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", None, "library", "", *sys.path])
    folders = import_folders()
    assert folders[:2] == [str(folder), str(folder / "library")]
    assert len(set(folders)) == len(folders) and all(map(os.path.isabs, folders))


def test_a_working_folder_that_was_removed_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    assert working_folder() == ""
    assert "" not in import_folders() and str(folder) not in import_folders()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/absolute", "relative", ""]))
    assert _python_path() == "/absolute"
