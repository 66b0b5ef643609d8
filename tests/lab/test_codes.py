"""Modules that IPython's `%autoreload` replaces in place, which leaves no trace but what they do."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
from edited import Edited

from perflab.lab.codes import Program, follows, is_loaded_from, shape_of
from perflab.lab.source_text import text_of
from perflab.lab.sources import Sources

deduperreload = pytest.importorskip("IPython.extensions.deduperreload.deduperreload")

BEFORE = '''"""A helper."""
import math

FACTOR, LIMITS = 2, (1, 2)
STEP: float = 0.5


def untouched():
    return [FACTOR * each for each in range(3)]


def work(number, *rest, scale=1):
    """Work.

    In several lines.
    """
    return FACTOR * number + sum(rest)


class Tool:
    SIZE = 3

    def use(self):
        """Use it,

        and again.
        """
        return self.SIZE + math.floor(1.5)

    @staticmethod
    def make():
        return Tool()
'''
EDITS = {
    "a function": ("return FACTOR * number", "extra = 5\n    return extra * number"),
    "a constant": ("STEP: float = 0.5", "STEP: float = 0.25"),
    "a new function": ("def work(", "def added():\n    return 7\n\n\ndef work("),
    "a method": ("self.SIZE + math", "2 * self.SIZE + math"),
    "a constant of a class": ("SIZE = 3", "SIZE = 4"),
    "a static method": ("return Tool()", "return [Tool()]"),
    "an import and what uses it": ("import math\n", "import math\nimport cmath as added\n"),
    "two things": ("STEP: float = 0.5", "STEP: float = 0.5\nADDED = 'new'"),
}


def replaced_in_place(edited: Edited, module: ModuleType, before: str, after: str) -> bool:
    """As IPython does it before a cell runs, where it can."""
    reloader = deduperreload.DeduperReloader()
    reloader.source_by_modname[edited.name] = before
    edited.write(after)
    return bool(reloader.maybe_reload_module(module))


def edit_of(name: str) -> str:
    old, new = EDITS[name]
    assert BEFORE.count(old) == 1
    after = BEFORE.replace(old, new)
    return after.replace("sum(rest)", "sum(rest) + added.pi") if name.startswith("an import") else after


@pytest.mark.long
@pytest.mark.parametrize("name", EDITS)
def test_a_module_that_was_replaced_in_place_is_what_its_file_says(edited: Edited, name: str) -> None:
    module, sources = edited.module(BEFORE), Sources()
    first = sources.look()[edited.name]
    assert replaced_in_place(edited, module, BEFORE, edit_of(name)), "IPython does not load it anew"
    after = sources.look()[edited.name]
    assert after.digest not in ("", first.digest)
    assert edited.name not in sources.changed()


@pytest.mark.long
@pytest.mark.parametrize("name", EDITS)
def test_a_module_that_was_only_edited_is_not_what_its_file_says(edited: Edited, name: str) -> None:
    module, sources = edited.module(BEFORE), Sources()
    first = sources.look()[edited.name]
    edited.write(edit_of(name))
    assert not follows(module, BEFORE, edit_of(name))
    assert sources.look()[edited.name] == first
    assert edited.name in sources.changed()
    importlib.reload(module)
    assert sources.look()[edited.name] != first and edited.name not in sources.changed()


def test_comments_and_blank_lines_change_nothing(edited: Edited) -> None:
    module, sources = edited.module(BEFORE), Sources()
    first = sources.look()[edited.name]
    edited.write(BEFORE.replace("def work", "# how it works\n\n\n\ndef work"))
    assert sources.look()[edited.name].digest not in ("", first.digest)
    assert follows(module, BEFORE, BEFORE + "\n# the end\n")


def test_a_change_that_leaves_no_trace_to_look_at_is_not_believed(edited: Edited) -> None:
    module = edited.module(BEFORE)
    for after in (BEFORE + "print()\n", BEFORE.replace("(1, 2)", "tuple('ab')"), "def work(:", BEFORE + "\x00"):
        assert not follows(module, BEFORE, after)


def test_a_module_that_was_replaced_in_place_before_the_first_look_is_known(edited: Edited) -> None:
    module = edited.module(BEFORE)
    assert replaced_in_place(edited, module, BEFORE, edit_of("a function"))
    assert Sources().look()[edited.name].digest
    assert is_loaded_from(module, edit_of("a function")) and not is_loaded_from(module, BEFORE)


def test_a_file_edited_before_the_first_look_is_known_once_it_was_replaced_in_place(edited: Edited) -> None:
    module, sources = edited.module(BEFORE), Sources()
    edited.write(edit_of("a function"))
    assert sources.look()[edited.name].digest == ""
    assert replaced_in_place(edited, module, BEFORE, edit_of("a function"))
    assert sources.look()[edited.name].digest


@pytest.mark.parametrize("name", ["a function", "a new function", "an import and what uses it"])
def test_the_text_of_a_function_that_was_replaced_in_place_is_that_of_its_file(edited: Edited, name: str) -> None:
    module = edited.module(BEFORE)
    assert "return FACTOR * number" in text_of(module.work)
    after = edit_of(name)
    assert replaced_in_place(edited, module, BEFORE, after)
    begin = after.index("def work")
    assert text_of(module.work) == after[begin : after.index("\n\n\nclass")] + "\n"
    assert text_of(module.untouched).startswith("def untouched")


def shape(text: str) -> object:
    return shape_of(Program(text, "a.py").codes["work"][0])


def test_the_same_work_in_other_lines_has_one_shape_and_other_work_another() -> None:
    assert shape(BEFORE) == shape("\n\n# moved\n" + BEFORE)
    shapes = [shape(f"def work(): return {value}") for value in ("1", "1.0", "True", "(1,)", "'1'", "2", "[1]", "f(1)")]
    shapes += [
        shape(text) for text in ("def work(a): return 1", "def work(a=1): return a", "async def work(): return 1")
    ]
    assert all(first != second for number, first in enumerate(shapes) for second in shapes[:number])
