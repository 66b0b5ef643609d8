"""What only `make bench` runs does not fall behind: each of its files can be loaded, and has rows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
WITH_BROWSER = {"lag", "replay"}
"""They stand on the helper of the browser tests; to load it here would take three seconds."""
FILES = sorted(path for path in BENCH.glob("*.py") if not path.name.startswith("_") and path.stem not in WITH_BROWSER)


def test_there_are_benchmarks() -> None:
    assert len(FILES) > 5


@pytest.mark.long
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_benchmark_can_be_loaded_and_has_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCH)])
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert callable(module.rows)
