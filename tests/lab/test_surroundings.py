"""An experiment's working folder, search path and modules are those of the notebook."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edited import Edited

from perflab.lab.sources import is_installed
from perflab.lab.surroundings import Surroundings, surroundings


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path, finders, folder = list(sys.path), list(sys.meta_path), Path.cwd()
    yield
    sys.path[:], sys.meta_path[:] = path, finders
    os.chdir(folder)


def test_the_worker_goes_where_the_notebook_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    told = surroundings()
    os.chdir("/")
    told.enter()
    assert Path.cwd() == tmp_path
    assert str(tmp_path) in sys.path


def test_installed_modules_are_found_before_those_of_the_notebooks_folder(tmp_path: Path) -> None:
    Surroundings(path=[str(tmp_path), *sys.path]).enter()
    installed = [is_installed(folder) for folder in sys.path]
    assert installed == sorted(installed, reverse=True)
    assert sys.path.index(str(tmp_path)) == installed.index(False)


def test_a_module_that_the_notebook_has_loaded_is_found_in_its_file_whatever_else_has_its_name(
    edited: Edited, tmp_path: Path
) -> None:
    edited.module("WHERE = 'beside the notebook'")
    told = surroundings()
    other = tmp_path / "other"
    other.mkdir()
    (other / edited.path.name).write_text("WHERE = 'elsewhere'")
    edited.forget()
    Surroundings(path=[str(other), *sys.path], sources=told.sources).enter()
    assert importlib.import_module(edited.name).WHERE == "beside the notebook"


def test_a_package_is_found_with_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "learners_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("VALUE = 5")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("learners_package")
    told = surroundings()
    del sys.modules["learners_package"]
    Surroundings(path=[folder for folder in sys.path if folder != str(tmp_path)], sources=told.sources).enter()
    assert importlib.import_module("learners_package.inner").VALUE == 5
    for name in ("learners_package", "learners_package.inner"):
        del sys.modules[name]


def test_a_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    here = Path.cwd()
    Surroundings(folder=str(tmp_path / "gone")).enter()
    assert Path.cwd() == here


def test_entering_again_puts_the_new_modules_in_the_place_of_the_old() -> None:
    finders = len(sys.meta_path)
    for _ in range(3):
        Surroundings().enter()
    assert len(sys.meta_path) == finders + 1
