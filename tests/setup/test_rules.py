"""Rules of the code base that no linter knows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted((REPOSITORY / "src").rglob("*.py"))
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
MAX_MODULE_LINES, MAX_LAB_LINES = 250, 200


def code_of(path: Path) -> str:
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


PYPLOT = r"import[^\n]*\b(pyplot|pylab)\b|\b(pyplot|pylab|plt)\.\w"
INTERACT = r"@\w*\.?interact|\binteract(ive|ive_output|_manual)?\(|import[^\n]*\binteract(ive|ive_output|_manual)?\b"
TALK = r"\bprint\(|\bimport logging\b|\bfrom logging\b|sys\.stdout"


def offenders(pattern: str, paths: list[Path]) -> list[str]:
    assert paths
    return [str(path) for path in paths if re.search(pattern, code_of(path))]


def test_pyplot_is_used_nowhere() -> None:
    assert offenders(PYPLOT, SOURCES + NOTEBOOKS) == []


def test_interact_is_used_nowhere() -> None:
    assert offenders(INTERACT, SOURCES + NOTEBOOKS) == []


def room(*names: str) -> list[Path]:
    """The modules in these rooms and their folders; a room without any is a rule that looks at nothing."""
    package = REPOSITORY / "src" / "perflab"
    rooms = [[path for path in SOURCES if path.is_relative_to(package / name)] for name in names]
    assert all(rooms), f"no modules in one of {names}"
    return [path for modules in rooms for path in modules]


def test_a_rule_for_a_room_that_is_not_there_fails() -> None:
    with pytest.raises(AssertionError, match="no modules"):
        room("measure", "moved_away")


def test_the_rules_look_into_folders_too() -> None:
    assert len({path.parent for path in room("systems")}) > 5


def test_measuring_neither_prints_nor_logs() -> None:
    assert offenders(TALK, room("measure")) == []


BESIDE_THE_LABS = {
    "from_empty": "what the model of the overload lab, a simulation, is checked against",
}


def test_each_formula_of_the_theory_has_a_use() -> None:
    theory = room("theory")
    outside = "\n".join(code_of(path) for path in [*SOURCES, *NOTEBOOKS] if path not in theory)
    unused = set()
    for path in theory:
        inside = "\n".join(code_of(other) for other in theory if other != path)
        public = re.findall(r"^(?:def|class) ([a-zA-Z]\w*)", code_of(path), re.MULTILINE)
        for name in public:
            used = rf"\b{name}\b"
            if (
                not re.search(used, outside)
                and not re.search(used, inside)
                and len(re.findall(used, code_of(path))) == 1
            ):
                unused.add(name)
    assert unused == set(BESIDE_THE_LABS)


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        (PYPLOT, "import matplotlib.pyplot as plt"),
        (PYPLOT, "from matplotlib import pyplot"),
        (INTERACT, "from ipywidgets import IntSlider, interact"),
        (INTERACT, "@widgets.interact"),
        (INTERACT, "widgets.interactive_output(f, {})"),
        (TALK, "for x in y: print(x)"),
        (TALK, "from logging import getLogger"),
    ],
)
def test_each_pattern_finds_what_it_forbids(pattern: str, code: str, tmp_path: Path) -> None:
    source, notebook = tmp_path / "bad.py", tmp_path / "bad.ipynb"
    source.write_text(code)
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [code]}]}))
    assert offenders(pattern, [source, notebook]) == [str(source), str(notebook)]


def test_no_module_has_a_name_that_says_nothing() -> None:
    idle = {"utils", "helpers", "common", "misc", "manager", "handler"}
    assert SOURCES
    assert [path for path in SOURCES if path.stem in idle] == []


@pytest.mark.long
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


def labs(paths: list[Path]) -> list[Path]:
    return [path for path in paths if re.search(r"(?m)^def lab\(", path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", labs(room("chapters")), ids=lambda path: path.stem)
def test_a_lab_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LAB_LINES


def test_there_are_labs_to_be_read() -> None:
    assert len(labs(room("chapters"))) > 15


def test_no_module_of_measure_systems_or_theory_lacks_a_test() -> None:
    modules = [path for path in room("measure", "theory", "systems") if path.stem != "__init__"]
    covered = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("test_*.py"))
    assert [str(path) for path in modules if not is_imported(path, covered)] == []


def is_imported(module: Path, tests: str) -> bool:
    """Whether the text of the tests imports this module."""
    package = ".".join(module.parent.relative_to(REPOSITORY / "src").parts)
    return re.search(rf"{package}\.{module.stem}\b|{package} import .*\b{module.stem}\b", tests) is not None


def test_a_module_without_a_test_is_found() -> None:
    module = REPOSITORY / "src" / "perflab" / "systems" / "http" / "new.py"
    assert not is_imported(module, "from perflab.systems.http.newer import x\nfrom perflab.systems.http import old\n")
    assert is_imported(module, "from perflab.systems.http.new import x\n")
    assert is_imported(module, "from perflab.systems.http import new\n")


@pytest.mark.process
@pytest.mark.parametrize("module", ["perflab", "perflab.lab", "perflab.chapters.measuring_latency.stopwatch"])
def test_importing_brings_no_widgets_and_no_charts(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('ipywidgets', 'matplotlib', 'IPython') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


@pytest.mark.process
def test_importing_the_package_itself_is_almost_free() -> None:
    code = "import sys, perflab; print(any(m in sys.modules for m in ('numpy', 'psutil', 'matplotlib', 'ipywidgets')))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "False"
