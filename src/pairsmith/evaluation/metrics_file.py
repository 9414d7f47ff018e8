"""`metrics.json` and `environment.json`: the numbers of a run, and what they were made with.

`metrics.json` is a flat object, key -> {"value", "n", "low", "high"}: n is the number of images, questions or captions
behind the value, low and high the 95 % interval or null. Other programs read it, so nothing else may be inside.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval

METRICS_NAME = "metrics.json"
ENVIRONMENT_NAME = "environment.json"
_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_FIELDS = {"value", "n", "low", "high"}
_PACKAGES = (
    "pairsmith", "torch", "torchvision", "transformers", "tokenizers", "diffusers", "open_clip_torch", "numpy", "scipy",
    "scikit-learn", "pyarrow", "pillow",
)  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """One line of metrics.json."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: Metric | Interval | float, n: int = 1) -> Metric:
        """From an interval, or from a plain number with its n."""
        if isinstance(value, Metric):
            return value
        if isinstance(value, Interval):
            return cls(value.value, value.n, value.low, value.high)
        return cls(float(value), n)


def write_metrics(path: Path, metrics: Mapping[str, Metric | Interval]) -> None:
    """Write metrics.json; the file is either the old one or the complete new one.

    Args:
        path: the file, or the folder that gets a `metrics.json`.
        metrics: dotted lower-case key ("synth2.baseline.cider") -> value; caption and VQA metrics times 100.

    Raises:
        InputError: a malformed key, NaN or infinity, a negative n, half an interval, or a value outside its interval's
        order.
    """
    lines = {key: asdict(_checked(key, Metric.of(value))) for key, value in metrics.items()}
    _write_json(_file(path, METRICS_NAME), lines)


def read_metrics(path: Path) -> dict[str, Metric]:
    """Read metrics.json (the file or its folder).

    Raises:
        InputError: not such a file; the offending key is named.
    """
    file = _file(path, METRICS_NAME)
    metrics: dict[str, Metric] = {}
    for key, fields in _read_json(file).items():
        if not isinstance(fields, dict) or set(fields) != _FIELDS:
            raise InputError(f"{file}: {key!r} must hold exactly value, n, low and high")
        try:
            metric = Metric(**fields)
            metrics[key] = _checked(key, metric)
        except TypeError as error:
            raise InputError(f"{file}: {key!r} holds something that is not a number") from error
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    return metrics


def write_environment(path: Path, extra: Mapping[str, Any] | None = None) -> None:
    """Write environment.json: versions, commit and hardware, and `extra` (plain JSON values) beside them."""
    _write_json(_file(path, ENVIRONMENT_NAME), {**environment(), **(extra or {})})


def read_environment(path: Path) -> dict[str, Any]:
    """Read environment.json (the file or its folder)."""
    return _read_json(_file(path, ENVIRONMENT_NAME))


def environment() -> dict[str, Any]:
    """Python and package versions, commit of the source tree (null when installed), operating system and hardware."""
    return {
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "commit": _commit(),
        "system": platform.platform(),
        "hardware": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            if hasattr(os, "sysconf")
            else None,
            "accelerators": _accelerators(),
        },
    }


def _checked(key: str, metric: Metric) -> Metric:
    if not _KEY.fullmatch(key):
        raise InputError(f"metric key {key!r} must be lower-case words joined by dots, as in synth2.baseline.cider")
    for name in ("value", "low", "high"):
        number = getattr(metric, name)
        if number is None and name != "value":
            continue
        if not math.isfinite(number):
            raise InputError(f"metric {key!r}: {name} is {number}, and only finite numbers may be reported")
    if isinstance(metric.n, bool) or not isinstance(metric.n, int) or metric.n < 0:
        raise InputError(f"metric {key!r}: n is {metric.n!r}, but must be a count")
    if (metric.low is None) != (metric.high is None):
        raise InputError(f"metric {key!r} has one end of an interval without the other")
    if metric.low is not None and metric.high is not None and metric.low > metric.high:
        raise InputError(f"metric {key!r}: the interval from {metric.low} to {metric.high} is upside down")
    return metric


def _file(path: Path, name: str) -> Path:
    return Path(path) / name if Path(path).is_dir() else Path(path)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold a JSON object")
    return content


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the source tree that this package lies in, with "+changes" when files differ from it."""
    folder = Path(__file__).resolve().parent
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        tracked = subprocess.run(
            ["git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name],
            capture_output=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() if tracked.returncode == 0 else None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _accelerators() -> list[str]:
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
