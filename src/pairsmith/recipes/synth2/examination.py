"""Stage: tokenizer, generator and captions are examined before anything is trained on what they made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pairsmith.captions.stage import reason_counts
from pairsmith.pairs import PairStore
from pairsmith.pairs.images import load_pixels
from pairsmith.recipes.own_pairs import image_overlap
from pairsmith.recipes.run_files import save_json
from pairsmith.recipes.synth2 import measure
from pairsmith.recipes.synth2.data import Data
from pairsmith.recipes.synth2.models import Models
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.training.synthesis import Synthesizer


def examine(
    settings: Synth2Settings,
    data: Data,
    trained: Models,
    synthesizer: Synthesizer,
    test: PairStore,
    captions: PairStore,
    folder: Path,
) -> None:
    """Write overlap, tokenizer, diversity and generator (.json) into `folder`, those that are not there yet."""
    if not (folder / "overlap.json").is_file():
        save_json(folder / "overlap.json", image_overlap(data.test, data.real))
    if not (folder / "tokenizer.json").is_file():
        pixels = _pictures(test, len(test), trained)
        save_json(folder / "tokenizer.json", measure.tokenizer_quality(trained.tokenizer, pixels))
    if not (folder / "diversity.json").is_file():
        sets = {
            "synthetic": [pair.caption for pair in captions.iter_pairs(["id", "caption"])],
            "real": [pair.caption for pair in data.real.iter_pairs(["id", "caption"])],
        }
        found = measure.diversity(settings, trained.lm, trained.hf_tokenizer, sets)
        save_json(folder / "diversity.json", {"sets": found, "caption_rows": reason_counts(captions)})
    if not (folder / "generator.json").is_file():
        save_json(folder / "generator.json", _examine_generator(settings, data, trained, synthesizer, test))


def _examine_generator(
    settings: Synth2Settings, data: Data, trained: Models, synthesizer: Synthesizer, test: PairStore
) -> dict[str, Any]:
    """Its pictures of test captions, which the report shows, and what they are worth."""
    drawn, captions = measure.draw_test_captions(test, synthesizer, settings.evaluation.faithfulness)
    made = measure.decode(trained.tokenizer, drawn)
    result: dict[str, Any] = {
        measure.FRECHET: measure.picture_distance(trained.tokenizer, _pictures(test, len(drawn), trained), made),
        "pictures": len(drawn),
        "text_truncated": trained.encoder.truncated,
        "captions": captions,
        "tokens": drawn.tolist(),
        "test_ids": test.ids()[: len(drawn)],
    }
    if data.world is not None:
        oracle = measure.make_oracle(settings, data.world)
        result["faithfulness"] = measure.faithfulness(oracle, trained.tokenizer, test, drawn)
    return result


def _pictures(test: PairStore, count: int, trained: Models) -> Tensor:
    """The first test pictures, [count, 3, S, S] on the CPU."""
    size = trained.tokenizer.config.image_size
    return torch.stack([torch.from_numpy(load_pixels(test.pair(row).image or b"", size)) for row in range(count)])
