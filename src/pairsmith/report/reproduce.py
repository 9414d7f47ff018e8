"""How to make a run again: the preset that it comes from, what was changed, and the command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from pairsmith.report.numbers import plural
from pairsmith.report.run_base import RunBase

_MOST_CHANGES = 12  # with more, the settings are better given as a file


def origin(run: RunBase) -> tuple[str | None, dict[str, Any]]:
    """The preset that differs least from a run's settings, and what differs; (None, {}) where all differ in much."""
    best: tuple[str | None, dict[str, Any]] = (None, {})
    ours = flatten(run.values)
    for name, base in run.presets.items():
        seeded = base.model_copy(update={"seed": run.values.get("seed") or 0}).with_seeds()  # the stages' seeds follow
        theirs = flatten(seeded.to_dict()) | {"seed": base.seed}
        changed = {key: value for key, value in ours.items() if key not in theirs or theirs[key] != value}
        if len(changed) <= _MOST_CHANGES and (best[0] is None or len(changed) < len(best[1])):
            best = (name, changed)
    return best


def preset_text(run: RunBase) -> str:
    """In words: "tiny", "tiny with 2 changes", "settings of its own"."""
    name, changed = origin(run)
    if name is None:
        return "settings of its own"
    return f"{name} with {plural(len(changed), 'change')}" if changed else name


def command(run: RunBase) -> str:
    """The command that makes the run again, one option a line; paths are shown by their last part alone."""
    name, changed = origin(run)
    parts = [f"pairsmith run {run.RECIPE} " + (f"--preset {name}" if name else "--config settings-below.yaml")]
    if run.source is not None:
        parts.append(f"--real {shlex.quote(run.source)}")
    parts += [f"--set {shlex.quote(f'{key}={_inline(value)}')}" for key, value in changed.items()]
    parts.append(f"--out {shlex.quote(run.out.resolve().name)}")
    return " \\\n    ".join(parts)


def settings_text(run: RunBase) -> str:
    """The settings as YAML."""
    return yaml.safe_dump(run.values, sort_keys=False, allow_unicode=True)


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted name -> value."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
