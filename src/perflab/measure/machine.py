"""The machine card: what this machine is, and what it can measure."""

from __future__ import annotations

import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from perflab.measure.clock import ClockCost, measure_clock
from perflab.measure.control_groups import cpu_quota, memory_quota
from perflab.measure.sync import sync_file
from perflab.measure.timing import time_calls
from perflab.measure.told import told
from perflab.measure.units import byte_size, duration, number

MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
UNKNOWN_MEMORY = 1_000_000_000
FSYNC_PROBES = 5
REAL_FSYNC_NS = 20_000


@dataclass(frozen=True)
class MachineCard:
    """What matters for the numbers of this collection. Sizes in bytes, durations in ns; None where it cannot be told."""

    processor: str
    effective_cpus: float
    memory_bytes: int
    system: str
    python: str
    clock: ClockCost
    temporary_folder: str
    file_system: str
    fsync_ns: float | None
    fsync_is_real: bool | None

    def rows(self) -> list[tuple[str, str]]:
        """Pairs of name and text."""
        in_memory = self.file_system in MEMORY_FILE_SYSTEMS
        lost = (
            "is not durable here: this folder is in memory" if in_memory else "returns too soon to have reached a disk"
        )
        durable = "reaches the disk" if self.fsync_is_real else lost
        return [
            ("Processor", self.processor),
            ("CPUs that this notebook may use", f"{self.effective_cpus:g}"),
            ("Memory that it may use", byte_size(self.memory_bytes)),
            ("System", self.system),
            ("Python", self.python),
            ("One reading of the clock", duration(self.clock.reading_ns)),
            ("Smallest step of the clock", duration(self.clock.resolution_ns)),
            ("Temporary files", f"{self.temporary_folder} ({self.file_system})"),
            ("fsync there", "unknown" if self.fsync_ns is None else f"takes {duration(self.fsync_ns)} and {durable}"),
        ]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.rows())


def inspect_machine() -> MachineCard:
    """Look at the machine; takes a fraction of a second."""
    folder = tempfile.gettempdir()
    kind = file_system_of(Path(folder))
    fsync_ns = told(lambda: measure_fsync(Path(folder)), None)
    return MachineCard(
        processor=_processor(),
        effective_cpus=effective_cpus(),
        memory_bytes=memory_limit(),
        system=told(lambda: platform.platform(terse=True), "unknown"),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        clock=measure_clock(),
        temporary_folder=folder,
        file_system=kind,
        fsync_ns=fsync_ns,
        fsync_is_real=None if fsync_ns is None else kind not in MEMORY_FILE_SYSTEMS and fsync_ns > REAL_FSYNC_NS,
    )


def effective_cpus() -> float:
    """The smaller of the CPUs we may run on and the quota of our control groups."""
    allowed = told(lambda: len(os.sched_getaffinity(0)), os.cpu_count() or 1)  # not on macOS and Windows
    quota = told(cpu_quota, None)
    return min(float(allowed), quota) if quota else float(allowed)


def memory_limit() -> int:
    """Bytes that we may use: the limit of our control groups, or the machine's memory; 1 GB where the system tells of neither."""
    physical = told(_physical_memory, UNKNOWN_MEMORY)
    return min(physical, told(memory_quota, None) or physical)


def file_system_of(folder: Path) -> str:
    """The type of the file system that holds `folder`, such as ext4 or tmpfs; "unknown" where the system does not tell."""
    return told(lambda: _mount_of(folder).fstype, "") or "unknown"


def measure_fsync(folder: Path) -> float:
    """Median ns of a 4 kB append with fsync in `folder`."""
    with tempfile.TemporaryFile(buffering=0, dir=folder) as file:

        def append() -> None:
            file.write(bytes(4096))
            sync_file(file.fileno())

        return float(median(time_calls(append, repeats=FSYNC_PROBES).latencies_ns))


def describe_limits(card: MachineCard) -> list[str]:
    """What the machine's size means for the numbers, one sentence each."""
    found = []
    if card.effective_cpus < 2:
        found.append(
            f"{number(card.effective_cpus)} CPU: client and server share it, so latencies of labs with a server include "
            "waiting for it, and tails are longer."
        )
    if card.memory_bytes < 2e9:
        found.append(f"{byte_size(card.memory_bytes)} of memory: the largest tables are smaller here.")
    if card.fsync_is_real is False:
        found.append("fsync is not durable here: writes look faster than on a disk.")
    return found


def _physical_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _mount_of(folder: Path) -> Any:
    import psutil

    real = folder.resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if real.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint))


def _processor() -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: Path) -> str:
    return told(lambda: path.read_text(errors="replace").strip(), "")
