"""Imports go one way. The contracts hold, and each of them trips on the import that it forbids."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

REPOSITORY = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, 'src'); {LINT}", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_all_contracts_are_kept() -> None:
    done = lint(REPOSITORY)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("lab", "perflab.chapters"),
        ("measure", "perflab.lab"),
        ("systems", "perflab.lab"),
        ("theory", "perflab.measure"),
        ("theory", "perflab.map"),
        ("measure", "ipywidgets"),
        ("systems", "matplotlib"),
        ("theory", "IPython"),
    ],
)
def test_a_forbidden_import_is_found(copied: Path, importer: str, imported: str) -> None:
    (copied / "src" / "perflab" / importer / "trespasser.py").write_text(f"import {imported}\n")
    done = lint(copied)
    assert done.returncode != 0, done.stdout
    assert f"perflab.{importer}.trespasser -> {imported}" in done.stdout


@pytest.mark.parametrize(("low", "high"), [("record", "session"), ("conductor", "session")])
def test_a_circle_inside_the_lab_is_found(copied: Path, low: str, high: str) -> None:
    with (copied / "src" / "perflab" / "lab" / f"{low}.py").open("a") as file:
        file.write(f"import perflab.lab.{high}\n")
    done = lint(copied)
    assert done.returncode != 0, done.stdout
    assert "No file of the lab depends on itself in a circle BROKEN" in done.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [("servers", "clients"), ("http", "servers"), ("process", "http"), ("machine", "databases")],
)
def test_an_import_upwards_inside_systems_is_found(copied: Path, importer: str, imported: str) -> None:
    module = copied / "src" / "perflab" / "systems" / importer / "trespasser.py"
    module.write_text(f"import perflab.systems.{imported}\n")
    done = lint(copied)
    assert done.returncode != 0, done.stdout
    assert f"perflab.systems.{importer}.trespasser -> perflab.systems.{imported}" in done.stdout


def test_a_folder_of_systems_that_no_layer_names_is_found(copied: Path) -> None:
    folder = copied / "src" / "perflab" / "systems" / "extension"
    folder.mkdir()
    (folder / "__init__.py").touch()
    assert lint(copied).returncode != 0


AS_ON_WINDOWS = """
import asyncio, importlib, pkgutil, sys
import psutil
import perflab.chapters, perflab.lab.file_lock

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "grp", "pwd"):
            raise ImportError(f"there is no {name}")

for name in ("fcntl", "grp", "pwd"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
for found in pkgutil.walk_packages(perflab.chapters.__path__, "perflab.chapters."):
    importlib.import_module(found.name)
"""


def test_every_chapter_can_be_imported_where_the_modules_of_posix_are_missing() -> None:
    done = subprocess.run([sys.executable, "-c", AS_ON_WINDOWS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
