"""DuckDB as it is measured here: on one thread, and within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def open_duckdb(path: Path, memory: str, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection with one thread and so much memory ("128MB"), where DuckDB would take four fifths of the machine's. It
    installs no extensions.
    """
    import duckdb  # takes a quarter of a second

    config: dict[str, Any] = {"threads": 1, "memory_limit": memory, "autoinstall_known_extensions": False}
    return duckdb.connect(path, read_only=read_only, config=config)
