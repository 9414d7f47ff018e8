"""The scorer of scenes: a small dual encoder that the score `clip` tells right pictures from wrong ones with.

It learns from true pairs alone, and from near misses of their captions (NegCLIP): by the pairs of a batch, which differ
in nearly everything, it would hardly learn to see one wrong shape.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pairsmith.clip.config import DualEncoderConfig
from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.clip.saving import CONFIG_NAME
from pairsmith.recipes.scene_models.data import ScenePairs, write_scene_pairs
from pairsmith.recipes.scene_models.shipped import TRAINING, learning, mark, trained_or_shipped
from pairsmith.settings import Settings
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.clip.run import MODEL_FOLDER, train_dual_encoder
from pairsmith.training.clip.settings import ClipSettings
from pairsmith.training.logging import Progress
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.clip import ClipLossSettings

NAME = "scorer"


class SceneScorerSettings(Settings):
    """The dual encoder and what it learns from."""

    pairs: ScenePairs = ScenePairs()
    learned: ClipSettings = ClipSettings(
        model=DualEncoderConfig(
            architecture={
                "embed_dim": 96,
                "vision_cfg": {"image_size": 64, "layers": 3, "width": 96, "head_width": 24, "patch_size": 16},
                "text_cfg": {"context_length": 20, "width": 96, "heads": 4, "layers": 2},
            },
            words=True,
        ),
        loss=ClipLossSettings(negatives="texts"),
        curriculum=CurriculumSettings(shape="constant", share=0.5, epochs=1),
        crop=CropSettings(area=(1.0, 1.0)),  # a crop may cut off what the caption counts or places
        training=TrainingSettings(
            steps=1000,
            batch_size=128,
            learning_rate=2e-3,
            warmup_steps=100,
            decay="cosine",
            weight_decay=0.1,
            betas=(0.9, 0.98),
            log_every=50,
            checkpoint_every=500,
        ),
    )


def scene_scorer(
    folder: Path,
    settings: SceneScorerSettings | None = None,
    *,
    from_scratch: bool = False,
    progress: Progress | None = None,
) -> Path:
    """The dual encoder: found in the folder, shipped, or trained.

    Its captions have no prefix: score with {"score": "clip", "model": FOLDER, "prefix": ""}.

    Args:
        folder: of its files; a training keeps its data and checkpoints in `folder`/training.
        settings: None: those of the shipped one.
        from_scratch: train, even where the shipped one fits.
        progress: shown the training.

    Returns:
        A folder that open_clip and the score `clip` load.
    """
    settings = settings or SceneScorerSettings()

    def train(incoming: Path) -> None:
        work = folder / TRAINING
        pairs = write_scene_pairs(settings.pairs, work / "pairs", near_misses=True)
        train_dual_encoder(pairs, settings.learned, work / NAME, progress=progress)
        shutil.copytree(work / NAME / MODEL_FOLDER, incoming, dirs_exist_ok=True)

    return trained_or_shipped(NAME, scorer_mark(settings), folder, train, from_scratch=from_scratch, last=CONFIG_NAME)


def scorer_mark(settings: SceneScorerSettings) -> str:
    """The fingerprint of all that decides the scorer's weights."""
    values = {key: value for key, value in settings.learned.to_dict().items() if key != "training"}
    return mark(settings.pairs.to_dict(), values, learning(settings.learned.training))
