"""Servers as child processes: started on a free loopback port, asked, and gone when their parent is.

A server module runs `run_server(…)` in its `__main__`; a lab or a test starts it by its name, with
`serve("perflab.systems.servers.echo")`.
Parent and child speak lines of JSON over the child's pipes. The child ends when its standard input closes, which happens
however the parent ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from perflab.measure.files import allow_files

START_S = 60.0
ANSWER_S = 30.0
"""Patience with a machine that has much to do; a server that dies is noticed at once."""
END_S = 1.0
DEATH_S = 0.5
"""A connection breaks a moment before its process can be seen to be dead."""
LOG_LINES = 10
LOG_BYTES = 4_000


class ServerFailed(RuntimeError):
    """A server did not start, did not answer, or died. The message holds the end of its log."""


class ChildServer:
    """A running server of ours. Not thread-safe."""

    def __init__(self, module: str, config: dict[str, Any], start_s: float = START_S) -> None:
        self.name = module.rpartition(".")[2].removesuffix("_server")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the server; it has no name to be left behind)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read_answers, daemon=True, name=f"perflab-{self.name}")
        self._reader.start()
        try:
            self.port = int(self._answer(start_s, "did not start")["port"])
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The child's process."""
        return self._process.pid

    def ask(self, request: str, **details: Any) -> dict[str, Any]:
        """Send a request over the control pipe and return the answer; raises `ServerFailed` without one."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"request": request, **details}) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise self._failure("is gone") from None
        answer = self._answer(ANSWER_S, f"did not answer {request!r}")
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
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(END_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _answer(self, timeout_s: float, complaint: str) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise self._failure(f"{complaint} within {timeout_s:g} s") from None
        if line is None:
            raise self._failure("died")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self, what: str) -> ServerFailed:
        # The file's position is shared with the child that still writes: it is left where it is.
        at = self._log.tell()
        self._log.seek(max(0, os.fstat(self._log.fileno()).st_size - LOG_BYTES))
        end = "\n".join(self._log.read().decode(errors="replace").splitlines()[-LOG_LINES:])
        self._log.seek(at)
        return ServerFailed(f"The {self.name} server {what}." + (f"\nThe end of its log:\n{end}" if end else ""))

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)


Server = TypeVar("Server", bound=ChildServer)


def serve(module: str, *, start_s: float = START_S, **config: Any) -> AbstractContextManager[ChildServer]:
    """A server of ours on a free loopback port, for as long as the block lasts; see `serving`."""
    return serving(ChildServer, module, config, start_s)


@contextmanager
def serving(server_class: Callable[..., Server], *made_of: Any) -> Iterator[Server]:
    """Such a server for as long as the block lasts.

    A block that lost its connection because the server died raises `ServerFailed`, with the end of the server's log.
    """
    server = server_class(*made_of)
    try:
        yield server
    except ConnectionError:
        server.check(DEATH_S)
        raise
    finally:
        server.close()


def read_config() -> dict[str, Any]:
    """In the child: what the parent configured. Interrupts are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_files()
    config: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    return config


def announce(port: int) -> None:
    """In the child: the server is ready on this port."""
    print(json.dumps({"port": port}), flush=True)


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
        except (TypeError, ValueError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


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
    """In the child: announce the server, run it (and others beside it), and answer the parent's requests until it is gone."""
    exit_with_parent(handlers, cleanup)
    announce(server.sockets[0].getsockname()[1])
    await asyncio.gather(server.serve_forever(), *others)


def run_server(main: Callable[..., Running], loop_factory: Any = None) -> None:
    """In the child: run its main function with what the parent configured."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(**read_config()))
