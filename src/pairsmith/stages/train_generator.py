"""Stage: pairs of captions and tokens in, a trained generator's folder out, for every kind that can be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.pairs import PairStore
from pairsmith.pairs.feed import Feed, PairSource
from pairsmith.stages.generator_kinds.kind import GeneratorKind, TrainRequest
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train


def train_generator(
    kind: GeneratorKind,
    settings: Any,
    pairs: PairStore,
    tokenizer: VQTokenizer,
    text_encoder: TextEncoder,
    out: Path,
    progress: Progress | None = None,
) -> TokenGenerator:
    """Train a generator, or go on with one that was begun in `out`; a finished one returns at once.

    Args:
        kind: of the generator.
        settings: of the kind's training class.
        pairs: rows with captions and tokens.
        tokenizer: that made the tokens.
        text_encoder: frozen, of the language model that the generator will read.
        out: the generator's folder; its checkpoints and log go to `out/training`.
        progress: shown the run while it goes on.

    Raises:
        InputError: the kind is not trained here; the pairs have no tokens, or another tokenizer's; `out` holds a run
            with other settings or pairs.
    """
    if kind.training is None:
        raise InputError(f"generators of kind {kind.name} come trained; nothing trains them here")
    if pairs.manifest.num_tokens is None:
        raise InputError(f"{pairs.folder}: its rows have no tokens; make them with pairsmith tokenize first")
    if pairs.manifest.tokenizer != tokenizer.fingerprint():
        raise InputError(
            f"{pairs.folder}: its tokens were made by the tokenizer {pairs.manifest.tokenizer}, and the one given is "
            f"{tokenizer.fingerprint()}: give the one that made them"
        )
    model, task = kind.training.build(TrainRequest(settings, tokenizer, text_encoder, settings.training.seed))
    training = settings.training
    feed = Feed(PairSource(pairs, ["caption", "tokens"]), training.batch_size, training.seed)
    train(task, feed, training, out / "training", progress=progress, inputs={"pairs": pairs.fingerprint})
    model.eval()
    model.save_pretrained(out)
    return model
