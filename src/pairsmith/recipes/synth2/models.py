"""The recipe's models: trained here, or, where a trained one fits, taken from what ships with the package.

Every function returns at once when its model is in the run folder already. Several processes train together; the first
one saves, and the others go on with what it saved.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from pairsmith.captions.causal_model import CausalModel
from pairsmith.errors import InputError
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.model_folder import CONFIG_FILE, INCOMING, install
from pairsmith.pairs import PairStore
from pairsmith.pairs.feed import Feed, PairSource
from pairsmith.recipes.place import Place
from pairsmith.recipes.reporter import Reporter
from pairsmith.recipes.synth2.pixels import PixelSource
from pairsmith.recipes.synth2.scenes_llama import SPECIAL_TOKENS, scenes_llama
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.stages.generator_kinds.token_kind import new_generator
from pairsmith.tokenizer.discriminator import PatchDiscriminator
from pairsmith.tokenizer.losses import TokenizerLoss
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train
from pairsmith.training.tasks.generator import GeneratorTask
from pairsmith.training.tasks.language_model import LanguageModelTask
from pairsmith.training.tasks.tokenizer import TokenizerTask
from pairsmith.vlm.model import VisionLanguageModel

logger = logging.getLogger(__name__)

PIXELS_NAME = "pixels.u8"


@dataclass(frozen=True)
class Models:
    """The frozen models that everything is made with, all on one device."""

    tokenizer: VQTokenizer
    lm: Any
    hf_tokenizer: Any
    encoder: TextEncoder


def pretrained_models(
    settings: Synth2Settings,
    pictures: PairStore,
    text: PairStore | None,
    folder: Path,
    place: Place,
    reporter: Reporter,
) -> Models:
    """Tokenizer and language model: found in the folder, or trained on pictures and on text (scenes alone)."""
    tokenizer = train_tokenizer(settings, pictures, folder / "tokenizer", place, reporter.training("tokenizer"))
    if settings.language_model.source == "scenes":
        assert text is not None  # see `check_language_model`
        lm, hf_tokenizer = train_language_model(
            settings, text, folder / "language_model", place, reporter.training("language model")
        )
    else:
        lm, hf_tokenizer = load_language_model(settings.language_model.source)
    lm.requires_grad_(False)
    lm.to(place.device)
    return Models(tokenizer.to(place.device), lm, hf_tokenizer, text_encoder(settings, lm, hf_tokenizer))


def train_tokenizer(
    settings: Synth2Settings, pictures: PairStore, folder: Path, place: Place, progress: Progress | None = None
) -> VQTokenizer:
    """The VQ-GAN, trained on pictures without captions (paper A.1.1)."""
    if place.is_there(folder / CONFIG_FILE):
        return VQTokenizer.from_pretrained(folder)
    preset, training = settings.tokenizer, place.training(settings.tokenizer_training)
    rate = preset.discriminator_learning_rate
    model = VQTokenizer(preset.model)
    task = TokenizerTask(
        model,
        preset.losses,
        PatchDiscriminator(preset.discriminator) if preset.losses.adversarial_weight else None,
        TokenizerLoss.from_config(preset.losses).perceptual,
        discriminator_rate=rate / training.learning_rate if training.learning_rate else 1.0,
        autoencoder_steps=preset.continuous_steps,
    )
    file = folder / "training" / PIXELS_NAME
    source = place.in_turn(lambda: PixelSource(pictures, preset.model.image_size, file))
    feed = Feed(source, training.batch_size, training.seed, *place.ranks[:2])
    train(task, feed, training, folder / "training", progress=progress, inputs={"pictures": pictures.fingerprint})
    model.eval()
    place.only_first(lambda: model.save_pretrained(folder))
    place.only_first(lambda: file.unlink(missing_ok=True))
    return model if place.first else VQTokenizer.from_pretrained(folder)


def word_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words, for a language as small as that of scenes."""
    words = sorted({word for text in texts for word in text.split()})
    vocabulary = {token: number for number, token in enumerate([*SPECIAL_TOKENS, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )


def train_language_model(
    settings: Synth2Settings, text: PairStore, folder: Path, place: Place, progress: Progress | None = None
) -> tuple[Any, Any]:
    """A small Llama trained on sentences about scenes; returns (model, tokenizer)."""
    if place.is_there(folder / CONFIG_FILE):
        return load_language_model(folder)
    if settings.language_model_training is None:
        raise InputError("setting 'language_model_training' is needed to train the scenes' language model")
    sizes, training = settings.language_model, place.training(settings.language_model_training)
    hf_tokenizer = word_tokenizer([pair.caption for pair in text.iter_pairs(["id", "caption"])])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training.seed)
        lm = LlamaForCausalLM(scenes_llama(sizes, len(hf_tokenizer)))
        # Text alone never tells one colour or shape from another, so their vectors stay where they start. Starting far
        # apart, they can be told apart by the generator that reads them and be asked for by the VLM that speaks them.
        torch.nn.init.normal_(lm.model.embed_tokens.weight, std=1.0)
        torch.nn.init.normal_(lm.lm_head.weight, std=sizes.width**-0.5)
    task = LanguageModelTask(lm, hf_tokenizer, sizes.max_text)
    feed = Feed(PairSource(text, ["caption"]), training.batch_size, training.seed, *place.ranks[:2])
    train(task, feed, training, folder / "training", progress=progress, inputs={"text": text.fingerprint})

    def save() -> None:
        incoming = folder / INCOMING
        lm.save_pretrained(incoming)
        hf_tokenizer.save_pretrained(incoming)
        install(incoming, folder)

    place.only_first(save)
    return (lm.eval(), hf_tokenizer) if place.first else load_language_model(folder)


def load_language_model(source: Path | str) -> tuple[Any, Any]:
    """A causal language model and its tokenizer: "smollm2" (the packaged one), a folder, or a hub id."""
    if source == "smollm2":
        lm, hf_tokenizer = CausalModel.smollm2().loaded()
    else:
        try:
            lm, hf_tokenizer = AutoModelForCausalLM.from_pretrained(source), AutoTokenizer.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise InputError(f"language model {source}: {str(error).splitlines()[0]}") from error
    if hf_tokenizer.pad_token is None:  # pads are masked everywhere, so any token will do
        hf_tokenizer.pad_token = hf_tokenizer.eos_token
    return lm.eval(), hf_tokenizer


def text_encoder(settings: Synth2Settings, lm: Any, hf_tokenizer: Any) -> TextEncoder:
    """The frozen language model as the generator's text encoder."""
    sizes = settings.language_model
    return TextEncoder(lm, hf_tokenizer, max_length=settings.generator.max_text, layer=sizes.text_layer)


def train_generator(
    settings: Synth2Settings,
    pairs: PairStore,
    tokenizer: VQTokenizer,
    encoder: TextEncoder,
    folder: Path,
    place: Place,
    progress: Progress | None = None,
) -> MaskedGenerator:
    """The masked generator, trained on the very pairs that the VLM gets (paper §3.2.1).

    Raises:
        InputError: the folder holds one that was trained with another tokenizer or language model.
    """
    if place.is_there(folder / CONFIG_FILE):
        model = MaskedGenerator.from_pretrained(folder)
        model.check_codes(tokenizer)
        encoder.check_reader(model.config)
        return model.eval().to(place.device)
    training = place.training(settings.generator_training)
    model = new_generator(MaskedGenerator, settings.generator, tokenizer, encoder, training.seed)
    task = GeneratorTask(model, encoder, settings.masking, settings.cached_captions)
    feed = Feed(PairSource(pairs, ["caption", "tokens"]), training.batch_size, training.seed, *place.ranks[:2])
    train(task, feed, training, folder / "training", progress=progress, inputs={"pairs": pairs.fingerprint})
    model.eval()
    place.only_first(lambda: model.save_pretrained(folder))
    return (model if place.first else MaskedGenerator.from_pretrained(folder).eval()).to(place.device)


def new_vlm(settings: Synth2Settings, lm: Any, tokenizer: VQTokenizer, seed: int) -> VisionLanguageModel:
    """An untrained VLM around the frozen language model and tokenizer, on their device."""
    sizes = tokenizer.config
    config = settings.vlm.model_copy(
        update={"codebook_size": sizes.codebook_size, "code_dim": sizes.code_dim, "grid": sizes.grid}
    )
    model = VisionLanguageModel(config, lm, tokenizer.codebook, tokenizer, seed=seed)
    return model.to(tokenizer.codebook.device)
