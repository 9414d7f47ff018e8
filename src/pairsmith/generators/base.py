"""What all generators that draw tokens share: the codes they draw, their fingerprint, and their folder.

A new one needs a config, a mark for its folder, and `draw`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.fingerprints import tensors_fingerprint
from pairsmith.generators.conditioning import TextConditioner, TextContext
from pairsmith.generators.config import TextToTokensConfig
from pairsmith.model_folder import check_settings, find_folder, load_weights, read_values, save_folder
from pairsmith.settings import canonical_json
from pairsmith.tokenizer.model import VQTokenizer


class TokenGenerator(nn.Module, ABC):
    """A model that draws tokens from text features.

    Attributes:
        config: the architecture.
        conditioner: turns text features into what the blocks attend to.
        KIND: what messages call it: "a masked generator".
        MARKS: what only this kind of model has in `config.json`.
        CONFIG: the class of its settings.
    """

    KIND: ClassVar[str]
    MARKS: ClassVar[Mapping[str, str]]
    CONFIG: ClassVar[type[TextToTokensConfig]]
    config: TextToTokensConfig
    conditioner: TextConditioner

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
        """Cross-attention keys and values of a batch of captions, made once for all refinement steps.

        Args:
            text: [B, L, text_dim] float features of the frozen language model.
            text_mask: [B, L] bool, True for real tokens.
            drop: [B] bool, True where the whole caption is replaced by the learned null text.

        Raises:
            InputError: a shape or dtype differs from the above.
        """
        return self.conditioner(text, text_mask, drop)

    def null_context(self, rows: int, length: int) -> TextContext:
        """The context of `rows` dropped captions, padded to `length` text positions."""
        return self.conditioner.null(length).repeat(rows)

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
