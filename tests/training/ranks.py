"""Scenarios on two processes: started by a test, run by every process, read back by the test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from pairsmith.training import read_ranks

ROOT = Path(__file__).resolve().parents[2]
FOUND = "found.json"


def two_processes(module: str, folder: Path) -> dict[str, Any]:
    """What `run_all` of a module finds with two processes: scenario -> result."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launch, "-m", module, str(folder)], cwd=ROOT, check=True)
    return json.loads((folder / FOUND).read_text())


def run_all(scenarios: Iterable[str], run: Callable[[str, Path], Any], folder: Path) -> None:
    """All scenarios on this process and those started with it, in one process group; rank 0 writes what came out."""
    torch.set_num_threads(1)
    ranks = read_ranks()
    if ranks.world > 1:
        dist.init_process_group("gloo")
    found = {name: run(name, folder / name) for name in scenarios}
    if ranks.rank == 0:
        (folder / FOUND).write_text(json.dumps(found))
    if ranks.world > 1:
        dist.destroy_process_group()
