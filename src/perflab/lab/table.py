"""Rows of text as an HTML table."""

from __future__ import annotations

import html
from collections.abc import Sequence

CELL = "text-align:left;font-weight:normal;padding:0 24px 0 0;line-height:22px;vertical-align:top"


def table_html(rows: Sequence[Sequence[str]]) -> str:
    """A real table: the first row holds the heads of the columns, the first cell of each further row is its head."""
    if not rows:
        return ""
    columns = max(map(len, rows))
    heading, *body = ((*row, *[""] * (columns - len(row))) for row in rows)
    lines = [_row(heading, "col", len(heading)), *(_row(row, "row", 1) for row in body)]
    return f'<table style="border-collapse:collapse">{"".join(lines)}</table>'


def _row(cells: Sequence[str], scope: str, heads: int) -> str:
    head = [_cell(f'th scope="{scope}"' if cell else "td", cell) for cell in cells[:heads]]
    return f"<tr>{''.join((*head, *(_cell('td', cell) for cell in cells[heads:])))}</tr>"


def _cell(tag: str, text: str) -> str:
    return f'<{tag} style="{CELL}">{html.escape(text)}</{tag.split()[0]}>'
