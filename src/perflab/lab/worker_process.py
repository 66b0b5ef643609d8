"""The kernel's side of a worker: start it, speak to it, see it die, and leave nothing of it behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from perflab.interpreter import start_python
from perflab.lab.protocol import Command, Died, Reply, receive, send
from perflab.measure.log_tail import LogTail

LOG_LINES = 15
LOG_S = 0.5


class WorkerProcess:
    """A running worker in a session of its own, so that the Interrupt button's signal does not reach it.

    `deliver` is called with each reply, and once with `Died`, on a thread of this object.
    """

    def __init__(self, deliver: Callable[[Reply], None]) -> None:
        self._deliver = deliver
        self.folder = Path(tempfile.mkdtemp(prefix=f"perflab-worker-{os.getpid()}-"))
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Servers that run as another user have their folders in it, too.
            self.folder.chmod(0o711)
        try:
            self._process, self._replies = self._started()
        except BaseException:
            self._remove_folder()
            raise
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read_replies, name=f"perflab-worker-{self.pid}", daemon=True)
        assert self._process.stdout is not None
        try:
            self._log = LogTail(self._process.stdout, f"perflab-log-{self.pid}")
            self._reader.start()
        except RuntimeError:  # no more threads here
            self._process.kill()
            self._process.wait()
            self._close_pipes()
            self._remove_folder()
            raise

    def send(self, command: Command) -> None:
        """Send a command; a worker that is gone reports itself by `Died`, not here."""
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, command)  # type: ignore[arg-type]
        except (OSError, ValueError):
            pass

    def close(self, grace_s: float = 1.0) -> None:
        """End the worker: ask by closing its input, then kill its whole process group; remove its files."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self) -> None:
        """End the worker and everything it started, now."""
        if hasattr(os, "killpg"):
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self._process.kill()
        self._process.wait()
        if threading.current_thread() is not self._reader:
            self._reader.join(1.0)
        self._close_pipes()
        self._log.close(LOG_S)
        self._remove_folder()

    def log_tail(self) -> str:
        """The end of what the worker and its experiment printed."""
        return self._log.text(LOG_LINES, LOG_S if self._process.poll() is not None else 0.0)

    def _started(self) -> tuple[subprocess.Popen[bytes], BinaryIO]:
        return start_python("perflab.lab.worker", has_log=True, env=self._environment(), start_new_session=True)

    def _remove_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        # A folder for temporary files that goes with the worker. Unbuffered, so that an experiment's last words are in its log.
        folder = str(self.folder)
        return {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": folder, "TEMP": folder}

    def _read_replies(self) -> None:
        try:
            while True:
                self._deliver(receive(self._replies))
        except (EOFError, OSError, ValueError):
            self._deliver(Died(self.pid, self._log.text(LOG_LINES, LOG_S)))
        except Exception:  # a reply that holds what does not exist here
            self._deliver(Died(self.pid, traceback.format_exc()))

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._replies):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass


def remove_stale_folders() -> None:
    """Remove what workers of kernels that no longer run have left, when both were killed at the same moment."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob("perflab-worker-*-*"):
        kernel_pid = folder.name.split("-")[2]
        if kernel_pid.isdigit() and not psutil.pid_exists(int(kernel_pid)):
            shutil.rmtree(folder, ignore_errors=True)
