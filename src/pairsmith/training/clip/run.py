"""A dual encoder trained on a pair store, from its captions to a folder that open_clip loads."""

from __future__ import annotations

from pathlib import Path

from pairsmith.clip.model import DualEncoder
from pairsmith.pairs.caption_sets import read_captions
from pairsmith.pairs.store import PairStore
from pairsmith.training.clip.batches import ClipBatches
from pairsmith.training.clip.settings import ClipSettings
from pairsmith.training.distributed import Ranks, read_ranks
from pairsmith.training.gather import gather_over
from pairsmith.training.logging import Progress
from pairsmith.training.loop import TrainResult, train
from pairsmith.training.tasks.clip import ClipTask

MODEL_FOLDER = "model"
TRAINING_FOLDER = "training"


def clip_task(store: PairStore, settings: ClipSettings, ranks: Ranks) -> tuple[ClipTask, ClipBatches]:
    """The model to train with its loss, and this rank's batches of the store.

    Raises:
        InputError: settings that do not fit the data.
    """
    captions = read_captions(store)
    seed = settings.training.seed
    encoder = DualEncoder.make(settings.model, [*captions.captions, *filter(None, captions.negatives)], seed)
    feed = ClipBatches(
        store,
        captions,
        encoder.tokenize(),
        batch_size=settings.training.batch_size,
        views=settings.views,
        negatives=settings.loss.negatives,
        curriculum=settings.curriculum,
        image_size=encoder.image_size,
        crop=settings.crop,
        interpolation=settings.model.interpolation,
        seed=seed,
        rank=ranks.rank,
        world=ranks.world,
    )
    return ClipTask(encoder, settings.loss, len(captions.kinds), gather_over(ranks), seed), feed


def train_dual_encoder(
    store: PairStore, settings: ClipSettings, out: Path, *, progress: Progress | None = None
) -> TrainResult:
    """Train, or go on where a run was stopped; a finished one returns at once.

    Args:
        store: pairs with pictures.
        settings: what and how.
        out: gets `training/` (checkpoints and log) and in the end `model/`, which open_clip loads as
            `local-dir:OUT/model`.
        progress: shown the run.

    Raises:
        InputError: settings that do not fit the data, or another run in `out`.
    """
    ranks = read_ranks()
    task, feed = clip_task(store, settings, ranks)
    data = settings.to_dict()
    result = train(
        task,
        feed,
        settings.resolved(feed.steps_per_epoch),
        out / TRAINING_FOLDER,
        progress=progress,
        inputs={"pairs": store.fingerprint, **{name: str(data[name]) for name in ("views", "curriculum", "crop")}},
    )
    if ranks.rank == 0:
        task.encoder.save(out / MODEL_FOLDER)
    return result
