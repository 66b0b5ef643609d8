"""The text of a function as it really runs, even when its file was edited since."""

from __future__ import annotations

import functools
import inspect
import linecache
import textwrap
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

from perflab.lab.codes import Program

UNREADABLE = "The source of this experiment cannot be read."
EDITED = f"{UNREADABLE} Its file was edited after it was imported: reload it, or restart the kernel."


def text_of(function: Any) -> str:
    """What was read once is remembered, and told where the file no longer holds it. If it could never be read, why."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None)
    try:
        return _dedented(function) if code is None else _text_that_runs(code, code.co_filename)
    except (OSError, TypeError, SyntaxError, ValueError):
        return UNREADABLE


def _text_that_runs(code: CodeType, file: str) -> str:
    try:
        _remembered()[code, file] = _text_of(code, file, _version(file))
    except LookupError:
        return _remembered().get((code, file), EDITED)
    return _remembered()[code, file]


@functools.cache
def _remembered() -> dict[tuple[CodeType, str], str]:
    return {}


@functools.lru_cache(maxsize=256)
def _text_of(code: CodeType, file: str, version: tuple[int, ...]) -> str:
    if not version:
        return _dedented(code)
    linecache.checkcache(file)
    found = Program("".join(linecache.getlines(file)), file).code_like(code)
    if found is None:
        raise LookupError(file)
    return _dedented(found)  # a function that was replaced in place says that it stands in other lines


def _version(file: str) -> tuple[int, ...]:
    # A cell of a notebook is in no file, and its text does not change.
    if not Path(file).is_file():
        return ()
    status = Path(file).stat()
    return status.st_mtime_ns, status.st_size


def _dedented(thing: Any) -> str:
    return textwrap.dedent(inspect.getsource(thing))
