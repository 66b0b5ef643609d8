"""Which programs, on which machine: the part of a record that says where its numbers come from."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

from perflab.measure.machine import effective_cpus
from perflab.measure.told import told


def describe_environment() -> dict[str, Any]:
    """Versions and machine, small enough to travel with every record."""
    return {
        "perflab": told(lambda: version("perflab"), "unknown"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
        "effective_cpus": effective_cpus(),
        "worker_pid": os.getpid(),
    }
