"""Real kernels: labs beside each other where the front end names no cells, and modules that are edited while they are used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from patience import PATIENCE_S

if TYPE_CHECKING:
    from nbclient import NotebookClient

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFLAB_BUDGET_S", "0.1")


def client_of(folder: Path, *cells: str) -> NotebookClient:
    """A front end that sends no identifiers of its cells, with the kernel of `folder`."""
    import nbformat  # takes 2 s: not while tests are collected
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    where = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=PATIENCE_S, kernel_name="python3", resources=where)


def printed_by(cell: Any) -> str:
    return "".join(output["text"] for output in cell["outputs"] if output["output_type"] == "stream").strip()


def test_labs_do_not_close_each_other_and_those_of_a_re_run_cell_are_replaced(tmp_path: Path) -> None:
    client = client_of(
        tmp_path,
        "from perflab.chapters.start_here import first_lab\nfirst_lab.lab()",
        "first_lab.lab()  # in another cell",
        "a = first_lab.lab()\na.run()",
        "b = first_lab.lab()\nb.run()",
        "from perflab.lab.stage import opened\nprint(len(opened()), len(a.records), len(b.records))",
    )
    cells = client.nb.cells
    with client.setup_kernel():
        for _ in range(2):  # Run All, twice
            for number, cell in enumerate(cells):
                client.execute_cell(cell, number)
            assert printed_by(cells[-1]) == "4 1 1"


EXPERIMENT = """
from perflab.measure import Frame
import helper

def experiment(n):
    yield Frame(facts={'value': %s * helper.helped()})
"""
EDITED = f"""
%load_ext autoreload
%autoreload 2
from pathlib import Path
Path('helper.py').write_text('def helped():\\n    return 1\\n')
Path('mine.py').write_text({EXPERIMENT % 1!r})
import helper, mine
from perflab.lab import Lab, slider
lab = Lab('?', mine.experiment, {{'n': slider(1, 5, 1)}}, ())
def run():
    record = lab.run()
    print(record.fact('value'), record.code.split()[-3], record.code == lab.code)
run()
"""
SHADOWS = "for name in ('queue', 'random', 'numpy', 'perflab', 'csv', 'psutil'): Path(f'{name}.py').write_text('1 / 0')"


def test_what_autoreload_has_replaced_is_measured_and_shown_and_no_file_of_another_name_disturbs(
    tmp_path: Path,
) -> None:
    client = client_of(
        tmp_path,
        EDITED,
        "Path('helper.py').write_text('import math\\n\\n\\ndef helped():\\n    return math.floor(2.5)\\n')",
        "run()",
        f"Path('mine.py').write_text('# edited' + {EXPERIMENT % 10!r})",
        SHADOWS,
        "run()",
    )
    client.execute()
    told = [printed_by(cell) for cell in client.nb.cells]
    assert [told[0], told[2], told[5]] == ["1 1 True", "2 1 True", "20 10 True"], (
        "value, factor in the text, shown by Code"
    )
