"""How to make a run again: the preset that it comes from, what was changed, and the command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pairsmith.errors import InputError
from pairsmith.recipes.settings import RecipeSettings
from pairsmith.recipes.synth2.presets import PRESETS, preset
from pairsmith.report.run_folder import RunFolder, flatten

_MOST_CHANGES = 12  # with more, the settings are better given as a file


def origin(run: RunFolder) -> tuple[str | None, dict[str, Any]]:
    """The preset nearest to a run's settings, and the settings that differ from it; (None, {}) where none is near."""
    bases: dict[str, RecipeSettings] = {}
    for name in PRESETS:
        try:
            bases[name] = preset(name, own_pairs=run.own_pairs)
        except InputError:  # a preset for own pairs alone
            continue
    return nearest(run.settings, bases)


def nearest(settings: Mapping[str, Any], bases: Mapping[str, RecipeSettings]) -> tuple[str | None, dict[str, Any]]:
    """The preset that differs least from settings, and what differs; (None, {}) where all differ in much."""
    best: tuple[str | None, dict[str, Any]] = (None, {})
    ours = flatten(dict(settings))
    for name, base in bases.items():
        seeded = base.model_copy(update={"seed": settings.get("seed") or 0}).with_seeds()  # the stages' seeds follow
        theirs = flatten(seeded.to_dict()) | {"seed": base.seed}
        changed = {key: value for key, value in ours.items() if key not in theirs or theirs[key] != value}
        if len(changed) <= _MOST_CHANGES and (best[0] is None or len(changed) < len(best[1])):
            best = (name, changed)
    return best


def command(run: RunFolder) -> str:
    """The command that makes the run again, one option a line."""
    return command_text("synth2", *origin(run), run.source, run.out)


def command_text(recipe: str, name: str | None, changed: Mapping[str, Any], source: str | None, out: Path) -> str:
    """The command of a run, one option a line.

    Args:
        recipe: its name.
        name: of the preset; None: its settings are given as a file.
        changed: settings that differ from the preset.
        source: of the user's own pairs; None: there are none.
        out: the run's folder, whose name alone is shown.
    """
    parts = [f"pairsmith run {recipe} " + (f"--preset {name}" if name else "--config settings-below.yaml")]
    if source is not None:
        parts.append(f"--real {shlex.quote(source)}")
    parts += [f"--set {shlex.quote(f'{key}={_inline(value)}')}" for key, value in changed.items()]
    parts.append(f"--out {shlex.quote(out.resolve().name)}")
    return " \\\n    ".join(parts)


def settings_text(run: RunFolder) -> str:
    """The settings as YAML."""
    return yaml.safe_dump(run.settings, sort_keys=False, allow_unicode=True)


def preset_text(run: RunFolder) -> str:
    """In words: "tiny", "tiny with 2 changes", "settings of its own"."""
    return changes_text(*origin(run))


def changes_text(name: str | None, changed: Mapping[str, Any]) -> str:
    """A preset and its changes in words."""
    if name is None:
        return "settings of its own"
    if not changed:
        return name
    return f"{name} with {len(changed)} change{'s' if len(changed) > 1 else ''}"


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
