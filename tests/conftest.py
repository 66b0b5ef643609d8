"""The order of the suite; the three tiers; and no part of it leaves a process to the next."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import dying_servers
import psutil
import pytest
from edited import Edited
from hypothesis import settings
from labs import small_heap
from sharing_out import ByLab
from tiers import GUARD, MARKERS

from perflab.lab import stage
from perflab.lab.run_lock import VARIABLE

SLOW_ROOMS = ("notebooks", "browser")
GONE_S = 5.0
IN_PARALLEL = "PYTEST_XDIST_WORKER"


def pytest_configure(config: pytest.Config) -> None:
    """The guard of the tiers stands for as long as the suite runs. A suite waits for no notebook that measures elsewhere."""
    config.add_cleanup(GUARD.install())
    settings.register_profile("suite", deadline=None)  # how long an example takes is this machine's doing
    settings.load_profile("suite")
    platform.platform()  # asks another process once, and remembers the answer
    folder = tempfile.TemporaryDirectory(prefix="perflab-tests-")
    config.add_cleanup(folder.cleanup)
    if IN_PARALLEL in os.environ:  # each of several measures when it likes: no time is judged there
        os.environ[VARIABLE] = str(Path(folder.name) / "lock")
    os.environ.setdefault(VARIABLE, str(Path(folder.name) / "lock"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures of a whole module are made in the first test that needs them: they belong to its tier."""
    with GUARD.closed(not any(map(item.get_closest_marker, MARKERS))):
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests are shared out by scope, it is the lab."""
    return ByLab(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order within a room: what fails quickly is then known early. Experiments written in tests travel by value.

    By name, the worker could find the `tests` of another package (Ciw installs one).
    """
    items.sort(key=room_rank)
    for module in {item.module for item in items if isinstance(item, pytest.Function)}:
        cloudpickle.register_pickle_by_value(module)


def room_rank(item: pytest.Item) -> int:
    """0 for most tests, then one more per slow room. Browser tests come last: in their process an event loop goes on running."""
    parts = item.path.parts
    return next((rank for rank, room in enumerate(SLOW_ROOMS, 1) if room in parts[-2:]), 0)


@pytest.fixture(scope="module", autouse=True)
def modules_begin_with_a_small_heap() -> None:
    """Not with what the suite has kept of those before."""
    small_heap()


@pytest.fixture(scope="module", autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """A worker started by `lab.run` serves a kernel for life; here it serves one module, and takes all of its own along."""
    yield
    if stage.this_kernels_conductor.cache_info().currsize:
        stage.this_kernels_conductor().close()
        stage.this_kernels_conductor.cache_clear()
        stage.opened.cache_clear()
    _, alive = psutil.wait_procs(ours(), GONE_S)
    assert not alive, [process.cmdline() for process in alive]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edited]:
    """A learner's module in a folder that is on the search path."""
    monkeypatch.syspath_prepend(tmp_path)
    module = Edited(tmp_path)
    yield module
    module.forget()


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that puts programs of these names on the PATH which die when they are started."""
    with tempfile.TemporaryDirectory(prefix="perflab-dying-", dir="/tmp") as folder:  # where every user may enter
        yield lambda *programs: monkeypatch.setenv("PATH", dying_servers.put_in(Path(folder), *programs))


def ours() -> list[psutil.Process]:
    """Processes below this one that run a part of perflab."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word.startswith("perflab.") for word in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found
