"""Options that several commands share, and how settings are shown instead of used."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pairsmith.cli.console import say

if TYPE_CHECKING:
    from pairsmith.settings import Settings

SettingsType = TypeVar("SettingsType", bound="Settings")


class Device(StrEnum):
    """Where models run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.yaml", help="YAML file of settings, laid over the preset or the defaults."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="One setting, by its name in what --dry-run prints (a dot for each level); repeat for more. Wins over "
        "--config.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the resolved settings as YAML; do nothing.")]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where models run; auto takes cuda where there is one.")]
ShardRows = Annotated[
    int,
    typer.Option(
        "--shard-rows",
        metavar="N",
        min=1,
        help="Rows in each file of the store; a stopped command goes on after the last whole file.",
    ),
]
BatchRows = Annotated[
    int,
    typer.Option(
        "--batch-rows", metavar="N", min=1, help="Rows computed at a time; changes speed and memory, not the result."
    ),
]
PartRows = Annotated[int, typer.Option("--part-rows", metavar="N", min=1, help="Rows that a killed run loses at most.")]


def command_settings(
    kind: type[SettingsType],
    base: Mapping[str, Any],
    config: Path | None,
    overrides: list[str] | None,
    dry_run: bool,
) -> SettingsType:
    """What a preset, --config and --set say together; --dry-run shows it and ends the command.

    Raises:
        InputError: an unreadable file, an unknown key, or a value of the wrong type or range.
        typer.Exit: a dry run, when its settings are shown.
    """
    from pairsmith.settings import load_settings

    return use_or_show(load_settings(kind, base, config, overrides or []), dry_run)


def use_or_show(settings: SettingsType, dry_run: bool) -> SettingsType:
    """The settings as they are; --dry-run prints them as the YAML that --config takes and ends the command.

    Raises:
        typer.Exit: a dry run, when its settings are shown.
    """
    if dry_run:
        import yaml

        say(yaml.safe_dump(settings.to_dict(), sort_keys=False, allow_unicode=True).rstrip())
        raise typer.Exit
    return settings
