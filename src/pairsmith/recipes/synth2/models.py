"""The recipe's models: trained here, or, where a trained one fits, taken from what ships with the package.

Every function returns at once when its model is in the run folder already.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from pairsmith.captions.causal_model import CausalModel
from pairsmith.errors import InputError
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.model_folder import CONFIG_FILE
from pairsmith.pairs import PairStore
from pairsmith.pairs.feed import Feed, PairSource
from pairsmith.pairs.images import load_pixels
from pairsmith.recipes.synth2.scenes_llama import SPECIAL_TOKENS, scenes_llama
from pairsmith.recipes.synth2.settings import PAPERS_LANGUAGE_MODEL, Synth2Settings
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

INCOMING = "incoming"  # where a model's files lie until all of them are written


class PixelSource:
    """Pictures of a store as {"pixels": uint8 [B, 3, S, S]}, decoded once and kept in memory.

    Args:
        store: rows with images.
        size: pixels a side.
    """

    def __init__(self, store: PairStore, size: int) -> None:
        self._pixels = np.empty((len(store), 3, size, size), np.uint8)
        for row, pair in enumerate(store.iter_pairs(["id", "caption", "image"])):
            self._pixels[row] = load_pixels(pair.image or b"", size) * 255 + 0.5

    def __len__(self) -> int:
        return len(self._pixels)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, np.ndarray]:
        return {"pixels": self._pixels[np.asarray(indices)]}


def train_tokenizer(
    settings: Synth2Settings, pictures: PairStore, folder: Path, progress: Progress | None = None
) -> VQTokenizer:
    """The VQ-GAN, trained on pictures without captions (paper A.1.1)."""
    if (folder / CONFIG_FILE).is_file():
        return VQTokenizer.from_pretrained(folder)
    preset, training = settings.tokenizer, settings.tokenizer_training
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
    feed = Feed(PixelSource(pictures, preset.model.image_size), training.batch_size, training.seed)
    train(task, feed, training, folder / "training", progress=progress, inputs={"pictures": pictures.fingerprint})
    model.eval()
    model.save_pretrained(folder)
    return model


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
    settings: Synth2Settings, text: PairStore, folder: Path, progress: Progress | None = None
) -> tuple[Any, Any]:
    """A small Llama trained on sentences about scenes; returns (model, tokenizer)."""
    if (folder / CONFIG_FILE).is_file():
        return load_language_model(folder)
    if settings.language_model_training is None:
        raise InputError("setting 'language_model_training' is needed to train the scenes' language model")
    sizes, training = settings.language_model, settings.language_model_training
    hf_tokenizer = word_tokenizer([pair.caption for pair in text.iter_pairs(["id", "caption"])])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training.seed)
        lm = LlamaForCausalLM(scenes_llama(sizes, len(hf_tokenizer)))
        # Text alone never tells one colour or shape from another, so their vectors stay where they start. Starting far
        # apart, they can be told apart by the generator that reads them and be asked for by the VLM that speaks them.
        torch.nn.init.normal_(lm.model.embed_tokens.weight, std=1.0)
        torch.nn.init.normal_(lm.lm_head.weight, std=sizes.width**-0.5)
    task = LanguageModelTask(lm, hf_tokenizer, sizes.max_text)
    feed = Feed(PairSource(text, ["caption"]), training.batch_size, training.seed)
    train(task, feed, training, folder / "training", progress=progress, inputs={"text": text.fingerprint})
    incoming = folder / INCOMING
    lm.save_pretrained(incoming)
    hf_tokenizer.save_pretrained(incoming)
    install(incoming, folder)
    return lm.eval(), hf_tokenizer


def check_language_model(settings: Synth2Settings, own_pairs: bool) -> None:
    """Whether the language model that the settings name can be had, before work is spent on what comes before it.

    Raises:
        InputError: the paper's, which nobody can load; that of scenes for own pairs; or no model under this name.
    """
    source = settings.language_model.source
    if source == PAPERS_LANGUAGE_MODEL:
        raise InputError(
            f"setting 'language_model.source': {source} is the paper's language model, which was never released; take "
            "another with --set language_model.source=NAME, a folder or hub id of any causal language model"
        )
    if source == "scenes":
        if own_pairs:
            raise InputError(
                "setting 'language_model.source': 'scenes' is for scenes; own pairs need a language model, such as "
                "--set language_model.source=smollm2"
            )
    elif source != "smollm2":
        try:
            AutoConfig.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise InputError(f"setting 'language_model.source': {source}: {str(error).splitlines()[0]}") from error


def install(incoming: Path, folder: Path) -> None:
    """Move a model's files to where they belong, `config.json` last.

    Its presence is what says that a model is there, and a run may be killed between any two files.
    """
    for file in sorted(incoming.iterdir(), key=lambda file: (file.name == CONFIG_FILE, file.name)):
        file.replace(folder / file.name)
    incoming.rmdir()


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
    progress: Progress | None = None,
) -> MaskedGenerator:
    """The masked generator, trained on the very pairs that the VLM gets (paper §3.2.1).

    Raises:
        InputError: the folder holds one that was trained with another tokenizer or language model.
    """
    if (folder / CONFIG_FILE).is_file():
        model = MaskedGenerator.from_pretrained(folder)
        model.check_codes(tokenizer)
        encoder.check_reader(model.config)
        return model.eval()
    sizes = tokenizer.config
    update: dict[str, Any] = {
        "codebook_size": sizes.codebook_size,
        "grid": sizes.grid,
        "codes": tokenizer.codes_fingerprint(),
        "text_dim": encoder.dim,
        "text_layer": encoder.layer,
        "text_model": encoder.fingerprint(),
    }
    if settings.generator.codebook_tied:
        update["code_dim"] = sizes.code_dim
    training = settings.generator_training
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training.seed)
        model = MaskedGenerator(settings.generator.model_copy(update=update))
    if settings.generator.codebook_tied:
        model.set_codebook(tokenizer.codebook)
    task = GeneratorTask(model, encoder, settings.masking, settings.cached_captions)
    feed = Feed(PairSource(pairs, ["caption", "tokens"]), training.batch_size, training.seed)
    train(task, feed, training, folder / "training", progress=progress, inputs={"pairs": pairs.fingerprint})
    model.eval()
    model.save_pretrained(folder)
    return model


def new_vlm(settings: Synth2Settings, lm: Any, tokenizer: VQTokenizer, seed: int) -> VisionLanguageModel:
    """An untrained VLM around the frozen language model and tokenizer."""
    sizes = tokenizer.config
    config = settings.vlm.model_copy(
        update={"codebook_size": sizes.codebook_size, "code_dim": sizes.code_dim, "grid": sizes.grid}
    )
    return VisionLanguageModel(config, lm, tokenizer.codebook, tokenizer, seed=seed)
