"""A kernel whose front end sends no identifiers of its cells: labs of one notebook stay open beside each other."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from patience import PATIENCE_S

CELLS = (
    "from perflab.chapters.start_here import first_lab\nfirst_lab.lab()",
    "first_lab.lab()  # in another cell",
    "a = first_lab.lab()\na.run()",
    "b = first_lab.lab()\nb.run()",
    "from perflab.lab.stage import opened\nprint(len(opened()), len(a.records), len(b.records))",
)


@pytest.mark.clock
def test_labs_do_not_close_each_other_and_those_of_a_re_run_cell_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFLAB_BUDGET_S", "0.1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    client = NotebookClient(notebook, timeout=PATIENCE_S, kernel_name="python3", resources={"metadata": {"path": "."}})
    with client.setup_kernel():
        for _ in range(2):  # Run All, twice
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number)
            (told,) = (output["text"] for output in notebook.cells[-1]["outputs"])
            assert told.split() == ["4", "1", "1"]
