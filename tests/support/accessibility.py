"""What axe-core complains about in the outputs of a notebook. JupyterLab's own parts are not judged."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

PACKAGE = "axe_playwright_python"
OURS = "() => axe.run({include: [['.jp-OutputArea-output']], exclude: [['.noUi-handle']]})"
"""ipywidgets gives the handle of a slider no name that a screen reader finds, and nothing but a script in the page could."""


def axe_core() -> str | None:
    """The script (MPL-2.0) as a package for tests brings it; None where that is not installed."""
    try:
        return (files(PACKAGE) / "axe.min.js").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        return None


def violations(page: Any, script: str) -> list[str]:
    """Each rule that is broken, and where."""
    page.evaluate(script)
    found = page.evaluate(OURS)["violations"]
    return [f"{rule['help']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
