"""A server's keeper: a small process that starts a real server in a folder of its own, and takes both away with its parent.

It ends, as each child does, when its standard input closes, however the parent ends; then it stops the server the server's own
way. On Linux, a server whose keeper is killed gets the same signal from the system (PR_SET_PDEATHSIG); what then is left of its
folder, the next keeper removes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perflab.measure.guards import BadInput
from perflab.systems.process.child import announce, exit_with_parent, read_config
from perflab.systems.process.private_folder import private_folder

UNPRIVILEGED = "nobody"
BACKLOG = 4_096
LOOK_S = 0.01
ANSWER_S = 1.0
STOP_S = 3.0
STARTS = 3
"""Servers that choose their port for themselves may lose it to another program before they listen."""
PDEATHSIG = 1
REMOVE_SEGMENT = 0


@dataclass(frozen=True)
class Launch:
    """How a server is started, asked whether it is ready, and stopped.

    `before` are commands that run to their end first. The server is ready when a connection gets an answer to `ask` that begins
    with `ready`. With `as_user` it is run as an unprivileged user where this process is root.
    """

    command: tuple[str, ...]
    ask: bytes
    ready: bytes
    port: int = 0
    socket_path: str | None = None
    stop: signal.Signals = signal.SIGTERM
    before: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: socket.socket | None = None
    as_user: bool = False

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens."""
        return self.socket_path or ("127.0.0.1", self.port)


@dataclass(frozen=True)
class Place:
    """Where a server runs: its program, a private folder, and the user and group for its work where this process is root."""

    program: str
    folder: Path
    user: str | None
    group: str | None

    def write(self, name: str, text: str) -> str:
        """Make a file in the folder; returns its path."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def listening_socket(self) -> socket.socket:
        """For a server that inherits it: no other program can take its port, and clients may connect before the server is up."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        listening.set_inheritable(True)
        listening.setblocking(False)  # of two processes that see a connection, one would wait in `accept` for the next
        return listening

    def free_port(self) -> int:
        """For a server that has to be told a number."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            return int(listening.getsockname()[1])


def keep(launch: Callable[..., Launch]) -> None:
    """In the keeper: start what `launch(place, **settings)` describes, announce it when it is ready, and end with it."""
    settings = read_config()
    os.umask(0o022)  # the server's user has to read what is written here
    keeper = Keeper(settings.pop("program"))
    exit_with_parent({}, keeper.end)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        ready = keeper.start(lambda: launch(keeper.place, **settings))
        announce(ready.port, socket_path=ready.socket_path, folder=str(keeper.place.folder), pid=keeper.pid)
        print(f"It ended with exit code {keeper.wait()}.", file=sys.stderr)
    except (RuntimeError, BadInput, OSError) as error:  # such as no program `initdb`
        print(error, file=sys.stderr)
    finally:
        keeper.end()
    sys.exit(1)


class Keeper:
    """Starts a server from the main thread, because PR_SET_PDEATHSIG is tied to the thread; ends it from any."""

    def __init__(self, program: str) -> None:
        import grp  # not on Windows, where a lab still has to say that this server is not measured there
        import pwd

        user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
        self._user = user
        self._folder = private_folder(for_others=user is not None)
        self.place = Place(program, self._folder, user and user.pw_name, user and grp.getgrgid(user.pw_gid).gr_name)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stop = signal.SIGTERM
        self._is_over = False
        self._system = ctypes.CDLL(None)

    @property
    def pid(self) -> int:
        """The server's first process."""
        assert self._process is not None
        return self._process.pid

    def start(self, describe: Callable[[], Launch]) -> Launch:
        """Start it, and wait until it answers; raises `RuntimeError` when it ends instead."""
        for attempt in range(1, STARTS + 1):
            launch = describe()
            for command in launch.before:
                self._run(command, launch)
                if code := self.wait():
                    raise RuntimeError(f"{Path(command[0]).name} ended with exit code {code}.")
            process = self._run(launch.command, launch)
            if launch.inherited is not None:
                launch.inherited.close()
            while process.poll() is None:
                if _answers(launch):
                    return launch
                time.sleep(LOOK_S)
            if attempt == STARTS or not (launch.port and _is_taken(launch.port)):
                break
        raise RuntimeError(f"It ended with exit code {process.returncode} before it was ready.")

    def wait(self) -> int:
        """Wait for the end of what was started last; returns its exit code."""
        assert self._process is not None
        return self._process.wait()

    def end(self) -> None:
        """Stop the server, and remove its folder and its shared memory."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            if self._process is not None:
                _stop(self._process, self._stop)
                self._remove_segments(self._process.pid)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, command: tuple[str, ...], launch: Launch) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_over:
                sys.exit()
            who: dict[str, Any] = {}
            if launch.as_user and self._user:
                os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
                who = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
            keeper, how = os.getpid(), launch.stop
            self._stop = launch.stop
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env={**os.environ, **launch.environment},
                stdin=subprocess.DEVNULL,
                pass_fds=(launch.inherited.fileno(),) if launch.inherited is not None else (),
                start_new_session=True,  # Apache signals its whole group when it ends
                preexec_fn=(lambda: self._die_with(keeper, how)) if sys.platform == "linux" else None,
                **who,
            )
            return self._process

    def _die_with(self, keeper: int, how: signal.Signals) -> None:
        self._system.prctl(PDEATHSIG, int(how))
        if os.getppid() != keeper:  # it was killed just now
            os._exit(1)

    def _remove_segments(self, pid: int) -> None:
        """PostgreSQL leaves one behind when it is killed."""
        try:
            rows = Path("/proc/sysvipc/shm").read_text().splitlines()
        except OSError:  # not Linux
            return
        names = rows[0].split()
        for values in (dict(zip(names, row.split(), strict=False)) for row in rows[1:]):
            if values["cpid"] == str(pid):
                self._system.shmctl(int(values["shmid"]), REMOVE_SEGMENT, None)


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # workers may outlive the first process
    except OSError:  # they are gone
        pass
    process.wait()


def _answers(launch: Launch) -> bool:
    kind = socket.AF_INET if launch.socket_path is None else socket.AF_UNIX
    try:
        with socket.socket(kind) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(launch.address)
            connection.sendall(launch.ask)
            return connection.recv(len(launch.ready)) == launch.ready
    except OSError:
        return False


def _is_taken(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False
