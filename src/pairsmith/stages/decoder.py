"""Stage: a larger decoder for a trained tokenizer (Synth² A.1.1). Tokens keep their meaning; pictures get sharper.

Nothing that was trained on the tokens has to change: encoder and codebook stay as they are, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from pairsmith.model_folder import CONFIG_FILE
from pairsmith.pairs import PairStore
from pairsmith.pairs.feed import Feed
from pairsmith.pairs.images import load_pixels
from pairsmith.settings import Settings
from pairsmith.tokenizer.config import DiscriminatorConfig, TokenizerLossConfig
from pairsmith.tokenizer.discriminator import PatchDiscriminator
from pairsmith.tokenizer.losses import TokenizerLoss
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.distributed import read_ranks
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.tokenizer import TokenizerTask


class DecoderSettings(Settings):
    """The larger decoder and its training. The paper gives the sizes alone; the optimiser is the tokenizer's."""

    channels: int = Field(default=256, ge=1, description="base channels (A.1.1)")
    blocks: int = Field(default=4, ge=1, description="residual blocks at each resolution (A.1.1)")
    losses: TokenizerLossConfig = Field(
        default=TokenizerLossConfig(adversarial_weight=0.0), description="terms and weights; by default no adversary"
    )
    discriminator: DiscriminatorConfig = Field(
        default=DiscriminatorConfig(), description="used where losses.adversarial_weight is above 0"
    )
    discriminator_rate: float = Field(
        default=1.0, gt=0, description="learning rate of the discriminator / of the decoder"
    )
    training: TrainingSettings = Field(
        default=TrainingSettings(
            steps=50_000,
            batch_size=64,
            learning_rate=1e-4,
            warmup_steps=1000,
            decay="cosine",
            weight_decay=0.0,
            betas=(0.9, 0.99),
            checkpoint_every=1000,
        ),
        description="optimiser (Table 6), steps, batch",
    )


class PictureSource:
    """Pictures of a store as {"pixels": float32 [B, 3, S, S] in [0, 1]}, decoded when they are asked for.

    Args:
        store: rows with images.
        size: pixels a side.
    """

    def __init__(self, store: PairStore, size: int) -> None:
        self._store = store
        self._size = size

    def __len__(self) -> int:
        return len(self._store)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, np.ndarray]:
        pictures = [load_pixels(self._store.pair(int(index)).image or b"", self._size) for index in indices]
        return {"pixels": np.stack(pictures)}


def finetune_decoder(
    tokenizer: VQTokenizer,
    pictures: PairStore,
    settings: DecoderSettings,
    out: Path,
    progress: Progress | None = None,
) -> VQTokenizer:
    """Train a larger decoder; resumable, and at once back when it is there already.

    Args:
        tokenizer: trained; it is left as it is.
        pictures: rows with images.
        settings: sizes, losses, optimiser.
        out: folder of the new tokenizer; the run's checkpoints and log are in `out`/training.
        progress: shown the training while it goes on.

    Returns:
        The new tokenizer, in eval mode, with the same `codes_fingerprint` as the old one.

    Raises:
        InputError: `out` holds a training with other settings, pictures or tokenizer, or a picture cannot be read.
    """
    model = tokenizer.with_finetuned_decoder(settings.channels, settings.blocks)
    task = TokenizerTask(
        model,
        settings.losses,
        PatchDiscriminator(settings.discriminator) if settings.losses.adversarial_weight else None,
        TokenizerLoss.from_config(settings.losses).perceptual,
        discriminator_rate=settings.discriminator_rate,
    )
    ranks, training = read_ranks(), settings.training
    source = PictureSource(pictures, model.config.image_size)
    feed = Feed(source, training.batch_size, training.seed, ranks.rank, ranks.world)
    inputs = {"pictures": pictures.fingerprint, "tokenizer": tokenizer.fingerprint()}
    train(task, feed, training, out / "training", progress=progress, inputs=inputs)
    model.eval()
    if ranks.rank == 0 and not (out / CONFIG_FILE).is_file():
        model.save_pretrained(out)
    return model
