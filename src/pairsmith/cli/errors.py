"""From errors to exit codes: 2 and one sentence for what a user can mend, 130 for Ctrl-C, a traceback for our own."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from pairsmith.cli.console import note
from pairsmith.errors import PairsmithError

BAD_INPUT = 2
INTERRUPTED = 130
ORDER = (
    *("run", "plan", "import", "captions", "tokenize", "render", "train", "evaluate", "report"),
    *("export", "verify", "repair"),
)


class GuardedGroup(TyperGroup):
    """The root of all commands: nothing that a user can cause ends in a traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Whole recipes first, then the stages in the order of the data."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises:
            typer.Exit: with 2 or 130, after the sentence that says why.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            note("\nStopped. Finished shards and checkpoints are kept; run the same command again to go on.")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            sentence = explain(error)
            if sentence is None:
                raise
            note(f"Error: {sentence}")
            raise typer.Exit(BAD_INPUT) from error


def explain(error: BaseException) -> str | None:
    """One sentence for an error that a user can mend; None for any other."""
    if isinstance(error, PairsmithError) and "no space left" in str(error).lower():
        return _one_line(error)  # it also says where
    full = next((cause for cause in _chain(error) if _disk_full(cause)), None)
    if full is not None:
        where = getattr(full, "filename", None)
        return f"disk full{f' at {where}' if where else ''}; finished shards are kept, run the same command again"
    if isinstance(error, PairsmithError):
        return _one_line(error)
    if isinstance(error, OSError):
        if error.errno == errno.EPIPE:  # the reader of our output has gone; click ends quietly
            return None
        if error.filename is not None:
            return f"{error.filename}: {error.strerror or type(error).__name__}"
        return _one_line(error) or type(error).__name__
    return _invalid_settings(error)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _disk_full(error: BaseException) -> bool:
    """Libraries that write through their own code keep the system's words, if not its number."""
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error)


def _invalid_settings(error: BaseException) -> str | None:
    """Of an error of pydantic, which is not imported for this."""
    if not type(error).__module__.startswith("pydantic") or not hasattr(error, "errors"):
        return None
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"setting {where!r}: {first['msg']}"
