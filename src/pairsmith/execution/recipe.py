"""How work travels to workers: as a small recipe (functions of a module, settings, paths), never as a loaded model.

The bytes go from this program to its own workers; nothing of the kind is ever read from a file.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError
from typing import Any

from pairsmith.errors import PairsmithError

Told = Callable[[Any], None]
Build = Callable[[Told], Callable[[Any], Any]]
"""(hearer of what happens on the way) -> the function that serves tasks; called once in every worker."""

LARGEST = 64 * 2**20  # bytes; settings, paths and lists of rows are smaller, models are not


def pack(build: Build, dump: Callable[[Any], Any] = ForkingPickler.dumps) -> bytes:
    """The bytes of a recipe.

    Args:
        build: the recipe.
        dump: makes the bytes; processes that do not run the same script need one that sends the script's own functions.

    Raises:
        PairsmithError: it holds what cannot travel (a lambda, an open file), or so much that it must be a model.
    """
    try:
        packed = bytes(dump(build))
    except (PicklingError, AttributeError, TypeError, ValueError, OSError) as error:
        raise PairsmithError(
            f"this work cannot be sent to workers ({error}): give functions of a module, and a RowFactory that opens "
            "in each worker what cannot be sent"
        ) from error
    if len(packed) > LARGEST:
        raise PairsmithError(
            f"this work would send {len(packed) / 2**20:.0f} MiB to every worker: give a RowFactory of settings and "
            "paths, which opens the model in each worker"
        )
    return packed


def unpack(packed: bytes) -> Build:
    """The recipe again, in a worker of the program that packed it."""
    return ForkingPickler.loads(packed)
