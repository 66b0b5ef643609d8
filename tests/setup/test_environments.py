"""pip, conda and Binder get the same things, and Binder reads what we mean it to read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import grimp
import pytest
import yaml
from packaging.requirements import Requirement

from perflab.systems.servers.real.servers import NODE, SERVERS

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
RUN = {Requirement(text).name: Requirement(text) for text in PROJECT["project"]["dependencies"]}
BUILD = {Requirement(text).name: Requirement(text) for text in PROJECT["dependency-groups"]["build"]}
UNSPECIFIED = "Python version unspecified"
needs_unix = pytest.mark.skipif(os.name == "nt", reason="repo2docker is not for Windows")
CONDA_NAMES = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base"}


def test_the_build_backend_is_the_same_everywhere() -> None:
    """The package is installed without build isolation, so each environment must bring the backend itself."""
    (backend,) = (Requirement(text) for text in PROJECT["build-system"]["requires"])
    assert {backend.name: backend} == BUILD
    assert Requirement(conda()[backend.name]) == backend


def conda() -> dict[str, str]:
    plain = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    assert all(isinstance(item, str) for item in plain)
    return {re.split(r"[=<>]", item)[0]: item for item in plain}


@pytest.mark.parametrize("name", RUN)
def test_conda_gets_the_same_ranges(name: str) -> None:
    conda_name = CONDA_NAMES.get(name, name)
    item = conda()[conda_name]
    assert Requirement(item).specifier == RUN[name].specifier


def test_conda_gets_nothing_else() -> None:
    others = {"python", "pip", "hatchling"}
    assert set(conda()) - {CONDA_NAMES.get(name, name) for name in RUN} == others


def test_python_is_named_the_way_binder_reads_it() -> None:
    assert conda()["python"] == "python=3.12"


def test_binder_reads_the_same_environment() -> None:
    assert (REPOSITORY / "binder" / "environment.yml").read_text() == (REPOSITORY / "environment.yml").read_text()


def test_post_build_stops_at_errors_and_can_be_run() -> None:
    post_build = REPOSITORY / "binder" / "postBuild"
    assert os.access(post_build, os.X_OK)
    text = post_build.read_text()
    assert "set -euo pipefail" in text
    assert re.search(r"pip install .*--no-deps.*-e \.", text)


def apt_packages() -> list[str]:
    lines = (REPOSITORY / "binder" / "apt.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_binder_installs_what_the_hints_name_apart_from_node_which_is_there() -> None:
    assert {*apt_packages(), NODE.packages.apt} == {server.packages.apt for server in SERVERS}


def test_a_notebook_measures_each_of_them() -> None:
    graph = grimp.build_graph("perflab", cache_dir=None)
    graph.remove_module("perflab.systems.servers.real.servers")  # the list of them all: shown, not measured
    for server in SERVERS:
        assert graph.find_shortest_chain("perflab.chapters", server.module, as_packages=True), server.name


def dry_run(folder: Path) -> str:
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown[-2_000:]
    return shown


@pytest.mark.process
@needs_unix
def test_repo2docker_would_build_just_this() -> None:
    shown = dry_run(REPOSITORY)
    assert "binder/environment.yml" in shown
    assert "RUN ./binder/postBuild" in shown
    for package in apt_packages():
        assert package in shown
    assert UNSPECIFIED not in shown


@pytest.mark.process
@needs_unix
def test_a_range_for_python_would_be_noticed(tmp_path: Path) -> None:
    text = (REPOSITORY / "environment.yml").read_text()
    (tmp_path / "environment.yml").write_text(text.replace("python=3.12", "python>=3.12"))
    assert UNSPECIFIED in dry_run(tmp_path)


def test_jupyterlab_asks_nobody_about_news_however_the_package_was_installed() -> None:
    from jupyterlab_server.settings_utils import _get_overrides  # takes 2 s: not while tests are collected

    overrides, error = _get_overrides(str(Path(sys.prefix) / SETTINGS))
    assert error == ""
    assert overrides[NEWS] == SILENT


SETTINGS = "share/jupyter/lab/settings"
NEWS, SILENT = "@jupyterlab/apputils-extension:notification", {"fetchNews": "false", "checkForUpdates": False}


@pytest.mark.process
def test_what_post_build_installs_puts_the_answer_into_the_prefix_of_any_environment(tmp_path: Path) -> None:
    """Binder's is conda's. pip takes what stands under `data` there."""
    build = "import hatchling.build, sys; print(hatchling.build.build_editable(sys.argv[1]))"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (name,) = (
            name for name in files.namelist() if name.endswith(f".data/data/{SETTINGS}/overrides.d/perflab.json")
        )
        assert json.loads(files.read(name))[NEWS] == SILENT
