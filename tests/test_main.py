"""`python -m pairsmith` is the program `pairsmith`."""

from __future__ import annotations

import subprocess
import sys

import pairsmith


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pairsmith", *arguments], capture_output=True, text=True, check=False)


def test_the_module_runs_as_the_program_under_its_name():
    found = run("--version")
    assert (found.returncode, found.stdout) == (0, f"pairsmith {pairsmith.__version__}\n")
    assert run("verify", "--help").stdout.startswith("Usage: python -m pairsmith verify ")


def test_the_module_keeps_the_exit_codes_of_the_program(tmp_path):
    found = run("verify", str(tmp_path / "none"))
    assert found.returncode == 2
    assert found.stderr.startswith("Error: ")
    assert "Traceback" not in found.stderr
