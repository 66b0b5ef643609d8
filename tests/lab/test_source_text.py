"""The text of functions: as they run, whatever has become of their files."""

from __future__ import annotations

import functools
import importlib
import linecache
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from edited import Edited

from perflab.lab.source_text import EDITED, UNREADABLE, text_of

FIRST = "def work():\n    # first\n    return 1\n"
SECOND = "import math\n\n\ndef other():\n    return 0\n\n\ndef work():\n    # second\n    return 2\n"


def only_work(text: str) -> str:
    return text[text.index("def work") :]


def test_a_function_that_runs_as_its_file_says_is_shown_as_that(edited: Edited) -> None:
    module = edited.module(FIRST)
    assert text_of(module.work) == FIRST
    assert text_of(functools.partial(functools.partial(module.work))) == FIRST


def test_of_an_edited_file_the_text_that_runs_is_remembered_and_after_a_reload_the_new_one_is_shown(
    edited: Edited,
) -> None:
    module = edited.module(FIRST)
    old = module.work
    assert text_of(old) == FIRST
    edited.write(SECOND)
    assert (text_of(old), old()) == (FIRST, 1), "not the lines of the new file at the old place"
    importlib.reload(module)
    assert (text_of(module.work), module.work()) == (only_work(SECOND), 2)
    assert (text_of(old), old()) == (FIRST, 1)


def test_a_text_that_was_not_read_before_its_file_was_edited_is_not_guessed(edited: Edited) -> None:
    module = edited.module(FIRST)
    for text in (SECOND, "def work(:\n", ""):
        edited.write(text)
        assert text_of(module.work) in (EDITED, UNREADABLE)
    edited.write(FIRST)
    assert text_of(module.work) == FIRST


def test_a_comment_that_is_edited_is_shown_as_it_is_now(edited: Edited) -> None:
    module = edited.module(FIRST)
    assert text_of(module.work) == FIRST
    edited.write(changed := FIRST.replace("first", "still the same code"))
    assert text_of(module.work) == changed


def test_a_function_whose_code_is_replaced_in_place_as_autoreload_does_it_is_shown_anew(edited: Edited) -> None:
    module = edited.module(FIRST)
    held = module.work
    assert text_of(held) == FIRST
    edited.write(SECOND)
    importlib.reload(module)
    held.__code__ = module.work.__code__
    assert text_of(held) == only_work(SECOND)


def of_a_cell(text: str, name: str) -> Callable[[], int]:
    """As IPython makes it: the text is known to `linecache` under a name that no file has."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), scope)
    return scope["work"]  # type: ignore[no-any-return]


def test_functions_of_cells_are_shown() -> None:
    first, second = of_a_cell(FIRST, "/tmp/ipykernel_1/1.py"), of_a_cell(SECOND, "/tmp/ipykernel_1/2.py")
    assert (text_of(first), text_of(second)) == (FIRST, only_work(SECOND))
    assert text_of(of_a_cell(FIRST.replace("first", "other"), "/tmp/ipykernel_1/3.py")) == FIRST.replace(
        "first", "other"
    )


@pytest.mark.parametrize("thing", [len, 5, None, eval("lambda: 1")])
def test_what_has_no_text_says_so(thing: Any) -> None:
    assert text_of(thing) == UNREADABLE


def test_a_decorated_function_is_shown_with_its_decorator(edited: Edited, tmp_path: Path) -> None:
    text = "import functools\n\n\n@functools.lru_cache\ndef work():\n    return 1\n"
    module: ModuleType = edited.module(text)
    assert text_of(module.work) == text[text.index("@") :]
