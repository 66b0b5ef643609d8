"""Databases in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar


class Closable(Protocol):
    """What has to be closed."""

    def close(self) -> None: ...


Database = TypeVar("Database", bound=Closable)


@contextmanager
def temporary(name: str, opened: Callable[[Path], Database]) -> Iterator[Database]:
    """What opens a file of this name in a temporary folder; it is closed, and the folder goes away, with the block."""
    with (
        tempfile.TemporaryDirectory(prefix=f"perflab-{name}-", ignore_cleanup_errors=True) as folder,
        closing(opened(Path(folder) / f"{name}.db")) as database,
    ):
        yield database
