"""The table of texts: the same values in the file and in the store that is some way off."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from perflab.systems.databases import values
from perflab.systems.databases.values import LETTERS, ROWS, WAIT_S, SlowTexts, SqliteTexts, file_of_texts, text_of


def test_each_row_has_the_text_of_its_number() -> None:
    with closing(SqliteTexts(file_of_texts())) as texts:
        for key in (0, 7, 1_234, ROWS - 1):
            assert texts.read(key) == text_of(key) and len(text_of(key)) == LETTERS
        with pytest.raises(TypeError):
            texts.read(ROWS)


def test_the_slow_store_waits_at_each_read() -> None:
    waits: list[float] = []
    with closing(SlowTexts(file_of_texts(), sleep=waits.append)) as texts:
        assert [texts.read(key) for key in (3, 4)] == [text_of(3), text_of(4)]
    assert waits == [WAIT_S, WAIT_S]


def test_the_file_is_made_once() -> None:
    assert file_of_texts() == file_of_texts()
    assert [each.name for each in Path(values._folder().name).glob("*.db")] == ["texts.db"]


def test_a_file_that_cannot_be_written_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(values, "kept", lambda path, make: fails(path))
    with pytest.raises(OSError, match="texts cannot be written .*Free some space"):
        file_of_texts()
