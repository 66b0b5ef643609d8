"""Which tests run in one process where the tests on the real clock are shared out among several: those of one lab.

They read the same runs of the corpus, which each process would otherwise measure once more. The marker `xdist_group` does not
serve: with pytest 9.2 it is ignored without a word (pytest-xdist, issue 1386).
"""

from __future__ import annotations

from pathlib import PurePosixPath

from corpus import LABS
from xdist.scheduler import LoadScopeScheduling


def group_of(nodeid: str) -> str:
    """The lab of a test, by its first parameter or its file; else its file."""
    path, _, rest = nodeid.partition("::")
    parameter = rest.partition("[")[2].removesuffix("]").partition("-")[0]
    file = PurePosixPath(path)
    in_file = f"{file.parent.name}.{file.stem.removeprefix('test_')}"
    return next((each for each in (parameter, in_file) if each in LABS), path)


class ByLab(LoadScopeScheduling):  # type: ignore[misc]
    """Shares out tests group by group."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
