"""Tables are real ones: a screen reader finds the heads of rows and columns."""

from __future__ import annotations

from html.parser import HTMLParser

from perflab.lab.table import table_html


class Cells(HTMLParser):
    """The cells of each row: tag, scope, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str, str]]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append((tag, dict(attrs).get("scope") or "", ""))

    def handle_data(self, data: str) -> None:
        tag, scope, text = self.rows[-1][-1]
        self.rows[-1][-1] = tag, scope, text + data


def test_the_first_row_heads_the_columns_and_the_first_cell_of_the_others_their_row() -> None:
    found = Cells(table_html([("", "this run", "pinned run"), ("p50", "1 µs", "2 µs")]))
    assert found.tags[0] == "table"
    assert found.rows == [
        [("td", "", ""), ("th", "col", "this run"), ("th", "col", "pinned run")],
        [("th", "row", "p50"), ("td", "", "1 µs"), ("td", "", "2 µs")],
    ]


def test_short_rows_are_filled_up() -> None:
    found = Cells(table_html([("", "this run"), ("p50",), ("p99", "3 µs", "more")]))
    assert [len(row) for row in found.rows] == [3, 3, 3]


def test_text_is_never_taken_for_html() -> None:
    text = table_html([("<b>", "a & b"), ('"<script>"', "1 < 2")])
    assert "<b>" not in text and "<script>" not in text and "&amp;" in text
    assert [cell for row in Cells(text).rows for *_, cell in row] == ["<b>", "a & b", '"<script>"', "1 < 2"]


def test_no_rows_are_no_table() -> None:
    assert table_html([]) == ""
