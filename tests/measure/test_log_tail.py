"""The end of what a process prints."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from patience import PATIENCE_S

from perflab.measure.log_tail import KEPT_BYTES, LogTail


@pytest.fixture
def pipe() -> Iterator[Any]:
    """The two ends of a pipe: what the tail reads, and what the process writes."""
    read, write = os.pipe()
    with os.fdopen(write, "wb", buffering=0) as end:
        yield os.fdopen(read, "rb"), end


def test_the_last_lines_are_told_once_the_writer_is_gone(pipe: Any) -> None:
    tail = LogTail(pipe[0], "log")
    pipe[1].write(b"one\ntwo\nthree, \xff\n")
    pipe[1].close()
    assert tail.text(2, PATIENCE_S) == "two\nthree, \N{REPLACEMENT CHARACTER}"
    assert pipe[0].closed


def test_nothing_printed_is_no_text(pipe: Any) -> None:
    tail = LogTail(pipe[0], "log")
    assert tail.text(5) == ""
    pipe[1].close()
    tail.close(PATIENCE_S)
    assert tail.text(5) == ""


def test_however_much_is_printed_only_the_end_is_kept(pipe: Any) -> None:
    tail = LogTail(pipe[0], "log")
    for number in range(300):
        pipe[1].write(b"x" * 10_000 + b"\n%d\n" % number)
    pipe[1].close()
    assert tail.text(1, PATIENCE_S) == "299"
    assert len(tail._kept) == KEPT_BYTES


def test_without_a_thread_for_it_the_pipe_is_closed(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        LogTail(pipe[0], "log")
    assert pipe[0].closed
