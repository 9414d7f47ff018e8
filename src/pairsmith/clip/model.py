"""Builds open_clip's models, with its tokenizers or with one of whole words, and saves them whole.

The networks are open_clip's own classes and the tokenizers those that open_clip makes from a saved folder, so what was
trained here and what is loaded elsewhere cannot differ.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from pairsmith.clip.config import DualEncoderConfig
from pairsmith.clip.saving import save_open_clip
from pairsmith.errors import InputError
from pairsmith.settings import merge

Tokenize = Callable[[Sequence[str]], Tensor]
"""Texts -> int64 token ids [B, L]."""

MAX_LOG_SCALE = math.log(100)
_PAD, _BEGIN, _END, _UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"
_ID_TYPES = {"pad_id": _PAD, "eos_id": _END}


class DualEncoder:
    """An open_clip model with all that belongs to it.

    Args:
        config: the picture transform; the architecture as it was asked for.
        architecture: open_clip's model_cfg, complete.
        tokenizer: of whole words; None: open_clip's own.
        seed: of the weights.

    Attributes:
        model: `open_clip.CLIP`, in float32 on the CPU.

    Raises:
        InputError: open_clip cannot build the architecture.
    """

    def __init__(
        self,
        config: DualEncoderConfig,
        architecture: Mapping[str, Any],
        tokenizer: PreTrainedTokenizerFast | None,
        seed: int,
    ) -> None:
        self.config = config
        self.architecture = dict(architecture)
        self._tokenizer = tokenizer
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.model = build(self.architecture)
        self.context: int = self.model.context_length

    @classmethod
    def make(cls, config: DualEncoderConfig, captions: Iterable[str], seed: int = 0) -> DualEncoder:
        """An untrained model.

        Args:
            config: what to build.
            captions: of the training set, negatives included; a tokenizer of whole words is made from them.
            seed: of the weights.
        """
        architecture = complete(config.architecture)
        if not config.words:
            return cls(config, architecture, None, seed)
        tokenizer = word_tokenizer(captions)
        text = {
            **architecture["text_cfg"],
            "vocab_size": len(tokenizer),
            "hf_tokenizer_name": "words",  # of a local folder open_clip takes the files in it, whatever is said here
            "pool_type": "eos",
            **{name: tokenizer.convert_tokens_to_ids(token) for name, token in _ID_TYPES.items()},
        }
        return cls(config, {**architecture, "text_cfg": text}, tokenizer, seed)

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return int(self.architecture["vision_cfg"]["image_size"])

    def tokenize(self) -> Tokenize:
        """The tokenizer that open_clip will make from a saved folder."""
        if self._tokenizer is None:
            own = self.architecture["text_cfg"].get("tokenizer_kwargs") or {}
            return SimpleTokenizer(context_length=self.context, **own)
        with tempfile.TemporaryDirectory() as folder:
            self._tokenizer.save_pretrained(folder)
            return HFTokenizer(folder, context_length=self.context)

    def save(self, folder: Path) -> None:
        """Write a folder that open_clip loads as `local-dir:FOLDER`; its configuration comes last."""
        if self._tokenizer is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._tokenizer.save_pretrained(folder)
        config = self.config
        save_open_clip(
            self.model, self.architecture, folder, mean=config.mean, std=config.std, interpolation=config.interpolation
        )


def complete(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's model_cfg; one that is given by name is looked up and changed where more is said.

    Raises:
        InputError: open_clip has no architecture of that name, or the picture size is missing.
    """
    found = dict(architecture)
    name = found.pop("name", None)
    if name is not None:
        base = open_clip.get_model_config(name)
        if base is None:
            raise InputError(f"open_clip knows no architecture {name!r}; see open_clip.list_models()")
        found = merge(base, found)
    missing = {"embed_dim", "vision_cfg", "text_cfg"} - set(found)
    if missing or not isinstance(found["vision_cfg"].get("image_size"), int):
        raise InputError("setting 'model.architecture' needs embed_dim, text_cfg and vision_cfg with image_size")
    return found


def build(architecture: Mapping[str, Any]) -> open_clip.CLIP:
    """The network, with weights from torch's global generator.

    Raises:
        InputError: an architecture that open_clip does not understand.
    """
    try:
        return open_clip.CLIP(**architecture)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise InputError(f"setting 'model.architecture': open_clip cannot build it ({error})") from error


def word_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of whole lower-case words and punctuation marks, with a start and an end token round each text."""
    normalizer = normalizers.Lowercase()
    splitter = pre_tokenizers.Whitespace()
    words = {word for text in set(texts) for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    vocabulary = {word: place for place, word in enumerate([_PAD, _BEGIN, _END, _UNKNOWN, *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_BEGIN} $A {_END}", special_tokens=[(token, vocabulary[token]) for token in (_BEGIN, _END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=_PAD, bos_token=_BEGIN, eos_token=_END, unk_token=_UNKNOWN
    )
