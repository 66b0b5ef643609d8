"""Servers as child processes: started on a free loopback port, asked, and gone when their parent is.

A server module runs `run_server(…)` in its `__main__`; `serve("perflab.systems.servers.echo")` starts it by its name. Parent
and child speak lines of JSON: requests over the child's standard input, answers over a channel of their own. The child ends when
its standard input closes, however the parent ends.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, BinaryIO, Self

from perflab.interpreter import open_channel, start_python
from perflab.measure.files import allow_files
from perflab.measure.guards import BadInput
from perflab.measure.log_tail import LogTail
from perflab.measure.shortage import shortage_of

START_S = 60.0
ANSWER_S = 30.0
"""Patience with a machine that has much to do; a server that dies is noticed at once."""
END_S = 1.0
DEATH_S = 0.5
"""A connection breaks a moment before its process can be seen to be dead."""
LOG_LINES = 10


class ServerFailed(RuntimeError):
    """A server did not start, did not answer, or died. The message holds the end of its log."""


class Refused(ServerFailed, BadInput):
    """A server did not do what it was asked for: the input is to blame, and the message is what it said of that."""


class ChildServer:
    """A running server of ours, for as long as its `with` block lasts. Not thread-safe.

    A block that lost its connection because the server died raises `ServerFailed`.
    """

    end_s = END_S  # how long it may take to end once its input is closed

    def __init__(self, module: str, config: dict[str, Any], name: str | None = None) -> None:
        self.name = name or module.rpartition(".")[2].removesuffix("_server")
        self._process, self._channel = start_python(module, json.dumps(config), has_log=True)
        assert self._process.stdout is not None
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read_answers, daemon=True, name=f"perflab-{self.name}")
        try:
            self._log = LogTail(self._process.stdout, f"perflab-{self.name}-log")
            self._reader.start()
        except RuntimeError:  # no more threads here
            end_process(self._process, self.end_s)
            self._channel.close()
            raise
        try:
            self.announced = self._answer(START_S, "did not start")
            self.port = int(self.announced["port"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            # Another server may have failed because this one is gone.
            if isinstance(error, ConnectionError | ServerFailed):
                self.check(DEATH_S)
        finally:
            self.close()

    @property
    def pid(self) -> int:
        """The child's process."""
        return self._process.pid

    def ask(self, request: str, **details: Any) -> dict[str, Any]:
        """Send a request over the control pipe and return the answer; raises `ServerFailed` without one, or `Refused`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"request": request, **details}).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise self._failure("is gone") from None
        answer = self._answer(ANSWER_S, f"did not answer {request!r}")
        if "refused" in answer:
            raise Refused(answer["refused"])
        if "error" in answer:
            raise ServerFailed(f"The {self.name} server refused {request!r}: {answer['error']}")
        return answer

    def check(self, within_s: float = 0.0) -> None:
        """Raise `ServerFailed` when the server is no longer running, or ends within so many seconds."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return
        raise self._failure("died")

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the server: close its input, then insist. Nothing of it is left afterwards."""
        end_process(self._process, self.end_s)
        self._reader.join(END_S)
        self._channel.close()
        self._log.close(END_S)

    def _answer(self, timeout_s: float, complaint: str) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise self._failure(f"{complaint} within {timeout_s:g} s") from None
        if line is None or line[-1:] != b"\n":  # its channel is closed, perhaps in mid-answer: it ends, or has ended
            raise self._failure("died", DEATH_S)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self, what: str, wait_s: float = 0.0) -> ServerFailed:
        end = self._log.text(LOG_LINES, DEATH_S if self._process.poll() is not None else wait_s)
        return ServerFailed(f"The {self.name} server {what}." + (f"\nThe end of its log:\n{end}" if end else ""))

    def _read_answers(self) -> None:
        for line in self._channel:
            self._answers.put(line)
        self._answers.put(None)


def end_process(process: subprocess.Popen[Any], timeout_s: float) -> None:
    """End a process that ends with its standard input: close that, and kill the process if it is not gone in time."""
    assert process.stdin is not None
    try:
        process.stdin.close()
    except OSError:
        pass
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve(module: str, **config: Any) -> ChildServer:
    """A server of ours on a free loopback port; to be used in a `with` block."""
    return ChildServer(module, config)


def read_config() -> dict[str, Any]:
    """In the child: what the parent configured. Interrupts are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_files()
    _channel()
    config: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    return config


def announce(port: int, **details: Any) -> None:
    """In the child: tell the parent that the server is ready on this port, and what else it should know (`announced`)."""
    _tell({"port": port, **details})


def _tell(answer: Mapping[str, Any]) -> None:
    channel = _channel()
    channel.write(json.dumps(answer).encode() + b"\n")
    channel.flush()


@functools.cache
def _channel() -> BinaryIO:
    # Started by hand, a server speaks to the terminal.
    return open_channel(sys.argv[2]) if len(sys.argv) > 2 else sys.stdout.buffer


def port_of(server: asyncio.Server) -> int:
    """The port a server listens on."""
    return int(server.sockets[0].getsockname()[1])


Running = Coroutine[Any, Any, None]
Handlers = Mapping[str, Callable[..., Any]]
"""What answers each of the parent's requests, with a mapping or None."""


def answer_requests(handlers: Handlers) -> None:
    """In the child: answer the parent's requests until it is gone. Blocks; the process should end afterwards."""
    for line in sys.stdin:
        details = json.loads(line)
        handler = handlers.get(details.pop("request"))
        try:
            answer = {"error": "there is no such request"} if handler is None else (handler(**details) or {})
        except BadInput as error:
            answer = {"refused": str(error)}
        except (TypeError, ValueError) as error:
            answer = {"error": str(error)}
        _tell(answer)


def exit_with_parent(handlers: Handlers, cleanup: Callable[[], object] = lambda: None) -> None:
    """In the child: answer requests on a thread of its own; when the parent is gone, clean up and end the process."""

    def watch() -> None:
        try:
            answer_requests(handlers)
        finally:
            try:
                cleanup()
            finally:
                os._exit(0)

    threading.Thread(target=watch, daemon=True, name="parent").start()


async def keep_serving(
    server: asyncio.Server, handlers: Handlers, cleanup: Callable[[], object] = lambda: None, *others: Running
) -> None:
    """In the child: announce the server, run it (and `others`), and answer the parent's requests until the parent is gone."""
    exit_with_parent(handlers, cleanup)
    announce(port_of(server))
    await asyncio.gather(server.serve_forever(), *others)


def _end_of_means(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # asyncio would report it at each new connection, and the server would answer none of them: it ends instead.
    error = context.get("exception")
    if error is not None and shortage_of(error):
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    loop.default_exception_handler(context)


def run_server(main: Callable[..., Running], loop_factory: Any = None, config: Mapping[str, Any] | None = None) -> None:
    """In the child: run its main function with what the parent configured; `config` where that was read already."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_exception_handler(_end_of_means)
        runner.run(main(**(read_config() if config is None else config)))
