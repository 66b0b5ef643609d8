"""The memory of several processes: each page counted once (PSS), and the sum of what each of them sees (RSS)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

PSS, USS = "PSS", "USS"
PROC = Path("/proc")
KIB = 1_024


@dataclass(frozen=True)
class Memory:
    """Bytes of `processes` processes. `rss` counts a page that several share once for each of them.

    `own` does not: as `kind` "PSS" (Linux) each gets its share of such a page, as "USS" (elsewhere) shared pages are left out.
    NaN where the system does not tell.
    """

    own: float
    rss: float
    kind: str
    processes: int


def memory_of(pids: Iterable[int], proc: Path = PROC) -> Memory:
    """The memory of these processes now; those that have ended are left out. About 0.3 ms each."""
    if not (proc / "self" / "smaps_rollup").exists():
        return _told_by_psutil(pids)
    found = [each for pid in pids if (each := _rollup(proc / str(pid) / "smaps_rollup")) is not None]
    return Memory(sum(own for own, _ in found), sum(rss for _, rss in found), PSS, len(found))


def _rollup(path: Path) -> tuple[float, float] | None:
    """PSS and RSS (bytes) of a process; None where it has ended, NaN where another user's process is hidden."""
    try:
        lines = path.read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        return math.nan, math.nan
    sizes = {name: value for name, _, value in (line.partition(":") for line in lines)}
    if not sizes:  # a zombie
        return None
    return KIB * float(sizes["Pss"].split()[0]), KIB * float(sizes["Rss"].split()[0])


def _told_by_psutil(pids: Iterable[int]) -> Memory:
    own, rss, processes = 0.0, 0.0, 0
    for pid in pids:
        try:
            told = psutil.Process(pid).memory_full_info()
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            own = rss = math.nan
        else:
            own, rss = own + told.uss, rss + told.rss
        processes += 1
    return Memory(own, rss, USS, processes)
