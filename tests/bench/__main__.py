"""`make bench`: every number that the project claims, measured here and now, side by side."""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path
from types import ModuleType

from perflab.measure.machine import inspect_machine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))


def main(wanted: list[str]) -> None:
    """Print a Markdown table; with names (`measuring`, `lag`, …) only those files. Files `ON_REQUEST` have to be named."""
    files = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("_"))
    unknown = set(wanted) - {path.stem for path in files}
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(path.stem for path in files)}")
    print(f"{inspect_machine()}\n\n| what | must show | measured |\n|---|---|---|", flush=True)
    for path in files:
        if not wanted or path.stem in wanted:
            bench = _load(path)
            for row in bench.rows() if wanted or not getattr(bench, "ON_REQUEST", False) else ():
                print(f"| {' | '.join(row)} |", flush=True)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    # Who ends a benchmark from outside ends its JupyterLab and browser too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    main(sys.argv[1:])
