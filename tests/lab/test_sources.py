"""The account of what a process has loaded: what was edited since, what was loaded again, and whether two processes agree."""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path

import numpy
import pytest
from edited import Edited

import perflab
from perflab.lab.sources import OURS, SURE_S, Source, Sources, is_installed
from perflab.measure.guards import BadInput

FIRST = "FACTOR = 2\n\n\ndef work():\n    return FACTOR\n"
SECOND = "def added():\n    return 0\n\n\ndef work():\n    return 3\n"


@pytest.fixture
def sources() -> Sources:
    return Sources()


def test_it_holds_what_can_change_and_not_python_or_packages(edited: Edited, sources: Sources) -> None:
    edited.module(FIRST)
    seen = sources.look()
    assert seen[edited.name].file == str(edited.path)
    assert not {"os", "json", "numpy", "pytest", "__main__"} & set(seen)
    assert is_installed(os.__file__) and is_installed(numpy.__file__) and not is_installed(str(edited.path))
    assert ("perflab.lab.sources" in seen) == (not is_installed(str(perflab.__file__)))


def test_an_edited_file_is_noticed_and_its_module_stays_as_it_was_loaded(edited: Edited, sources: Sources) -> None:
    edited.module(FIRST)
    before = sources.look()[edited.name]
    assert edited.name not in sources.changed()
    edited.write(SECOND)
    assert edited.name in sources.changed()
    assert sources.look()[edited.name] == before
    edited.write(FIRST)
    assert edited.name not in sources.changed(), "the same text again is no other version"
    edited.path.unlink()
    assert edited.name in sources.changed()


def test_a_module_that_is_loaded_again_is_another_version(edited: Edited, sources: Sources) -> None:
    module = edited.module(FIRST)
    before = sources.look()[edited.name]
    edited.write(SECOND)
    importlib.reload(module)
    after = sources.look()[edited.name]
    assert after.digest not in ("", before.digest)
    assert edited.name not in sources.changed()


def test_a_module_that_is_imported_anew_is_another_version(edited: Edited, sources: Sources) -> None:
    edited.module(FIRST)
    before = sources.look()[edited.name]
    edited.forget()
    edited.module(SECOND)
    assert sources.look()[edited.name].digest not in ("", before.digest)


def test_a_module_that_was_forgotten_has_no_version(edited: Edited, sources: Sources) -> None:
    edited.module(FIRST)
    assert edited.name in sources.look()
    edited.forget()
    assert edited.name not in sources.look()


@pytest.mark.long
@pytest.mark.parametrize("edit", [SECOND, FIRST.replace("return FACTOR", "return 7"), "def work(:", ""])
def test_a_file_that_was_edited_before_the_first_look_is_not_taken_for_what_was_loaded(
    edited: Edited, sources: Sources, edit: str
) -> None:
    edited.module(FIRST)
    edited.write(edit)
    digest = sources.look()[edited.name].digest
    assert digest == "" or edit == "", "a text without functions cannot be told apart"


def test_what_a_reload_leaves_behind_does_not_make_a_module_another_one(edited: Edited, sources: Sources) -> None:
    module = edited.module("def gone():\n    return 0\n\n\n" + FIRST)
    edited.write(FIRST)
    importlib.reload(module)
    assert module.gone() == 0
    assert sources.look()[edited.name].digest


LIVELY = """
import functools
from dataclasses import dataclass
from contextlib import contextmanager


@dataclass(frozen=True)
class Point:
    x: int = 0

    @property
    def twice(self):
        return 2 * self.x

    @staticmethod
    def origin():
        return Point()

    @functools.cached_property
    def thrice(self):
        return [self.x for _ in range(3)]


@contextmanager
def opened():
    yield 1


@functools.lru_cache
def remembered(n):
    return (lambda m: m + n)(1)


async def later(): ...


work = lambda: 1
"""


def test_code_of_all_kinds_is_recognised(edited: Edited, sources: Sources) -> None:
    edited.module(LIVELY)
    assert sources.look()[edited.name].digest


def test_only_files_that_are_newer_than_the_process_are_compiled(
    edited: Edited, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    monkeypatch.setattr("perflab.lab.sources.is_loaded_from", lambda module, text: compiled.append(module.__file__))
    edited.module(FIRST)
    sources._started = time.time() + 2 * SURE_S
    os.utime(edited.path, (0, 0))
    assert sources.look()[edited.name].digest and compiled == []
    later = Sources()
    later._started = edited.path.stat().st_ctime - 1
    later.look()
    assert str(edited.path) in compiled, "the time that a program can set proves nothing"


def test_two_processes_that_have_loaded_the_same_agree(edited: Edited, sources: Sources) -> None:
    edited.module(FIRST)
    sources.check(Sources().look())
    sources.check({})


def test_a_module_that_the_notebook_has_in_an_older_version_is_named_with_the_remedy(
    edited: Edited, sources: Sources
) -> None:
    edited.module(FIRST)
    notebook = sources.look()
    edited.forget()
    edited.module(SECOND)
    with pytest.raises(BadInput) as refused:
        sources.check(notebook)
    assert str(refused.value) == (
        f"{edited.path.name} was edited after this notebook had imported it. Reload it (importlib.reload({edited.name})) or "
        "restart the kernel, so that what you see is what is measured."
    )


def test_another_version_of_ours_asks_for_a_new_kernel(sources: Sources) -> None:
    own = sources.look()
    name = next(name for name in own if name.startswith(f"{OURS}."))
    with pytest.raises(BadInput, match="was changed after this notebook had started: restart the kernel"):
        sources.check({name: Source(own[name].file, "another")})


def test_another_file_of_the_same_name_is_told(edited: Edited, sources: Sources) -> None:
    edited.module(FIRST)
    with pytest.raises(
        BadInput, match=rf"The module {edited.name} is /elsewhere.py in this notebook, but .*: rename it"
    ):
        sources.check({edited.name: Source("/elsewhere.py", "same")})


def test_modules_without_a_file_do_no_harm(sources: Sources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Odd:
        __spec__ = object()
        __file__ = str(tmp_path / "gone.py")

    monkeypatch.setitem(sys.modules, "odd_one", Odd())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "none_at_all", None)  # type: ignore[arg-type]
    assert not {"odd_one", "none_at_all"} & set(sources.look())
