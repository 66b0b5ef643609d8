"""The processor's caches, as far as the system tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LINUX = Path("/sys/devices/system/cpu/cpu0/cache")
TYPICAL_PRIVATE = 1_000_000
UNITS = {"K": 1_024, "M": 1_024**2, "G": 1_024**3}


def private_cache_bytes(folder: Path = LINUX) -> tuple[int, bool]:
    """Bytes of the largest private cache of a core (the second level), and whether the system told it or it is a typical size.

    The last level is left out: it is shared, and a virtual machine's share of it is not known.
    """
    found = _from_linux(folder) or _from_macos()
    return (found, True) if found else (TYPICAL_PRIVATE, False)


def _from_linux(folder: Path) -> int | None:
    try:
        for index in folder.glob("index*"):
            if (index / "level").read_text().strip() == "2":
                size = (index / "size").read_text().strip()
                return int(size[:-1]) * UNITS[size[-1]] if size[-1] in UNITS else int(size)
    except (OSError, ValueError, IndexError):
        pass
    return None


def _from_macos() -> int | None:
    if sys.platform != "darwin":
        return None
    asked = subprocess.run(["sysctl", "-n", "hw.l2cachesize"], capture_output=True, text=True, check=False)
    return int(asked.stdout) if asked.stdout.strip().isdigit() else None
