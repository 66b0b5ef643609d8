"""What runs is what is shown: a learner edits a module, loads it again, and measures again, with one worker."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest
from edited import Edited
from IPython.extensions.autoreload import superreload
from patience import PATIENCE_S
from scripted import ListDisplay

from perflab.lab import Lab, log_slider
from perflab.lab.conductor import Conductor
from perflab.lab.record import Record
from perflab.lab.session import Session
from perflab.lab.waiters import ExperimentFailed
from perflab.measure.frame import Frame

pytestmark = pytest.mark.process

HELPER = "FACTOR = {value}\n\n\ndef helped():\n    return FACTOR * {value}\n"
EXPERIMENT = """
from perflab.measure.frame import Frame


def experiment(rows):
    yield Frame(facts={{"value": {value}}})
"""


@pytest.fixture
def measure(conductor: Conductor) -> Callable[[Any], Record]:
    """Run an experiment as a lab of this notebook does."""

    def run(experiment: Any) -> Record:
        lab = Lab("?", experiment, {"rows": log_slider(1, 10, 1)}, ())
        return Session(lab, conductor, ListDisplay()).run({}).result(PATIENCE_S)

    return run


def in_a_cell(body: str, **names: Any) -> Any:
    """An experiment as a notebook's cell defines it: it travels by value."""
    scope = {"__name__": "__main__", "Frame": Frame, **names}
    exec(f"def experiment(rows):\n    {body}", scope)
    return scope["experiment"]


def workers_of(*records: Record) -> set[int]:
    return {record.environment["worker_pid"] for record in records}


def test_an_experiment_that_was_edited_and_loaded_again_is_measured_and_shown_as_it_is_now(
    edited: Edited, measure: Any
) -> None:
    module = edited.module(EXPERIMENT.format(value=1))
    before, again = measure(module.experiment), measure(module.experiment)
    edited.write(EXPERIMENT.format(value=2))
    importlib.reload(module)
    after = measure(module.experiment)
    assert [run.fact("value") for run in (before, again, after)] == [1, 1, 2]
    assert [f'"value": {value}' in run.code for run, value in ((before, 1), (after, 2))] == [True, True]
    assert len(workers_of(before, again)) == 1, "where nothing was edited the worker goes on"


@pytest.mark.parametrize("by", ["module", "name"])
def test_a_helper_of_a_cell_is_measured_as_it_is_now(edited: Edited, measure: Any, by: str) -> None:
    def cell(module: ModuleType) -> Any:
        if by == "module":
            return in_a_cell("yield Frame(facts={'value': helper.helped()})", helper=module)
        return in_a_cell("yield Frame(facts={'value': helped()})", helped=module.helped)

    module = edited.module(HELPER.format(value=1))
    assert measure(cell(module)).fact("value") == 1
    edited.write(HELPER.format(value=3))
    importlib.reload(module)
    assert measure(cell(module)).fact("value") == 9


def test_modules_that_autoreload_replaces_in_place_are_measured_and_shown_as_they_are_now(
    edited: Edited, measure: Any
) -> None:
    module, held = edited.module(EXPERIMENT.format(value=1)), {}  # type: ignore[var-annotated]
    superreload(module, importlib.reload, held)
    experiment = module.experiment
    assert measure(experiment).fact("value") == 1
    edited.write(EXPERIMENT.format(value=2))
    superreload(module, importlib.reload, held)
    record = measure(experiment)
    assert record.fact("value") == 2 and '"value": 2' in record.code


def test_a_module_that_only_the_experiment_imports_is_measured_as_it_is_now(edited: Edited, measure: Any) -> None:
    edited.write(HELPER.format(value=1))
    lazy = in_a_cell(f"import {edited.name} as helper; yield Frame(facts={{'value': helper.helped()}})")
    assert measure(lazy).fact("value") == 1
    edited.write(HELPER.format(value=3))
    assert measure(lazy).fact("value") == 9


def test_an_edited_module_that_was_not_loaded_again_is_not_measured_but_told(edited: Edited, measure: Any) -> None:
    module = edited.module(EXPERIMENT.format(value=1))
    assert measure(module.experiment).fact("value") == 1
    edited.write(EXPERIMENT.format(value=2))
    for _ in range(2):
        with pytest.raises(
            ExperimentFailed, match=rf"was edited after .*Reload it \(importlib.reload\({edited.name}\)\)"
        ):
            measure(module.experiment)
    assert measure(in_a_cell("yield Frame(facts={'value': 5})")).fact("value") == 5, "what does not use it is measured"
    importlib.reload(module)
    assert measure(module.experiment).fact("value") == 2


def test_an_experiment_from_before_the_reload_runs_and_is_shown_as_it_was(edited: Edited, measure: Any) -> None:
    module = edited.module(EXPERIMENT.format(value=1))
    old = module.experiment
    measure(old)
    edited.write("# another line\n" + EXPERIMENT.format(value=2))
    importlib.reload(module)
    record = measure(old)
    assert record.fact("value") == 1 and '"value": 1' in record.code


def test_search_path_and_working_folder_are_those_of_now(
    measure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measure(in_a_cell("yield Frame(facts={'value': 1})")).fact("value") == 1
    library = tmp_path / "library"
    library.mkdir()
    (library / "learned_later.py").write_text("VALUE = 7")
    (library / "data.txt").write_text("8")
    monkeypatch.syspath_prepend(library)
    module = importlib.import_module("learned_later")
    assert measure(in_a_cell("yield Frame(facts={'value': later.VALUE})", later=module)).fact("value") == 7
    monkeypatch.chdir(library)
    assert measure(in_a_cell("yield Frame(facts={'value': int(open('data.txt').read())})")).fact("value") == 8
    del sys.modules["learned_later"]


def test_files_with_the_names_of_others_harm_no_worker_and_the_learners_own_module_is_found(
    edited: Edited, conductor: Conductor, measure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    for name in ("queue", "random", "numpy", "perflab", "statistics", "csv", "secrets", "psutil", "sqlite3"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError(__file__)")
    module = edited.module(HELPER.format(value=2))
    body = "import queue, random, csv, secrets, sqlite3, numpy; yield Frame(facts={'value': helper.helped()})"
    assert measure(in_a_cell(body, helper=module)).fact("value") == 4


def test_a_worker_that_cannot_start_is_told_with_the_end_of_its_log_and_the_next_one_measures(
    measure: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos.write(2, b'no licence for Python')\nos._exit(1)")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}")
    with pytest.raises(ExperimentFailed, match="The measuring process cannot start: no licence for Python"):
        measure(in_a_cell("yield Frame()"))
    (tmp_path / "sitecustomize.py").write_text("print('welcome')")
    assert measure(in_a_cell("yield Frame(facts={'value': 1})")).fact("value") == 1


cloudpickle.register_pickle_by_value(sys.modules[__name__])
