"""A figure beside the measurement never ends it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from perflab.measure.told import told


@pytest.mark.parametrize(
    "error", [OSError, PermissionError, ValueError, IndexError, RuntimeError, psutil.AccessDenied, ZeroDivisionError]
)
def test_whatever_is_wrong_with_its_source(error: type[Exception]) -> None:
    def read() -> int:
        raise error

    assert told(read, None) is None
    assert told(lambda: 3, None) == 3


def test_what_the_learner_interrupts_is_not_held_back() -> None:
    def read() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told(read, 1)


def test_a_file_that_is_a_folder_or_is_no_text_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\xff")
    assert told((tmp_path / "odd").read_text, "") == ""
    assert told(tmp_path.read_text, "") == ""
