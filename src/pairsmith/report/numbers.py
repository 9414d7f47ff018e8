"""Numbers as people read them: few digits, one form everywhere, and a dash where there is no number.

Whatever is NaN, infinite or absent becomes a dash, so that a broken figure never breaks the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pairsmith.evaluation.bootstrap import Interval

DASH = "–"
MINUS = "−"
PERCENT = "\u00a0%"  # never at the start of a line
_SIZES = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def finite(value: Any) -> float | None:
    """The value as a float, or None where it is none, NaN or infinite."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def decimal(value: Any, digits: int = 1) -> str:
    """1234.56 -> "1,234.6"."""
    number = finite(value)
    return DASH if number is None else _minus(f"{_no_negative_zero(number, digits):,.{digits}f}")


def signed(value: Any, digits: int = 1) -> str:
    """3.21 -> "+3.2"; a zero has no sign."""
    number = finite(value)
    if number is None:
        return DASH
    rounded = _no_negative_zero(number, digits)
    return _minus(f"{rounded:+,.{digits}f}") if rounded else f"{0:.{digits}f}"


def significant(value: Any, figures: int = 3) -> str:
    """Three significant figures, without exponents: 0.01234 -> "0.0123", 1234.5 -> "1,234"."""
    number = finite(value)
    if number is None:
        return DASH
    if number == 0:
        return "0"
    digits = max(0, figures - 1 - math.floor(math.log10(abs(number))))
    return decimal(number, min(digits, 8))


def count(value: Any) -> str:
    """10000 -> "10,000"."""
    return decimal(value, 0)


def plural(number: int | None, noun: str, nouns: str | None = None) -> str:
    """1, "seed" -> "1 seed"; 3, "seed" -> "3 seeds"."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def percent(share: Any, digits: int = 0) -> str:
    """0.123 -> "12 %", with a space that does not break."""
    number = finite(share)
    return DASH if number is None else f"{decimal(100 * number, digits)}{PERCENT}"


def spread(interval: Interval | None, digits: int = 1, sign: bool = False) -> str:
    """An interval's ends: "52.1 to 60.3"; empty where there are none."""
    if interval is None or finite(interval.low) is None or finite(interval.high) is None:
        return ""
    write = signed if sign else decimal
    return f"{write(interval.low, digits)} to {write(interval.high, digits)}"


def signed_percent(value: Any) -> str:
    """12.3 -> "+12 %": of values that are in percent already."""
    return DASH if finite(value) is None else f"{signed(value, 0)}{PERCENT}"


def duration(seconds: Any) -> str:
    """75 -> "1 min 15 s"."""
    number = finite(seconds)
    if number is None or number < 0:
        return DASH
    if number < 60:
        return f"{significant(number, 2)} s" if number < 10 else f"{number:.0f} s"
    minutes, rest = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def data_size(size: Any) -> str:
    """32 -> "32 bytes", 12288 -> "12 KiB"."""
    number = finite(size)
    if number is None:
        return DASH
    for unit, name in _SIZES:
        if number >= unit:
            return f"{significant(number / unit)} {name}"
    return f"{number:.0f} bytes"


def interval_of(values: Mapping[str, Any] | None) -> Interval | None:
    """{"value", "low", "high", "n"} from JSON; None without a finite value, no ends where one is not finite."""
    value = finite((values or {}).get("value"))
    if values is None or value is None:
        return None
    low, high = finite(values.get("low")), finite(values.get("high"))
    if low is None or high is None:
        low = high = None
    return Interval(value, low, high, int(finite(values.get("n")) or 0))


def _no_negative_zero(number: float, digits: int) -> float:
    return round(number, digits) + 0.0


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
