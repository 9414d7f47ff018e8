"""`pairsmith evaluate generators`: whether features still show who drew a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import plural, say
from pairsmith.cli.evaluate import Out, Seed
from pairsmith.cli.evaluate_encoders import MODEL_OPTION
from pairsmith.cli.options import BatchRows, Device, DeviceOption

if TYPE_CHECKING:
    from pairsmith.evaluation.image_text.dual_encoder import DualEncoder
    from pairsmith.evaluation.pictures import Picture
    from pairsmith.evaluation.score import Score


def register(commands: typer.Typer) -> None:
    """Add the command of this module."""
    commands.command("generators")(evaluate_generators)


def evaluate_generators(
    store: Annotated[
        list[Path], typer.Option("--store", help="Pair store with pictures of one or several generators. Repeat it.")
    ],
    model: Annotated[list[str], MODEL_OPTION],
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Tell from features which generator drew a picture.

    A linear classifier is fitted on the pictures of half of the captions and tested on those of the other half. An
    encoder that learned from several generators should show less of who drew what. In the file: generator_probe, the
    accuracy in percent; chance is printed and stands among the settings.
    """
    from pairsmith.cli.encoders import measure_and_tell
    from pairsmith.evaluation.image_text.dual_encoder import picture_features
    from pairsmith.evaluation.images.generator_probe import chance, generator_probe
    from pairsmith.evaluation.pictures import store_pictures
    from pairsmith.pairs import PairStore

    pictures: list[Picture] = []
    generators: list[str] = []
    captions: list[str] = []
    for folder in store:
        rows = PairStore(folder)
        pictures += store_pictures(rows)
        generators += rows.column("generator").to_pylist()
        captions += rows.column("caption").to_pylist()
    names = sorted(set(generators))
    level = chance(generators)
    say(f"{plural(len(pictures), 'picture')} by {', '.join(names)}; chance is {level:.1f} %")

    def work(encoder: DualEncoder) -> dict[str, Score]:
        features = picture_features(encoder, pictures, batch_rows)
        ids = [picture.name for picture in pictures]
        return {"generator_probe": generator_probe(features, generators, captions, ids, seed=seed)}

    settings = {"stores": [str(folder) for folder in store], "generators": names, "chance": level}
    measure_and_tell(model, device.value, work, out, settings, seed)
