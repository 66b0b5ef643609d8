"""What tests wait for comes, or is named when it does not."""

from __future__ import annotations

import os
import subprocess
import sys

import patience
import pytest
from patience import is_gone, wait_until, wait_until_gone


def test_it_looks_until_the_condition_holds() -> None:
    looks = iter([False, False, True])
    wait_until(lambda: next(looks))
    assert next(looks, None) is None


def test_what_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 0.02)
    with pytest.raises(AssertionError, match=r"Godot did not come within 0\.02 s"):
        wait_until(lambda: False, "Godot")
    with pytest.raises(AssertionError, match=f"the end of .{os.getpid()}"):
        wait_until_gone(os.getpid())


@pytest.mark.clock
def test_a_process_that_has_ended_is_gone_even_before_it_was_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not is_gone(process.pid)
        process.kill()
        wait_until_gone(process.pid)
    assert is_gone(process.pid)
