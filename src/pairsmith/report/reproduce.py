"""How to make a run again: the preset that it comes from, what was changed, and the command."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from pairsmith.errors import InputError
from pairsmith.recipes.synth2.presets import PRESETS, preset
from pairsmith.report.run_folder import RunFolder, flatten

_MOST_CHANGES = 12  # with more, the settings are better given as a file


def origin(run: RunFolder) -> tuple[str | None, dict[str, Any]]:
    """The preset nearest to a run's settings, and the settings that differ from it; (None, {}) where none is near."""
    best: tuple[str | None, dict[str, Any]] = (None, {})
    ours = flatten(run.settings)
    for name in PRESETS:
        try:
            base = preset(name, own_pairs=run.own_pairs)
        except InputError:  # a preset for own pairs alone
            continue
        seeded = base.model_copy(update={"seed": run.setting("seed") or 0}).with_seeds()  # the stages' seeds follow
        theirs = flatten(seeded.to_dict()) | {"seed": base.seed}
        changed = {key: value for key, value in ours.items() if key not in theirs or theirs[key] != value}
        if len(changed) <= _MOST_CHANGES and (best[0] is None or len(changed) < len(best[1])):
            best = (name, changed)
    return best


def command(run: RunFolder) -> str:
    """The command that makes the run again, one option a line."""
    name, changed = origin(run)
    parts = [f"pairsmith run synth2 --preset {name}" if name else "pairsmith run synth2 --config settings-below.yaml"]
    if run.source is not None:
        parts.append(f"--real {shlex.quote(run.source)}")
    parts += [f"--set {shlex.quote(f'{key}={_inline(value)}')}" for key, value in changed.items()]
    parts.append(f"--out {shlex.quote(run.out.resolve().name)}")
    return " \\\n    ".join(parts)


def settings_text(run: RunFolder) -> str:
    """The settings as YAML."""
    return yaml.safe_dump(run.settings, sort_keys=False, allow_unicode=True)


def preset_text(run: RunFolder) -> str:
    """In words: "tiny", "tiny with 2 changes", "settings of its own"."""
    name, changed = origin(run)
    if name is None:
        return "settings of its own"
    if not changed:
        return name
    return f"{name} with {len(changed)} change{'s' if len(changed) > 1 else ''}"


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
