"""A clone works whatever Git is told about line ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        shutil.which("git") is None or not (REPOSITORY / ".git").exists(), reason="this is no Git clone"
    ),
]


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.eol=crlf"])
def test_a_clone_has_unix_line_ends(setting: str, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--config", setting, "--depth=1", REPOSITORY.as_uri(), "clone")
    shutil.copy(REPOSITORY / ".gitattributes", tmp_path / "clone")
    git(tmp_path / "clone", "rm", "--quiet", "--cached", "-r", ".")
    git(tmp_path / "clone", "reset", "--quiet", "--hard")
    ends = git(tmp_path / "clone", "ls-files", "--eol").splitlines()
    assert len(ends) > 100
    assert [line for line in ends if "w/crlf" in line or "w/mixed" in line] == []


def test_without_our_attributes_the_line_ends_would_change(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "config", "core.autocrlf", "true")
    (tmp_path / "setup.sh").write_text("#!/bin/sh\necho\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "one")
    (tmp_path / "setup.sh").unlink()
    git(tmp_path, "checkout", "--quiet", ".")
    assert b"\r\n" in (tmp_path / "setup.sh").read_bytes()


def test_a_checkout_that_may_only_be_read_runs_its_tests() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-o", "cache_dir=/dev/null/cache", "tests/measure/test_told.py"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
