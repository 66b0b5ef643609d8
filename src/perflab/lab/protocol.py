"""What the kernel and its worker say to each other, and how it travels: length-prefixed pickles over two pipes."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from perflab.lab.surroundings import Surroundings
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger

LENGTH = struct.Struct("!Q")


@dataclass(frozen=True)
class Start:
    """Kernel to worker: make run `run` of a pickled experiment ready. Nothing is measured until `Next`."""

    run: int
    experiment: bytes
    parameters: Mapping[str, Any]
    seed: int
    surroundings: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True)
class Next:
    """Kernel to worker: measure one slice of `run`."""

    run: int


@dataclass(frozen=True)
class Finish:
    """Kernel to worker: close `run`; answered by `Finished`."""

    run: int


@dataclass(frozen=True)
class Ready:
    """Worker to kernel: alive, and this is where the measuring takes place."""

    environment: Mapping[str, Any]


@dataclass(frozen=True)
class Outdated:
    """Worker to kernel: what it has loaded was edited since, so `run` has not begun; another worker has to do it."""

    run: int


@dataclass(frozen=True)
class Sliced:
    """Worker to kernel: one slice of `run` was measured, which took so long."""

    run: int
    frame: Frame
    seconds: float


@dataclass(frozen=True)
class Ended:
    """Worker to kernel: the experiment of `run` has no more slices."""

    run: int


@dataclass(frozen=True)
class Failed:
    """Worker to kernel: the experiment of `run` raised; the message of blame "input" or "machine" says what to do."""

    run: int
    message: str
    traceback: str
    blame: str


@dataclass(frozen=True)
class Finished:
    """Worker to kernel: `run` is closed, and this is how quiet the machine was."""

    run: int
    noise: NoiseLedger | None


@dataclass(frozen=True)
class Died:
    """From the kernel's reader thread: the worker is gone; `log` is the end of what it printed."""

    worker: int
    log: str


Command = Start | Next | Finish
Reply = Ready | Outdated | Sliced | Ended | Failed | Finished | Died


class AnyWorker(Protocol):
    """What the conductor needs of a worker; a test brings its own."""

    pid: int

    def send(self, command: Command) -> None: ...
    def close(self) -> None: ...
    def kill(self) -> None: ...
    def log_tail(self) -> str: ...


def send(pipe: BinaryIO, message: Command | Reply) -> None:
    """Write one message and flush it; raises OSError when the other side is gone."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """The next message; raises EOFError when the other side is gone."""
    return pickle.loads(_exactly(pipe, LENGTH.unpack(_exactly(pipe, LENGTH.size))[0]))


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if data is None or len(data) < size:
        raise EOFError
    return data
