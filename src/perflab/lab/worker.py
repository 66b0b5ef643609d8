"""The worker process: it measures one slice whenever it is asked, and sleeps in between.

Started by `worker_process.WorkerProcess`. Commands come over its standard input, replies go over a channel of their own. It
ends when its standard input closes, which happens however the kernel ends, and takes its children and temporary files along.
"""

from __future__ import annotations

import inspect
import os
import pickle
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from perflab.interpreter import open_channel
from perflab.lab.environment import describe_environment
from perflab.lab.fault import told_of
from perflab.lab.protocol import Ended, Failed, Finish, Finished, Next, Outdated, Ready, Sliced, Start, receive, send
from perflab.lab.sources import Source, sources_of_this_process
from perflab.measure.files import allow_files
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseWatch

GRACE_S = 1.5


class Worker:
    """Answers commands one by one. At most one run is open; a new `Start` closes the one before."""

    def __init__(self, replies: BinaryIO) -> None:
        self._replies = replies
        self._run = -1
        self._slices: Iterator[Frame] | None = None
        self._noise: Any = None
        self._notebook: Mapping[str, Source] = {}
        self._sources = sources_of_this_process()
        self._sources.look()
        self._disagrees = False

    def answer(self, command: Start | Next | Finish) -> None:
        """Carry out one command; an exception of the experiment becomes a `Failed` reply."""
        try:
            match command:
                case Start():
                    self._start(command)
                case Next(run) if run == self._run:
                    self._measure_slice()
                case Finish(run):
                    self._finish(run)
        except Exception as error:
            told = told_of(error)  # while what it holds is still open
            self.close()
            send(self._replies, Failed(command.run, *told))

    def close(self) -> None:
        """Close the open run, so that the experiment's `finally` blocks do their work."""
        slices, self._slices = self._slices, None
        if slices is not None and hasattr(slices, "close"):
            slices.close()

    def _start(self, command: Start) -> None:
        try:
            self.close()
        except Exception:  # of the run before, which is over: no reason for the next one to fail
            traceback.print_exc()
        if self._disagrees or self._sources.changed():
            send(self._replies, Outdated(command.run))
            return
        self._run, self._notebook = command.run, command.surroundings.sources
        command.surroundings.enter()
        experiment = pickle.loads(command.experiment)
        extra = {"seed": command.seed} if "seed" in inspect.signature(experiment).parameters else {}
        self._slices = iter(experiment(**command.parameters, **extra))
        self._agree()
        self._noise = None

    def _agree(self) -> None:
        """Raise where the notebook has another version of a module; the next run needs a worker without that module."""
        self._disagrees = True
        self._sources.check(self._notebook)
        self._disagrees = False

    def _measure_slice(self) -> None:
        if self._slices is None:
            return
        # The ledger opens after the first slice, which holds the experiment's preparations.
        started = time.perf_counter()
        try:
            frame = next(self._slices)
        except StopIteration:
            send(self._replies, Ended(self._run))
            return
        seconds = time.perf_counter() - started
        if not isinstance(frame, Frame):
            raise TypeError(f"an experiment yields Frames, not {type(frame).__name__}; see perflab.measure.frame")
        if self._noise is None:
            self._agree()  # of what the experiment has imported by then
            self._noise = NoiseWatch()
        send(self._replies, Sliced(self._run, frame, seconds))

    def _finish(self, run: int) -> None:
        noise, self._noise = self._noise, None
        ledger = noise.stop() if noise is not None else None
        self.close()
        self._agree()
        send(self._replies, Finished(run, ledger))


def main() -> None:
    """Serve commands until the kernel is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_files()
    requests, replies = _take_over_input(), open_channel(sys.argv[-1])
    commands: queue.SimpleQueue[Start | Next | Finish | None] = queue.SimpleQueue()
    threading.Thread(target=_read_commands, args=(requests, commands), name="commands", daemon=True).start()
    worker = Worker(replies)
    send(replies, Ready(describe_environment()))
    try:
        while (command := commands.get()) is not None:
            worker.answer(command)
    except OSError:
        pass  # the kernel went away while it was being answered
    worker.close()
    _remove_folder()


def _take_over_input() -> BinaryIO:
    """The kernel's commands, out of reach of the experiment: its reads find nothing."""
    requests = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests


def _read_commands(requests: BinaryIO, commands: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            commands.put(receive(requests))
    except Exception as error:
        if not isinstance(error, EOFError | OSError):
            traceback.print_exc()  # a command that cannot be read, for the log
        commands.put(None)
        # The main thread now closes the run and leaves. An experiment that does not let it is cut short.
        time.sleep(GRACE_S)
        _leave_at_once()


def _leave_at_once() -> None:
    _remove_folder()
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _remove_folder() -> None:
    # The folder was made for this worker by the kernel, which may no longer be there to remove it.
    folder = Path(tempfile.gettempdir())
    if folder.name.startswith("perflab-worker-"):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
