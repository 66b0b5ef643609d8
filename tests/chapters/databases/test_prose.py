"""The statements that notebook 10 shows are those that its labs send."""

from __future__ import annotations

import json
import re
from pathlib import Path

from perflab.systems.databases import counters
from perflab.systems.databases.tables import COLUMNS, question

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "10-databases.ipynb"


def shown() -> list[str]:
    """Statements in the prose, where a dot may stand for columns that are left out."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    blocks = "\n".join(re.findall(r"(?ms)^```python$(.*?)^```$", prose))
    return re.findall(r'"((?:select|update|insert) [^"]+)"', blocks)


def test_each_statement_in_the_prose_is_one_that_runs() -> None:
    summed, *counted = shown()
    first, rest = summed.split(", …")
    assert question(COLUMNS).startswith(f"{first}, sum(c2)") and question(COLUMNS).endswith(rest)
    assert len(counted) == 3
    sent = Path(counters.__file__).read_text(encoding="utf-8")
    assert all(f'"{each}"' in sent for each in counted), counted
