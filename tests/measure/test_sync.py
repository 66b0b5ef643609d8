"""A file is pushed to the disk by what the system has for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from perflab.measure.sync import sync_file


def test_the_systems_own_call_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(os, "fsync", asked.append)
    monkeypatch.setitem(
        sys.modules, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=lambda *arguments: asked.append(arguments))
    )
    for platform in ("linux", "win32", "darwin"):
        monkeypatch.setattr(sys, "platform", platform)
        sync_file(7)
    assert asked == [7, 7, (7, 51)]


def test_what_cannot_be_pushed_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        sync_file(file.fileno())
        descriptor = file.fileno()
    with pytest.raises(OSError, match="descriptor"):
        sync_file(descriptor)
