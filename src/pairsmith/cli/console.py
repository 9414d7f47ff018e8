"""What commands say: results on the standard output, everything else on the standard error; numbers in words."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

_DURATIONS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_SCALES = ((1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def say(text: str = "") -> None:
    """A line of a command's result."""
    print(text)


def note(text: str) -> None:
    """A line about what is going on."""
    print(text, file=sys.stderr, flush=True)


class StandardErrorHandler(logging.Handler):
    """Shows the package's warnings as plain sentences, each once, above a progress display where there is one."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record whose sentence was not shown before."""
        text = f"{record.levelname.capitalize()}: {record.getMessage()}"
        if text not in self._shown:
            self._shown.add(text)
            note(text)


def duration(seconds: float) -> str:
    """ "1.2 s", "3 min 20 s", "2.5 h" or "36 d"."""
    if seconds < 0.05:
        return "under 0.1 s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    for size, unit in _DURATIONS:
        if seconds >= 2 * size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{seconds / 60:.0f} min"


def scaled(value: float, unit: str) -> str:
    """ "654.6 M", "512 MB": three or four digits and a decimal prefix."""
    for size, prefix in _SCALES:
        if value >= size:
            return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}".rstrip()


def plural(count: int, one: str, many: str | None = None) -> str:
    """ "1 row", "2 rows", "1,000 rows"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Lines of aligned columns under the heading that the first row is; columns in `right` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in [rows[0], ["-" * width for width in widths], *rows[1:]]:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
