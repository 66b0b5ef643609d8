"""The set-up: what it refuses in one sentence, and what `make lab` must not weaken."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def fake_python(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def set_up(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(REPOSITORY / "setup.sh", folder)
    env = {"PATH": f"{folder}:/usr/bin:/bin", **environment}
    return subprocess.run(["sh", "setup.sh", ".venv"], cwd=folder, env=env, capture_output=True, text=True)


def test_an_old_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        fake_python(tmp_path, name, "exit 1")
    done = set_up(tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_a_python_without_venv_is_refused_in_one_sentence(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = set_up(tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lacks the venv module" in done.stderr


def recipe(target: str) -> str:
    command = ["make", "-n", "-B", target]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def test_the_lab_keeps_jupyters_token_and_stays_on_this_machine() -> None:
    lab = recipe("lab")
    assert "00-start-here.ipynb" in lab
    for weak in ("token", "password", "--ip", "0.0.0.0", "disable_check_xsrf", "allow_origin", "allow-root"):
        assert weak not in lab


def test_dependencies_are_installed_by_hash() -> None:
    script = (REPOSITORY / "setup.sh").read_text()
    assert script.count("--require-hashes -r requirements.lock") == 2


def test_a_set_up_that_is_up_to_date_is_not_repeated() -> None:
    if not (REPOSITORY / ".venv" / ".ready").exists():
        pytest.skip("this checkout was not set up with make")
    command = ["make", "-n", "test"]
    env = {**os.environ, "MAKEFLAGS": ""}
    assert "setup.sh" not in subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True).stdout
