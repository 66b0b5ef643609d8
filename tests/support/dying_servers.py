"""Programs on the PATH that stand for installed servers which die when they are started, as without space on the drive."""

from __future__ import annotations

import os
from pathlib import Path

LAST_WORDS = "could not write: No space left on device"
PROGRAM = f"""#!/bin/sh
case "$1" in -v|--version) echo version 9.6.24; exit;; esac
echo "{LAST_WORDS}" >&2
exit 1
"""
APACHES_MODULE = "modules/mod_lua.so"
"""Without it nobody would start Apache."""


def put_in(folder: Path, *programs: str) -> str:
    """Make programs of these names, which all users may run; returns a PATH that begins with theirs."""
    for name in (*(f"bin/{each}" for each in programs), APACHES_MODULE):
        program = folder / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM)
        for each in (folder, program.parent, program):
            each.chmod(0o755)
    return os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
