"""Starting a Python process of ours, undisturbed by where it is started and by what it prints.

It runs the very `perflab` that runs here, and finds every other module as usual, apart from those in the working folder, which
are found last: a `queue.py` beside a notebook does not take the place of Python's own. What it has to say goes over a channel of
its own, because anything may print: a `sitecustomize` before our first line, or what we measure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

if sys.platform == "win32":
    import msvcrt

PACKAGE = str(Path(__file__).with_name("__init__.py"))
BOOT = """
import importlib.util, json, runpy, sys
told = json.loads(sys.argv[1])
sys.argv[:] = ["-c", *sys.argv[3:]]
sys.path += [folder for folder in told["path"] if folder not in sys.path]
spec = importlib.util.spec_from_file_location("perflab", told["perflab"])
sys.modules["perflab"] = perflab = importlib.util.module_from_spec(spec)
spec.loader.exec_module(perflab)
runpy.run_module(told["module"], run_name="__main__", alter_sys=True)
"""


def start_python(
    module: str, *arguments: str, has_log: bool = False, **how: Any
) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """Run `module` as a program; returns the process, which reads what is written to its `stdin`, and what it says.

    In the process, `sys.argv` holds the arguments and then the channel for `open_channel`. With a log, all that it prints is read
    from its `stdout`; without, it goes where what this process prints goes.
    """
    told = {"perflab": PACKAGE, "module": module, "path": import_folders()}
    reading, writing = os.pipe()
    try:
        number, inherited = _let_inherit(writing)
        command = [sys.executable, "-P", "-c", BOOT, json.dumps(told), module, *arguments, str(number)]
        environment = {**(how.pop("env", None) or os.environ), "PYTHONPATH": _python_path()}
        printed: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if has_log else {}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, **printed, **inherited, **how)
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return process, os.fdopen(reading, "rb")


def open_channel(number: str) -> BinaryIO:
    """In the process: where to write what the one that started it is to read. What this process starts does not inherit it."""
    if sys.platform == "win32":
        descriptor = msvcrt.open_osfhandle(int(number), os.O_WRONLY | os.O_BINARY)
    else:
        descriptor = int(number)
    os.set_inheritable(descriptor, False)
    return os.fdopen(descriptor, "wb")


def working_folder() -> str:
    """Its name as it is now; empty where it was removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def import_folders() -> list[str]:
    """Where this process finds modules."""
    here = working_folder()
    named = [str(Path(here, entry)) for entry in sys.path if isinstance(entry, str) and (entry or here)]
    return list(dict.fromkeys(named))


def _python_path() -> str:
    # What stands there comes before Python's own modules, where the working folder must not be.
    here = working_folder()
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    folders = [Path(here, entry) for entry in entries]
    return os.pathsep.join(str(each) for each in folders if each.is_absolute() and not (here and _same(each, here)))


def _same(folder: Path, other: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(other)


def _let_inherit(descriptor: int) -> tuple[int, dict[str, Any]]:
    """What names this descriptor in a process to be started, and the arguments of `Popen` that hand it down."""
    if sys.platform == "win32":
        handle = msvcrt.get_osfhandle(descriptor)
        os.set_handle_inheritable(handle, True)
        return handle, {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})}
    return descriptor, {"pass_fds": (descriptor,)}
