"""A learner's module beside the notebook, which is written, imported, edited and loaded again."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from pathlib import Path
from types import ModuleType

NUMBERS = itertools.count()


class Edited:
    """One file of a name that no other test has."""

    def __init__(self, folder: Path) -> None:
        self.name = f"beside_the_notebook_{next(NUMBERS)}"
        self.path = folder / f"{self.name}.py"
        self._edits = 0

    def write(self, text: str) -> None:
        """Save the file, which is then newer than before whatever the steps of the file system's clock."""
        self.path.write_text(text)
        self._edits += 1
        status = self.path.stat()
        os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000 * self._edits))

    def module(self, text: str) -> ModuleType:
        """Save the file and import it."""
        self.write(text)
        importlib.invalidate_caches()
        return importlib.import_module(self.name)

    def forget(self) -> None:
        """As if it had never been imported."""
        sys.modules.pop(self.name, None)
