"""Trains the shipped parts from scratch and puts them into the package, for maintainers.

    python -m pairsmith.recipes.scene_models.ship --out runs/scene-models [--parts flow scorer tower reader]

About half an hour on one core. Needed after a change of what decides the weights: settings, the world, the shipped
tokenizer or language model, or a model's code.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from pairsmith.recipes.scene_models import flow, reader, scorer, tower
from pairsmith.recipes.scene_models.shipped import ship

PARTS = (flow.NAME, scorer.NAME, tower.NAME, reader.NAME)


def ship_parts(out: Path, parts: tuple[str, ...] = PARTS) -> None:
    """Train parts, each in a folder of `out`, and ship them; a part that was trained there already is not again."""
    for name in parts:
        folder = out / name
        if name == flow.NAME:
            flow.scene_flow(folder, from_scratch=True)
        elif name == scorer.NAME:
            scorer.scene_scorer(folder, from_scratch=True)
        elif name == tower.NAME:
            tower.scene_tower(folder, from_scratch=True)
        else:
            reader.scene_reader(folder, from_scratch=True)
        ship(name, marks()[name], folder)


def marks() -> dict[str, str]:
    """Part -> the mark of the settings that ship."""
    settings = flow.SceneFlowSettings()
    readers = flow.SceneReaders.load()
    encoder = readers.text_encoder(settings.learned.generator.max_text, settings.learned.text_layer)
    return {
        flow.NAME: flow.flow_mark(settings, readers, encoder),
        scorer.NAME: scorer.scorer_mark(scorer.SceneScorerSettings()),
        tower.NAME: tower.tower_mark(tower.SceneTowerSettings()),
        reader.NAME: reader.reader_mark(reader.SceneReaderSettings()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    ship_parts(options.out, tuple(options.parts))


if __name__ == "__main__":
    main()
