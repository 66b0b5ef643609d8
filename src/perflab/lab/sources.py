"""Which version of each module this process runs, so that what is measured is what is shown.

A file may be edited after it was imported, and a module may be loaded once more (`importlib.reload`, `%autoreload`). Kernel and
worker both keep account of what they have loaded; Python's own modules and installed packages do not change meanwhile.
"""

from __future__ import annotations

import functools
import hashlib
import os
import site
import sys
import sysconfig
import time
import tokenize
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from perflab.lab.codes import follows, is_loaded_from
from perflab.measure.guards import BadInput

SURE_S = 2.0
"""By so much may the time at which this process started be off."""
OURS = __name__.partition(".")[0]


class Source(NamedTuple):
    """Where a module was loaded from, and a digest of the text; empty where the text has changed since, so that it is unknown."""

    file: str
    digest: str


class Seen(NamedTuple):
    """A module as it was when it was looked at: a new specification each time it is loaded, its source, and the text of that."""

    specification: Any
    source: Source | None = None
    text: str = ""


class Sources:
    """The account of one process. `look` is quick: it reads only what it has not seen, or what has changed."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}
        self._started = _started()

    def look(self) -> dict[str, Source]:
        """Every module that is loaded, with its source as it was then."""
        for name in list(self._seen):
            if name not in sys.modules:
                self._seen.pop(name, None)
        for name, module in list(sys.modules.items()):
            specification, seen = getattr(module, "__spec__", None), self._seen.get(name)
            if seen is None or seen.specification is not specification:
                self._seen[name] = self._loaded(name, module, specification)
            elif seen.source is not None and seen.source.digest != self._digest(seen.source.file):
                self._seen[name] = self._edited(module, seen)
        return {name: seen.source for name, seen in list(self._seen.items()) if seen.source is not None}

    def changed(self) -> list[str]:
        """The modules, of those that were looked at, whose file has another text by now than they were loaded from."""
        seen = [(name, seen.source) for name, seen in list(self._seen.items()) if seen.source is not None]
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

    def _loaded(self, name: str, module: ModuleType, specification: Any) -> Seen:
        file = getattr(module, "__file__", None)
        if name == "__main__" or specification is None or not isinstance(file, str):
            return Seen(specification)
        if not file.endswith(".py") or is_installed(file) or not (digest := self._digest(file)):
            return Seen(specification)
        text = _text(file)
        is_known = self._is_older(file) or is_loaded_from(module, text)
        return Seen(specification, Source(file, digest if is_known else ""), text if is_known else "")

    def _edited(self, module: ModuleType, seen: Seen) -> Seen:
        """The file has changed: the module too, if it was replaced in place, or if what it does was not touched."""
        assert seen.source is not None
        file, text = seen.source.file, _text(seen.source.file)
        is_new = follows(module, seen.text, text) if seen.source.digest else is_loaded_from(module, text)
        return Seen(seen.specification, Source(file, self._digest(file)), text) if is_new else seen

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


def _text(file: str) -> str:
    try:
        with tokenize.open(file) as opened:
            return opened.read()
    except (OSError, SyntaxError, ValueError):
        return ""
