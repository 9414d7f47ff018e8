"""The command line: one module for each group of commands, and `main`, which the program `pairsmith` starts.

Commands import what they need when they run: asking for help loads no model library.
"""

from __future__ import annotations

from pairsmith.cli.app import app, main

__all__ = ["app", "main"]
