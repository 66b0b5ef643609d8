"""The names of the package: all there, and loaded only when asked for, so that a server starts without NumPy."""

from __future__ import annotations

import subprocess
import sys

import pytest

import perflab.measure
from perflab.measure import names


@pytest.mark.parametrize("name", names.__all__)
def test_each_name_can_be_imported_from_the_package(name: str) -> None:
    assert getattr(perflab.measure, name) is getattr(names, name)


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="import_module_"):
        _ = perflab.measure.import_module_


SERVERS = [
    "cached_store",
    "distance",
    "echo",
    "hot_key_server",
    "racing",
    "shop",
    "staged_server",
    "victim",
    "worker_server",
]


@pytest.mark.process
@pytest.mark.parametrize("server", [*SERVERS, "stage_kinds.batching"])
def test_a_server_starts_without_numpy(server: str) -> None:
    code = f"import sys, perflab.systems.servers.{server}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
