"""Writes the README's gallery: a picture of each lab, as `make pictures` has taken them into `docs/gallery`.

A picture's text, what its lab found, is kept in `docs/gallery/findings.json`.
"""

from __future__ import annotations

import ast
import html
import json
from collections.abc import Iterator
from pathlib import Path

BEGIN, END = "<!-- gallery -->\n", "<!-- /gallery -->"
FOLDER, FINDINGS = Path("docs/gallery"), "findings.json"
IN_A_ROW = 2


def labs(notebook: Path) -> dict[int, str]:
    """Of each lab that a notebook shows, by the place of its cell: the name of its picture."""
    cells = enumerate(json.loads(notebook.read_text())["cells"])
    codes = {place: "".join(cell["source"]) for place, cell in cells if cell["cell_type"] == "code"}
    return {place: f"{notebook.stem[:2]}-{name}" for place, code in codes.items() for name in _shown(code)}


def _shown(code: str) -> Iterator[str]:
    """The module of the lab that stands in the last line of a cell."""
    if code.startswith("%"):
        return
    for statement in ast.parse(code).body[-1:]:
        match statement:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(module), "lab"))):
                yield module


def gallery(folder: Path) -> str:
    """A table of pictures for each notebook, with what each lab found below it; a lab without one is left out."""
    findings = json.loads((folder / FOLDER / FINDINGS).read_text())
    rows = []
    for notebook in sorted((folder / "notebooks").glob("*.ipynb")):
        cells = [_cell(name, findings[name]) for name in labs(notebook).values() if name in findings]
        lines = ["".join(cells[first : first + IN_A_ROW]) for first in range(0, len(cells), IN_A_ROW)]
        rows.append(
            f"**{notebook.stem}**\n\n<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>\n"
        )
    return "\n" + "\n".join(rows) + "\n"


def _cell(name: str, finding: str) -> str:
    picture = f'<img src="{FOLDER.as_posix()}/{name}.png" alt="the lab {name[3:].replace("_", " ")}">'
    return f'<td width="{100 // IN_A_ROW}%" valign="top">{picture}<br>{html.escape(finding)}</td>'


def write(folder: Path) -> None:
    """Into the README of the repository in this folder."""
    from links import between

    readme = folder / "README.md"
    readme.write_text(between(readme.read_text(), gallery(folder), BEGIN, END))


if __name__ == "__main__":
    write(Path(__file__).parents[1])
