"""How many cores this process may use; needs no library, so that commands may ask before they load one."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine has where some, or a part of their time, are withheld."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, cores_of_quota(Path("/sys/fs/cgroup/cpu.max")) or cores))


def cores_of_quota(file: Path) -> int | None:
    """Cores' worth of time that a container gets, rounded up (control groups 2); None where nothing is said."""
    try:
        most, period = file.read_text().split()
        return math.ceil(int(most) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number either
        return None
