"""Which version of each module this process runs, so that what is measured is what is shown.

A file may be edited after it was imported, and a module may be loaded once more (`importlib.reload`, `%autoreload`). Kernel and
worker both keep account of what they have loaded; Python's own modules and installed packages do not change meanwhile.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from perflab.measure.guards import BadInput

SURE_S = 2.0
"""By so much may the time at which this process started be off."""
OURS = __name__.partition(".")[0]


class Source(NamedTuple):
    """Where a module was loaded from, and a digest of the text; empty where the text has changed since, so that it is unknown."""

    file: str
    digest: str


class Sources:
    """The account of one process. `look` is quick: it reads only what it has not seen, or what has changed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, Source | None]] = {}
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}
        self._started = _started()

    def look(self) -> dict[str, Source]:
        """Every module that is loaded, with its source as it was then."""
        for name, module in list(sys.modules.items()):
            # Each time a module is loaded, it gets a new specification.
            spec = getattr(module, "__spec__", None)
            if name not in self._seen or self._seen[name][0] is not spec:
                self._seen[name] = (spec, None if name == "__main__" or spec is None else self._source_of(module))
        return {name: source for name, (_, source) in self._seen.items() if source is not None}

    def changed(self) -> list[str]:
        """The modules, of those that were looked at, whose file has another text by now than they were loaded from."""
        seen = [(name, source) for name, (_, source) in self._seen.items() if source is not None]
        return [name for name, source in seen if self._digest(source.file) != source.digest]

    def check(self, others: Mapping[str, Source]) -> None:
        """Raise `BadInput` where this process has loaded another version of a module than the notebook, whose account this is."""
        for name, own in self.look().items():
            other = others.get(name, own)
            if other.file != own.file:
                raise BadInput(f"The module {name} is {other.file} in this notebook, but {own.file} here: rename it.")
            if other.digest != own.digest and name.partition(".")[0] == OURS:
                raise BadInput(f"{OURS} was changed after this notebook had started: restart the kernel.")
            if other.digest != own.digest:
                raise BadInput(
                    f"{Path(own.file).name} was edited after this notebook had imported it. Reload it "
                    f"(importlib.reload({name})) or restart the kernel, so that what you see is what is measured."
                )

    def _source_of(self, module: ModuleType) -> Source | None:
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or is_installed(file):
            return None
        digest = self._digest(file)
        if not digest:
            return None
        return Source(file, digest if self._is_older(file) or _is_loaded_from(module, Path(file).read_bytes()) else "")

    def _digest(self, file: str) -> str:
        try:
            status = Path(file).stat()
            signature = (status.st_mtime_ns, status.st_size, status.st_ino)
            if file not in self._digests or self._digests[file][0] != signature:
                self._digests[file] = (signature, hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest())
        except OSError:
            return ""
        return self._digests[file][1]

    def _is_older(self, file: str) -> bool:
        """Whether the file is as it was when this process started. A program can set the one time, but not the other."""
        status = Path(file).stat()
        return max(status.st_mtime, status.st_ctime) < self._started - SURE_S


@functools.cache
def sources_of_this_process() -> Sources:
    """The one account of this process."""
    return Sources()


def is_installed(path: str) -> bool:
    """Whether this file or folder is part of Python or of an installed package."""
    return f"{path}{os.sep}".startswith(_installed())


@functools.cache
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {*site.getsitepackages(), site.getusersitepackages()}
    return tuple(sorted({f"{name}{os.sep}" for each in folders for name in (each, os.path.realpath(each))}))


def _started() -> float:
    try:
        import psutil

        return float(psutil.Process().create_time())
    except Exception:  # a side figure: without it every file is looked at more closely
        return time.time() - 1e9


def _is_loaded_from(module: ModuleType, text: bytes) -> bool:
    """Whether the functions of a module are those of this text. It cannot be told of a module without functions."""
    try:
        codes = codes_in(text, str(module.__file__))
    except (SyntaxError, ValueError):
        return False
    return all(code in codes[code.co_qualname] for code in _codes_of(module) if code.co_qualname in codes)


def codes_in(text: bytes | str, file: str) -> dict[str, list[CodeType]]:
    """The code of all functions in a text, by their qualified names."""
    found: dict[str, list[CodeType]] = {}
    left = [compile(text, file, "exec", dont_inherit=True)]
    while left:
        code = left.pop()
        found.setdefault(code.co_qualname, []).append(code)
        left += [each for each in code.co_consts if isinstance(each, CodeType)]
    return found


def _codes_of(module: ModuleType) -> Iterator[CodeType]:
    things = list(vars(module).values())
    classes = [each for each in things if isinstance(each, type) and each.__module__ == module.__name__]
    members = [getattr(member, "__func__", member) for each in classes for member in list(vars(each).values())]
    for thing in (*things, *members):
        inner = inspect.unwrap(thing) if isinstance(thing, FunctionType) else thing
        if isinstance(inner, FunctionType) and inner.__code__.co_filename == module.__file__:
            yield inner.__code__
