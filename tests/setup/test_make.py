"""The set-up: what it refuses in one sentence, and what `make lab` must not weaken."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from listening import wait_until_it_listens

REPOSITORY = Path(__file__).parents[2]
SHELL = shutil.which("sh") or "sh"
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def fake_python(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def set_up(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(REPOSITORY / "setup.sh", folder)
    env = {"PATH": str(folder), **environment}  # no uv, no other Python
    return subprocess.run([SHELL, "setup.sh", ".venv"], cwd=folder, env=env, capture_output=True, text=True)


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


# A stand-in for Python whose environment has a pip that fails as long as the file `broken` is there, and whose
# `venv` breaks off before it has brought pip as long as the file `cut_off` is there.
FAKE = """case "$*" in
"-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && [ ! -e cut_off ] && touch .venv/pip ;;
"-m pip --version") [ -e .venv/pip ] ;;
"-m pip "*) [ -e .venv/pip ] && echo "$*" >> installed && [ ! -e broken ] ;;
esac"""


def made(folder: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{folder}:/usr/bin:/bin"}
    command = ["make", ".venv/.ready"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.skipif(shutil.which("uv", path="/usr/bin:/bin") is not None, reason="uv would be used instead of the fake")
def test_a_set_up_that_broke_off_is_done_again_and_a_finished_one_is_not(tmp_path: Path) -> None:
    for name in ("Makefile", "setup.sh", "pyproject.toml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, tmp_path)
    fake_python(tmp_path, "python3", FAKE)
    for fault in ("cut_off", "broken"):
        (tmp_path / fault).touch()
        assert made(tmp_path).returncode != 0
        assert not (tmp_path / ".venv" / ".ready").exists()
        (tmp_path / fault).unlink()

    assert made(tmp_path).returncode == 0
    steps = (tmp_path / "installed").read_text().splitlines()
    assert "--require-hashes -r requirements.lock" in steps[-2]
    assert "--no-deps" in steps[-1]

    assert "up to date" in made(tmp_path).stdout
    assert (tmp_path / "installed").read_text().splitlines() == steps


def recipe(target: str) -> str:
    """What make would do, also when these tests were themselves started by make."""
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "-n", "-B", target]
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=True).stdout


def test_the_lab_keeps_jupyters_token_and_stays_on_this_machine() -> None:
    lab = recipe("lab")
    assert "00-start-here.ipynb" in lab
    for weak in ("token", "password", "--ip", "0.0.0.0", "disable_check_xsrf", "allow_origin", "allow-root"):
        assert weak not in lab


def test_dependencies_are_installed_by_hash() -> None:
    script = (REPOSITORY / "setup.sh").read_text()
    assert script.count("--require-hashes -r requirements.lock") == 2


def test_the_running_lab_listens_on_loopback_alone_and_asks_for_its_token(tmp_path: Path) -> None:
    command = [*shlex.split(recipe("lab").splitlines()[-1]), "--no-browser", "--allow-root", "--ServerApp.port=0"]
    command[0] = str(Path(sys.executable).parent / "jupyter")
    home = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    log = tmp_path / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, **home}, stdout=stream, stderr=stream)
    try:
        address, token = announced(log)
        wait_until_it_listens(address)
        assert len(token) >= 32
        listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1"}
        assert answer(f"{address}/api/contents") == 403
        assert answer(f"{address}/api/contents?token={token}") == 200
    finally:
        server.terminate()
        server.wait(20)


def announced(log: Path) -> tuple[str, str]:
    """Address and token as Jupyter prints them, as soon as it does."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/\S*\?token=(\w+)", log.read_text()):
            return found[1], found[2]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def answer(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
