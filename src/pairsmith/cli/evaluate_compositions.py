"""`pairsmith evaluate sugarcrepe` and `sugarcrepe-pp`: does a dual encoder see what belongs to what?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.evaluate import Out, Seed
from pairsmith.cli.evaluate_encoders import Models
from pairsmith.cli.options import BatchRows, Device, DeviceOption

if TYPE_CHECKING:
    from pairsmith.evaluation.image_text.dual_encoder import DualEncoder
    from pairsmith.evaluation.score import Score


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("sugarcrepe")(evaluate_sugarcrepe)
    commands.command("sugarcrepe-pp")(evaluate_sugarcrepe_pp)


def evaluate_sugarcrepe(
    model: Models,
    data: Annotated[
        Path, typer.Option("--data", metavar="FOLDER", help="Folder with add_att.json and the six other files.")
    ],
    images: Annotated[Path, typer.Option("--images", metavar="FOLDER", help="Folder of the pictures: COCO's val2017.")],
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Tell true captions from nearly true ones.

    SugarCrepe: negatives have a thing added, replaced or swapped. Accuracy in percent; a tie is wrong. In the file:
    sugarcrepe_add_att and so on for the files, sugarcrepe_add, _replace and _swap over items and _macro over files,
    and sugarcrepe over everything.
    """
    from pairsmith.cli.encoders import measure_and_tell, tell_absent, tell_ties
    from pairsmith.evaluation.image_text.sugarcrepe import SUBSETS, load_sugarcrepe, sugarcrepe_scores

    items = load_sugarcrepe(data)
    tell_absent(SUBSETS, items)
    ties: dict[str, int] = {}

    def work(encoder: DualEncoder) -> dict[str, Score]:
        found = sugarcrepe_scores(encoder, items, images, batch_size=batch_rows)
        ties[encoder.name] = found.ties
        return found.scores

    measure_and_tell(model, device.value, work, out, {"data": data, "images": images}, seed)
    tell_ties(ties)


def evaluate_sugarcrepe_pp(
    model: Models,
    data: Annotated[
        Path, typer.Option("--data", metavar="FOLDER", help="Folder with replace_att.json and the four other files.")
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="FOLDER",
            help="Folder of the pictures: COCO's val2017. [default: only the test of texts]",
        ),
    ] = None,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Tell captions that say the same from another.

    SugarCrepe++: two true captions in different words, and a false one. Accuracy in percent; a tie is wrong, chance
    is a third. In the file: sugarcrepe_pp_itt (the image is nearer to both), sugarcrepe_pp_tot (the two are nearer
    to each other), means over the files, _micro over items, and the figures of every file.
    """
    from pairsmith.cli.encoders import measure_and_tell, tell_absent, tell_ties
    from pairsmith.evaluation.image_text.sugarcrepe_pp import SUBSETS, load_sugarcrepe_pp, sugarcrepe_pp_scores

    items = load_sugarcrepe_pp(data)
    tell_absent(SUBSETS, items)
    ties: dict[str, int] = {}

    def work(encoder: DualEncoder) -> dict[str, Score]:
        found = sugarcrepe_pp_scores(encoder, items, images, batch_size=batch_rows)
        ties[encoder.name] = found.ties
        return found.scores

    measure_and_tell(model, device.value, work, out, {"data": data, "images": images}, seed)
    tell_ties(ties)
