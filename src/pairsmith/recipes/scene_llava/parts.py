"""Parts of a LLaVA by name, where "scenes" stands for those of the built-in world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.recipes.scene_models.reader import scene_reader
from pairsmith.recipes.scene_models.tower import PIXEL_MEAN, PIXEL_STD, scene_tower
from pairsmith.recipes.settings import SCENES
from pairsmith.training.logging import Progress
from pairsmith.vlm.llava.loading import Parts, load_parts


def load_named_parts(
    vision_tower: str, language_model: str, folder: Path, progress: Callable[[str], Progress] | None = None
) -> Parts:
    """The parts of a LLaVA.

    Args:
        vision_tower: folder or hub id, or "scenes".
        language_model: folder or hub id, or "scenes"; both are, or neither.
        folder: where the parts of scenes are put, or found.
        progress: makes the display of a training, where what ships does not fit.

    Raises:
        InputError: only one of them is "scenes", or one cannot be loaded.
    """
    ours = [name == SCENES for name in (vision_tower, language_model)]
    if not any(ours):
        return load_parts(vision_tower, language_model)
    if not all(ours):
        raise InputError("settings 'parts': vision tower and language model of scenes speak of scenes: take both")
    tower = scene_tower(folder / "tower", progress=progress("vision tower of scenes") if progress else None)
    reader = scene_reader(folder / "reader", progress=progress("language model of scenes") if progress else None)
    return Parts(tower, *reader, PIXEL_MEAN, PIXEL_STD)
