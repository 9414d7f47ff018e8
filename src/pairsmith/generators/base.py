"""What all generators that draw tokens share: the codes they draw, their fingerprint, and their folder.

A new one needs a config, a mark for its folder, how it takes in text, and `draw`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.fingerprints import tensors_fingerprint
from pairsmith.generators.codebook import CodeVectors
from pairsmith.generators.conditioning import TextContext, TextFeatures
from pairsmith.generators.config import TextToTokensConfig
from pairsmith.model_folder import check_settings, find_folder, load_weights, read_values, save_folder
from pairsmith.settings import canonical_json
from pairsmith.tokenizer.model import VQTokenizer


class TokenGenerator(nn.Module, ABC):
    """A model that draws tokens from text features.

    Attributes:
        config: the architecture.
        conditioner: turns text features into what the blocks attend to.
        code_vectors: those of the tokenizer, where it is built on them; else None.
        KIND: what messages call it: "a masked generator".
        MARKS: what only this kind of model has in `config.json`.
        CONFIG: the class of its settings.
    """

    KIND: ClassVar[str]
    MARKS: ClassVar[Mapping[str, str]]
    CONFIG: ClassVar[type[TextToTokensConfig]]
    config: TextToTokensConfig
    conditioner: TextFeatures
    code_vectors: CodeVectors | None

    @abstractmethod
    def draw(self, text: Tensor, text_mask: Tensor, settings: Any, seeds: Sequence[int]) -> Tensor:
        """One picture a row; a row depends on its own text and seed alone, to the last bit.

        Args:
            text: [B, L, text_dim] float features of the frozen language model.
            text_mask: [B, L] bool, True for real tokens.
            settings: how to draw, settings of this kind.
            seeds: B seeds of at most 63 bits.

        Returns:
            [B, N] int64 tokens in raster order, on the model's device.
        """

    def encode_text(self, text: Tensor, text_mask: Tensor, drop: Tensor | None = None) -> TextContext:
        """Keys and values of a batch of captions for every block, made once for all that is drawn from them.

        Args:
            text: [B, L, text_dim] float features of the frozen language model.
            text_mask: [B, L] bool, True for real tokens.
            drop: [B] bool, True where the whole caption is replaced by the learned null text.

        Raises:
            InputError: a shape or dtype differs from the above.
        """
        return self._context(text, text_mask, drop)

    @abstractmethod
    def _context(self, text: Tensor, text_mask: Tensor, drop: Tensor | None) -> TextContext:
        """What `encode_text` gives."""

    def null_context(self, rows: int, length: int) -> TextContext:
        """The context of `rows` dropped captions, padded to `length` text positions."""
        text = self.conditioner.null_text.new_zeros(1, length, self.config.text_dim)
        mask = torch.zeros(1, length, dtype=torch.bool, device=text.device)
        return self._context(text, mask, torch.ones(1, dtype=torch.bool, device=text.device)).repeat(rows)

    def set_codebook(self, codebook: Tensor, floor: float = 1e-4) -> None:
        """Take over the tokenizer's code vectors, whitened; they are saved with the model.

        Args:
            codebook: [codebook_size, code_dim] float.
            floor: see `pairsmith.generators.codebook.whiten`.

        Raises:
            InputError: the generator is not built on a codebook, or the shape differs.
        """
        if self.code_vectors is None:
            raise InputError("this generator has free token embeddings: set codebook_tied to use a codebook")
        self.code_vectors.set(codebook, floor)

    def fingerprint(self) -> str:
        """16 hex digits that change with the configuration or with any weight."""
        return tensors_fingerprint(canonical_json(self.config), self.state_dict())

    def check_codes(self, tokenizer: VQTokenizer) -> None:
        """Whether its tokens stand for this tokenizer's codes; with others they decode to noise, without any error.

        Raises:
            InputError: it was trained on the tokens of another tokenizer.
        """
        found = tokenizer.codes_fingerprint()
        if self.config.codes not in (None, found):
            raise InputError(
                f"the generator draws tokens of the codes {self.config.codes}, and the tokenizer has the codes "
                f"{found}: take the tokenizer that the generator was trained with"
            )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder, which is made if need be."""
        save_folder(Path(folder), {**self.MARKS, **self.config.to_dict()}, self.state_dict())

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str | None = None) -> Self:
        """Load a generator in eval mode on the CPU.

        Args:
            source: a folder written by `save_pretrained`, or the id of a model on the Hugging Face hub.
            revision: branch, tag or commit on the hub.

        Raises:
            InputError: a file is missing, damaged, or does not fit the other.
        """
        folder = find_folder(source, revision, cls.KIND)
        model = cls(check_settings(folder, cls.CONFIG, read_values(folder, cls.KIND, cls.MARKS)))
        load_weights(folder, model)
        return model.eval()
