"""What the settings of all recipes have in common: one seed, one device, and seeds to train each arm with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pairsmith.settings import Settings
from pairsmith.training.settings import TrainingSettings

SCENES = "scenes"  # in place of a model's name: the part that ships for the built-in world


class RecipeSettings(Settings):
    """Base of a recipe's settings.

    There is one seed, `seed`; a stage's own seed of 0 stands for it, any other is taken as it is. Stages do not share
    draws all the same: each draws for its own rows and purposes (`pairsmith.seeds`).
    """

    RECIPE: ClassVar[str] = ""
    """Its name, as users call it."""

    SEEDED: ClassVar[tuple[str, ...]] = ()
    """Dotted names of the settings that have a seed of their own, beside the trainings."""

    SHARDED: ClassVar[tuple[str, ...]] = ()
    """Dotted names of the trainings that may share their weights (fsdp2), for nothing else needs them whole."""

    seed: int = Field(
        default=0, ge=0, description="of everything that is drawn; a stage's own seed of 0 stands for this one"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where all models compute; auto: cuda where there is one"
    )
    seeds: int = Field(default=1, gt=0, description="models trained for each arm, each with a seed of its own")

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        for name, training in self.trainings().items():
            if training.device != "auto":
                raise ValueError(f"{name}.device has no say in a recipe, whose models share one device: set device")
        return self

    def trainings(self) -> dict[str, TrainingSettings]:
        """Every training of the recipe by its dotted name."""
        return dict(_trainings(self, ""))

    def with_seeds(self) -> Self:
        """The same settings with every stage's own seed of 0 replaced by `seed`."""
        values = self.to_dict()
        for path in (*self.SEEDED, *self.trainings()):
            stage = look_up(values, path)
            if stage is not None and not stage["seed"]:
                stage["seed"] = self.seed
        return type(self).model_validate(values)


def _trainings(settings: Settings, prefix: str) -> Iterator[tuple[str, TrainingSettings]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, TrainingSettings):
            yield f"{prefix}{name}", value
        elif isinstance(value, Settings):
            yield from _trainings(value, f"{prefix}{name}.")


def look_up(values: Mapping[str, Any], path: str) -> Any:
    """The entry of nested mappings under a dotted name; None where there is none."""
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
