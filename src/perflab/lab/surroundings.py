"""What an experiment finds around it in the notebook's kernel: the worker goes there before it measures."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perflab.interpreter import import_folders, working_folder
from perflab.lab.sources import Source, is_installed, sources_of_this_process


@dataclass(frozen=True)
class Surroundings:
    """The working folder, the folders where modules are found, and what has been loaded."""

    folder: str = ""
    path: Sequence[str] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)

    def enter(self) -> None:
        """Be there: a module that the kernel has loaded is found in the same file; of the others, installed ones come first."""
        try:
            os.chdir(self.folder)
        except OSError:
            pass  # it is gone, in the kernel too
        sys.path[:] = sorted(self.path or sys.path, key=lambda folder: not is_installed(folder))
        sys.meta_path[:] = [_Files(self.sources), *(each for each in sys.meta_path if not isinstance(each, _Files))]
        importlib.invalidate_caches()


def surroundings() -> Surroundings:
    """Those of this process, as they are now."""
    return Surroundings(working_folder(), import_folders(), sources_of_this_process().look())


class _Files:
    """Finds modules in the files that are named."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        source = self._sources.get(name)
        return None if source is None else importlib.util.spec_from_file_location(name, source.file)
