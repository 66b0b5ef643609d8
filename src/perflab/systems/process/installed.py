"""Servers that are not ours: where their programs are on this machine, how a missing one is installed, and a private one started.

A module declares one of them as an `Installable` and says in its `__main__` how it is launched: `keep(launch)`
(`perflab.systems.process.keeper`). `REDIS.start()` then starts one for a `with` block. A server that runs already is never used.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from perflab.measure.guards import BadInput
from perflab.measure.told import told
from perflab.systems.process.child import ChildServer, ServerFailed

FOLDERS = (str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
"""Beside the PATH, where an ordinary user has no folder of servers and a kernel may lack those of its conda environment."""
NUMBERED_FOLDERS = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)
VERSION_S = 10.0
Entered = TypeVar("Entered")


class NotInstalled(ServerFailed, BadInput):
    """This server is not on this machine, so it is not measured here; the message says how to install it."""


class NotStarted(ServerFailed):
    """This server is on this machine and does not start, so it is not measured here; the end of its log follows."""

    def __init__(self, server: str, log: str) -> None:
        super().__init__(f"{server} does not start, so it is not measured here.\n{log}")
        self.server = server


@dataclass(frozen=True)
class Packages:
    """The packages that bring a server, and whether installing the one of apt starts it as a service, too."""

    apt: str
    brew: str
    conda: str | None = None
    apt_starts_it: bool = True

    def __str__(self) -> str:
        apt = f"apt install {self.apt}"
        others = [f"conda install -c conda-forge {self.conda}"] if self.conda else []
        others.append(f"brew install {self.brew}")
        if self.apt_starts_it:
            return f"{apt} (this also starts it as a service), {' or '.join(others)}"
        return f"{' or '.join([', '.join([apt, *others[:-1]]), others[-1]])} (none of them starts a service)"


def nothing() -> str:
    """No obstacle."""
    return ""


@dataclass(frozen=True)
class Installable:
    """A server that may be installed here. `module` launches it; its program answers `version_flag` with its version.

    `obstacle` says why it could not run here although it is installed, as the end of a sentence; nothing where it can.
    """

    name: str
    programs: tuple[str, ...]
    packages: Packages
    module: str
    version_flag: str = "--version"
    obstacle: Callable[[], str] = nothing

    def find(self) -> str | None:
        """Where its program is, or None where it is not installed, or could not run."""
        if os.name == "nt" or self.obstacle():  # on Windows there are no signals to stop them by
            return None
        path = os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS, *_numbered_folders()])
        return next((found for name in self.programs if (found := shutil.which(name, path=path))), None)

    def version(self) -> str | None:
        """The version of its program, such as "1.22.1"; None where it does not tell."""
        return told(self._ask_version, None)

    def why_missing(self) -> str:
        """One sentence for where it is not installed."""
        if os.name == "nt":
            return f"{self.name} is not measured here: real servers are started on Linux and macOS only."
        if obstacle := self.obstacle():
            return f"{self.name} is not measured here: {obstacle}."
        return f"{self.name} is not installed, so it is not measured here. To install it: {self.packages}."

    def start(self, **settings: Any) -> KeptServer:
        """Start one with these settings of its `launch`; to be used in a `with` block. Raises `NotInstalled`, `NotStarted`."""
        program = self.find()
        if program is None:
            raise NotInstalled(self.why_missing())
        try:
            return KeptServer(self.module, {**settings, "program": program}, self.name)
        except ServerFailed as error:
            raise NotStarted(self.name, str(error)) from error

    def _ask_version(self) -> str | None:
        command = [self.find() or "", self.version_flag]
        done = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_S, stdin=subprocess.DEVNULL)
        found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        return found and found[0]


class KeptServer(ChildServer):
    """A real server with its keeper, which is the child process. It listens on `port` of 127.0.0.1, or at `socket_path`."""

    end_s = 10.0

    def __init__(self, module: str, config: dict[str, Any], name: str) -> None:
        super().__init__(module, config, name)
        self.socket_path: str | None = self.announced["socket_path"]
        self.folder = Path(self.announced["folder"])
        self.main_pid: int = self.announced["pid"]
        """The server's first process, which leads its process group."""

    def kill(self) -> None:
        """End the server at once, as a crash would; its keeper then removes what it leaves."""
        _kill_group(self.main_pid)
        self._process.wait(self.end_s)

    def close(self) -> None:
        """Stop the server its own way. Nothing of it is left afterwards."""
        super().close()
        if self._process.returncode < 0 and hasattr(self, "folder"):  # its keeper was killed
            _kill_group(self.main_pid)
            shutil.rmtree(self.folder, ignore_errors=True)


def enter_started(
    stack: ExitStack, blocks: Mapping[str, AbstractContextManager[Entered]]
) -> tuple[dict[str, Entered], dict[str, str]]:
    """Enter these `with` blocks, apart from those whose server does not start; and as facts why that is `missing`."""
    entered, facts = {}, {}
    for name, block in blocks.items():
        try:
            entered[name] = stack.enter_context(block)
        except ServerFailed as error:
            facts["missing"] = str(error)
    return entered, facts


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except OSError:  # it is gone
        pass


def _numbered_folders() -> list[str]:
    """Folders of versions, the highest number first."""
    found = [folder for above, pattern in NUMBERED_FOLDERS for folder in Path(above).glob(pattern)]
    return [str(folder) for folder in sorted(found, key=_number_of, reverse=True)]


def _number_of(folder: Path) -> int:
    found = re.search(r"\d+", folder.parent.name)
    return int(found[0]) if found else 0
