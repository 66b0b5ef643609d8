"""What tests of the lab share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

from perflab.lab.conductor import Conductor
from perflab.lab.run_lock import RunLock


@pytest.fixture
def conductor(tmp_path: Path) -> Iterator[Conductor]:
    """One on a thread of its own, with a run lock of its own."""
    conductor = Conductor(lock=RunLock(tmp_path / "lock"))
    thread = threading.Thread(target=conductor.run_forever)
    thread.start()
    yield conductor
    conductor.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
