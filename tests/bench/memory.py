"""The most memory of kernel, worker and servers, each page counted once: every lab of a notebook open, and run at its far ends.

`make bench ONLY=memory` takes some minutes; `NOTEBOOK=11 make bench ONLY=memory` looks at one of the notebooks with servers.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import psutil
from corpus import LABS

from perflab.lab import Lab
from perflab.lab.budget import BUDGET
from perflab.lab.controls import Slider
from perflab.measure.memory import memory_of

ON_REQUEST = True
NOTEBOOKS = {"08": "caching_strategies", "10": "databases", "11": "web_servers"}
RUN_S, LOOK_S, PATIENCE_S = "1", 0.1, 120.0
OPEN = "from perflab.chapters.{0} import {1}\n{1}_lab = {1}.lab()\n{1}_lab"
RUN = """\
for chosen in {settings}:
    try:
        {lab}_lab.run(**chosen)
        break
    except Exception as refused:
        print(refused)
"""
"""Where a server may not have so many connections, the next smaller setting is tried."""


def rows() -> Iterator[tuple[str, str, str]]:
    """A row for each notebook."""
    wanted = os.environ.get("NOTEBOOK", "")
    for number, chapter in NOTEBOOKS.items():
        if wanted in ("", number):
            peak, where = most_of(chapter)
            said = f"{peak / 1e6:.0f} MB ({where})"
            yield f"memory of notebook {number} with its servers (PSS), all labs at their far ends", "≤ 700 MB", said


def far_ends(lab: Lab) -> list[list[dict[str, Any]]]:
    """For each combination of what can be chosen the largest value of every slider, and the next smaller ones in case."""
    sliders = {name: control.values for name, control in lab.controls.items() if isinstance(control, Slider)}
    choices = {name: control.values for name, control in lab.controls.items() if name not in sliders}
    steps = max(map(len, sliders.values()), default=1)
    smaller = [
        {name: values[max(0, len(values) - 1 - step)] for name, values in sliders.items()} for step in range(steps)
    ]
    chosen: list[Mapping[str, Any]] = [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]
    return [[{**each, **values} for values in smaller] for each in chosen]


def most_of(chapter: str) -> tuple[float, str]:
    """The peak (bytes), and in which lab with which choice it was."""
    from jupyter_client.manager import start_new_kernel

    names = [name.rpartition(".")[2] for name in LABS if name.startswith(f"{chapter}.")]
    manager, client = start_new_kernel(env={**os.environ, BUDGET: RUN_S})
    try:
        watch = Watch(manager.provisioner.pid)
        with watch:
            for name in names:
                watch.where = name
                client.execute_interactive(OPEN.format(chapter, name), timeout=PATIENCE_S, output_hook=_nothing)
            for name in names:
                for settings in far_ends(LABS[f"{chapter}.{name}"]()):
                    watch.where = f"{name}: {', '.join(map(str, settings[0].values()))}"
                    code = RUN.format(settings=settings, lab=name)
                    client.execute_interactive(code, timeout=PATIENCE_S, output_hook=_nothing)
        return watch.peak
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


class Watch(threading.Thread):
    """Looks at the memory of a process and all below it, from outside."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.where, self.peak = "", (0.0, "")
        self._process, self._is_over = psutil.Process(pid), threading.Event()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        while not self._is_over.wait(LOOK_S):
            where = self.where
            try:
                pids = [each.pid for each in (self._process, *self._process.children(recursive=True))]
            except psutil.NoSuchProcess:
                continue
            self.peak = max(self.peak, (memory_of(pids).own, where))


def _nothing(_: Any) -> None:
    """What a cell prints."""
