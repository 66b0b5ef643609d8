"""The control groups of this process (man 7 cgroups): what a container or a system slice lets it use, in versions 1 and 2.

A process stands in a group of a tree, and each level above it may have a limit of its own: the tightest holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")
USUAL = "sys/fs/cgroup"
UNLIMITED = 1 << 60
"""Version 1 writes a number near 2**63 where there is no limit."""


@dataclass(frozen=True)
class Groups:
    """The folders of this process's groups, own group first, for one resource; `version` says which files they hold."""

    version: int
    folders: tuple[Path, ...]

    def read(self, name: str) -> Iterator[str]:
        """The text of this file at each level that has one."""
        for folder in self.folders:
            if text := _read(folder / name):
                yield text


def cpu_quota() -> float | None:
    """How many CPUs' time it may use, by the tightest level; None without a limit."""
    groups = groups_of("cpu")
    if groups.version == 2:
        pairs = [text.split() for text in groups.read("cpu.max")]
    else:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        pairs = [[_read(folder / name) for name in names] for folder in groups.folders]
    quotas = [int(pair[0]) / int(pair[1]) for pair in pairs if len(pair) == 2 and all(map(_is_positive, pair))]
    return min(quotas, default=None)


def memory_quota() -> int | None:
    """How many bytes it may use, by the tightest level; None without a limit. Above "high" the system slows it down."""
    groups = groups_of("memory")
    names = ("memory.max", "memory.high") if groups.version == 2 else ("memory.limit_in_bytes",)
    found = [int(text) for name in names for text in groups.read(name) if text.isdigit()]
    return min((limit for limit in found if limit < UNLIMITED), default=None)


def throttled_ms() -> float | None:
    """For how long so far a CPU quota has held back the group or one above it; None where the system does not tell."""
    groups, found = groups_of("cpu"), []
    for text in groups.read("cpu.stat"):
        words = text.split()
        stats = dict(zip(words[::2], words[1::2], strict=False))
        for name, unit in (("throttled_usec", 1e-3), ("throttled_time", 1e-6)):
            found.append(float(stats.get(name, 0)) * unit)  # a level without a quota need not tell
    return math.fsum(found) if found else None


def groups_of(resource: str) -> Groups:
    """Where the limits of "cpu" or "memory" stand: version 1 where that controls the resource, else version 2."""
    own = _own_paths()
    is_first = resource in own if own else (ROOT / USUAL / resource).is_dir()
    path = own.get(resource if is_first else "", "/")
    folders: list[Path] = []
    for mounted, shown in _mounts(resource if is_first else "") or [(ROOT / USUAL / (resource * is_first), "/")]:
        below = _below(path, shown)
        folders += [mounted / level for level in (below, *below.parents)]
    return Groups(1 if is_first else 2, tuple(dict.fromkeys(folders)))


def _own_paths() -> dict[str, str]:
    """Of each resource of version 1, and of version 2 under "", the path of the own group."""
    lines = [line.split(":", 2) for line in _read(ROOT / "proc/self/cgroup").splitlines()]
    return {name: line[2] for line in lines if len(line) == 3 for name in line[1].split(",")}


def _mounts(resource: str) -> list[tuple[Path, str]]:
    """Where that tree of groups is mounted, and which of its groups is shown there. Fields: man 5 proc_pid_mountinfo."""
    found = []
    for line in _read(ROOT / "proc/self/mountinfo").splitlines():
        before, _, after = (part.split() for part in line.partition(" - "))
        if len(before) < 5 or len(after) < 3:
            continue
        kind, options = after[0], after[-1].split(",")
        if kind == "cgroup2" if not resource else kind == "cgroup" and resource in options:
            found.append((ROOT / _unescape(before[4]).lstrip("/"), _unescape(before[3])))
    return found


def _below(path: str, shown: str) -> PurePosixPath:
    """The own group as seen from the mount. A container may show its own group as the top, and name it from the outside."""
    parts, top = PurePosixPath(path).parts, PurePosixPath(shown).parts
    inside = parts[len(top) :] if parts[: len(top)] == top else parts[1:]
    return PurePosixPath(*(() if ".." in inside else inside))


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _is_positive(text: str) -> bool:
    return text.isdigit() and int(text) > 0


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except (OSError, ValueError):
        return ""
