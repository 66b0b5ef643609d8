"""The set-up: what it refuses in one sentence, and what `make lab` must not weaken."""

from __future__ import annotations

import json
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from listening import wait_until_it_listens

REPOSITORY = Path(__file__).parents[2]
SHELL = shutil.which("sh") or "sh"
pytestmark = [pytest.mark.process, pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")]


def fake_python(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def set_up(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(REPOSITORY / "setup.sh", folder)
    env = {"PATH": str(folder), **environment}  # no uv, no other Python
    command = [SHELL, "setup.sh", ".venv", "requirements.lock"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


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


def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "exit 0")
    (tmp_path / ".venv").write_text("as good as a read-only folder")
    done = set_up(tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "make lab VENV=$HOME/perflab-venv" in done.stderr


# A stand-in for Python whose environment has a pip that fails as long as the file `broken` is there, and whose
# `venv` breaks off before it has brought pip as long as the file `cut_off` is there.
FAKE = """case "$*" in
"-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && [ ! -e cut_off ] && touch .venv/pip ;;
"-m pip --version") [ -e .venv/pip ] ;;
"-m pip "*uninstall*) [ -e .venv/pip ] ;;
"-m pip "*) [ -e .venv/pip ] && echo "$*" >> installed && env > environment && /bin/sleep 0.1 && [ ! -e broken ] ;;
esac"""


def made(folder: Path, stamp: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{folder}:/usr/bin:/bin", **environment}
    command = ["make", *options, f".venv/{stamp}"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture
def fresh_clone(tmp_path: Path) -> Path:
    """What the set-up reads, and a fake Python that writes down what it is asked to install."""
    for name in ("Makefile", "setup.sh", "pyproject.toml", "requirements.lock", "requirements-test.lock"):
        shutil.copy(REPOSITORY / name, tmp_path)
    fake_python(tmp_path, "python3", FAKE)
    return tmp_path


def installed(folder: Path) -> list[str]:
    """The locks that were installed, in order; each is followed by this package."""
    steps = re.findall(r"(?m)install .*$", (folder / "installed").read_text())
    assert all("--no-deps" in step and step.endswith("-e .") for step in steps[1::2])
    assert all("--require-hashes" in step for step in steps[::2])
    return [step.split()[-1] for step in steps[::2]]


uses_the_fake = pytest.mark.skipif(
    shutil.which("uv", path="/usr/bin:/bin") is not None, reason="uv would be used instead of the fake"
)


@uses_the_fake
@pytest.mark.parametrize(
    ("stamp", "lock"), [(".ready", "requirements.lock"), (".ready-test", "requirements-test.lock")]
)
def test_a_set_up_that_broke_off_is_done_again_and_a_finished_one_is_not(
    fresh_clone: Path, stamp: str, lock: str
) -> None:
    for fault in ("cut_off", "broken"):
        (fresh_clone / fault).touch()
        assert made(fresh_clone, stamp).returncode != 0
        assert not list((fresh_clone / ".venv").glob(".ready*"))
        (fresh_clone / fault).unlink()
    (fresh_clone / "installed").unlink()

    assert made(fresh_clone, stamp).returncode == 0
    assert "up to date" in made(fresh_clone, stamp).stdout
    assert installed(fresh_clone) == [lock]


@uses_the_fake
def test_the_packages_for_tests_come_on_top_of_the_learners(fresh_clone: Path) -> None:
    assert made(fresh_clone, ".ready").returncode == 0
    assert made(fresh_clone, ".ready-test").returncode == 0
    assert installed(fresh_clone) == ["requirements.lock", "requirements-test.lock"]
    assert "up to date" in made(fresh_clone, ".ready").stdout


@uses_the_fake
def test_after_the_tests_the_lab_needs_no_set_up(fresh_clone: Path) -> None:
    assert made(fresh_clone, ".ready-test").returncode == 0
    assert "up to date" in made(fresh_clone, ".ready").stdout
    assert installed(fresh_clone) == ["requirements-test.lock"]


@uses_the_fake
@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("requirements.lock", [".ready"]),
        ("requirements-test.lock", [".ready-test"]),
        ("pyproject.toml", [".ready", ".ready-test"]),
        ("setup.sh", [".ready", ".ready-test"]),
    ],
)
def test_a_change_is_followed_by_the_set_up_that_reads_it(fresh_clone: Path, changed: str, again: list[str]) -> None:
    made(fresh_clone, ".ready-test")
    later = (fresh_clone / ".venv" / ".ready-test").stat().st_mtime + 1
    os.utime(fresh_clone / changed, (later, later))
    outdated = [name for name in (".ready", ".ready-test") if "up to date" not in made(fresh_clone, name, "-n").stdout]
    assert outdated == again


@uses_the_fake
def test_what_a_user_has_set_for_pip_and_python_elsewhere_does_not_count_here(fresh_clone: Path) -> None:
    theirs = {"PIP_USER": "1", "PIP_TARGET": "/elsewhere", "PIP_PREFIX": "/elsewhere", "PIP_NO_DEPS": "1"}
    theirs |= {
        "PIP_NO_BINARY": ":all:",
        "PYTHONPATH": "/elsewhere",
        "PYTHONHOME": "/elsewhere",
        "PIP_INDEX_URL": "a mirror",
    }
    assert made(fresh_clone, ".ready", **theirs).returncode == 0
    seen = dict(line.partition("=")[::2] for line in (fresh_clone / "environment").read_text().splitlines())
    kept = {name: seen[name] for name in theirs if name in seen}
    assert kept == {"PIP_USER": "0", "PIP_INDEX_URL": "a mirror"}, "a mirror may be the only way out"


@uses_the_fake
def test_the_set_up_says_what_it_does_and_is_never_silent_for_long(fresh_clone: Path) -> None:
    fake_python(fresh_clone, "sleep", "exec /bin/sleep 0.03")  # ten seconds pass quickly here, and pip takes 30
    said = made(fresh_clone, ".ready").stdout
    steps = ["Setting up .venv", "1. The environment", "2. the packages of requirements.lock", "3. perflab", "Done."]
    assert [said.find(step) for step in steps] == sorted(said.find(step) for step in steps)
    assert -1 not in [said.find(step) for step in steps]
    assert "at work for 10 s" in said


def recipe(target: str) -> str:
    """What make would do, also when these tests were themselves started by make."""
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "-n", "-B", target]
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=True).stdout


def test_the_lab_keeps_jupyters_token_and_stays_on_this_machine() -> None:
    lab = (REPOSITORY / "lab.sh").read_text()
    assert "00-start-here.ipynb" in lab
    for weak in ("token", "password", "--ip", "0.0.0.0", "disable_check_xsrf", "allow_origin"):
        assert weak not in lab


@pytest.fixture
def opening(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `lab.sh` for a user with this number, with a JupyterLab that says how it was called."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    fake_python(tmp_path / ".venv" / "bin", "jupyter", 'echo "started $*"; echo "looks in $JUPYTER_PATH"')
    script = (REPOSITORY / "lab.sh").read_text()
    assert script.count("[ -e /.dockerenv ] || [ -e /run/.containerenv ]") == 1
    # These tests may run in a container themselves.
    (tmp_path / "lab.sh").write_text(
        script.replace("-e /.dockerenv", "-e no").replace("-e /run/.containerenv", "-e no")
    )

    def run(user: int, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        fake_python(tmp_path, "id", f"echo {user}")
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin", **environment}
        command = [SHELL, "lab.sh", ".venv", *options]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    return run


def test_an_ordinary_user_gets_the_lab_without_a_word_on_root(opening: Callable[..., Any]) -> None:
    done = opening(1000, "--no-browser", container="docker")
    assert done.returncode == 0
    started, _ = done.stdout.splitlines()
    assert started.endswith("--no-browser")
    assert "--allow-root" not in started


def test_root_is_told_what_to_do(opening: Callable[..., Any]) -> None:
    done = opening(0)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "su - NAME" in done.stderr
    assert "make lab ROOT=yes" in done.stderr


@pytest.mark.parametrize("mark", [{"container": "podman"}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {"ROOT": "yes"}])
def test_root_in_a_container_or_by_its_own_word_gets_the_lab_and_one_sentence(
    mark: dict[str, str], opening: Callable[..., Any]
) -> None:
    done = opening(0, **mark)
    assert done.returncode == 0
    said, started, _ = done.stdout.splitlines()
    assert "You are root" in said
    assert "--allow-root" in started


def test_our_kernels_come_before_those_of_a_user_or_a_module_system(
    opening: Callable[..., Any], tmp_path: Path
) -> None:
    ours = f"{tmp_path / '.venv' / 'share' / 'jupyter'}"
    assert opening(1000).stdout.splitlines()[-1] == f"looks in {ours}"
    assert opening(1000, JUPYTER_PATH="/opt/theirs").stdout.splitlines()[-1] == f"looks in {ours}:/opt/theirs"


def test_dependencies_are_installed_by_hash() -> None:
    script = (REPOSITORY / "setup.sh").read_text()
    assert script.count('--require-hashes -r "$lock"') == 2


VERBS = {
    "lab": ["lab.sh .venv"],
    "test": ["pytest -n 4", '-m "not clock"', "--dist loadscope", "-m clock"],
    "unit": ["pytest -n auto", '-m "not process and not clock and not long"', "tests"],
    "check": ["ruff check .", "ruff format --check .", "mypy src", "lint-imports"],
    "site": ["PERFLAB_REHEARSE=5", "nbconvert --to html --execute", "--output-dir site"],
    "links": ["docs/links.py"],
    "fix": ["ruff check --fix .", "ruff format ."],
    "bench": ["tests/bench"],
    "pictures": ["tests/browser/pictures.py"],
    "lock": ["-o requirements.lock", "--constraint requirements.lock -o requirements-test.lock"],
    "clean": ["rm -rf .venv"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_does_what_it_is_for(verb: str) -> None:
    assert [part for part in VERBS[verb] if part not in recipe(verb)] == []


def test_no_verb_is_forgotten_here_or_shadowed_by_a_file() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^([a-z]+):", makefile))
    phony = re.search(r"(?m)^\.PHONY: (.*)$", makefile)
    assert phony
    assert targets == set(phony[1].split()) == set(VERBS)


@pytest.mark.parametrize("guide", ["README.md", "CONTRIBUTING.md"])
def test_each_verb_in_a_guide_exists(guide: str) -> None:
    named = set(re.findall(r"(?m)(?:`|^)make ([a-z]+)", (REPOSITORY / guide).read_text()))
    assert named
    assert named <= set(VERBS)


def test_the_lab_installs_no_packages_for_tests_and_every_other_verb_has_them() -> None:
    assert set_ups("lab") == ["requirements.lock"]
    for verb in set(VERBS) - {"lab", "site", "links", "lock", "clean"}:
        assert set_ups(verb) == ["requirements-test.lock"]


def set_ups(verb: str) -> list[str]:
    return re.findall(r"setup\.sh \.venv (\S+)", recipe(verb))


def test_at_most_four_tests_on_the_real_clock_run_at_a_time_and_those_of_a_lab_in_one_process() -> None:
    words = shlex.split(recipe("test").splitlines()[-1])
    assert words[words.index("-n") + 1] == "4" and words[words.index("--dist") + 1] == "loadscope"


def test_the_running_lab_listens_on_loopback_alone_asks_for_its_token_and_has_our_kernel(tmp_path: Path) -> None:
    command = [SHELL, "lab.sh", sys.prefix, "--no-browser", "--ServerApp.port=0"]
    home = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    # As in a checkout that belongs to somebody else, with kernels of the user's and of a module system.
    foreign = {"JUPYTER_PREFER_ENV_PATH": "0", "JUPYTER_PATH": str(tmp_path / "modules"), "ROOT": "yes"}
    for folder in ("JUPYTER_DATA_DIR", "modules"):
        spec = tmp_path / folder / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({"argv": ["/another/python"], "display_name": "Python 3", "language": "python"}))
    log = tmp_path / "log"
    with log.open("w") as stream:
        env = {**os.environ, **home, **foreign}
        server = subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=stream, stderr=stream)
    try:
        address, token = announced(log)
        wait_until_it_listens(address)
        assert len(token) >= 32
        listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1"}
        assert answer(f"{address}/api/contents") == 403
        assert answer(f"{address}/api/contents?token={token}") == 200
        with urllib.request.urlopen(f"{address}/api/kernelspecs?token={token}", timeout=10) as response:
            kernels = json.load(response)["kernelspecs"]
        assert kernels["python3"]["spec"]["argv"][0] != "/another/python"
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


def test_what_python_compiles_is_kept_whatever_the_shell_says(tmp_path: Path) -> None:
    probe = tmp_path / "probe.mk"
    probe.write_text("probe:\n\t@echo kept$$PYTHONDONTWRITEBYTECODE\n")
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    said = {}
    for makefiles in ((str(probe),), ("Makefile", str(probe))):
        command = ["make", *(f"--file={name}" for name in makefiles), "probe"]
        done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=True)
        said[makefiles[0]] = done.stdout.strip()
    assert said == {str(probe): "kept1", "Makefile": "kept"}
