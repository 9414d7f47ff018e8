"""Text features for the generator: the hidden states of a frozen causal language model.

The padding mask is explicit: a language model's states at padding are as large as any others, so a mask cannot be
read off the features. Normalisation is the generator's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.fingerprints import language_model_fingerprint
from pairsmith.settings import fingerprint


class TextReader(Protocol):
    """What a generator's settings say of the features that it reads; see `GeneratorConfig`."""

    @property
    def text_dim(self) -> int:
        """Their width."""

    @property
    def text_layer(self) -> int:
        """Of which hidden states."""

    @property
    def text_model(self) -> str | None:
        """Of which language model; None: not known."""


@dataclass(frozen=True)
class TokenizedCaptions:
    """Captions as ids, padded on the right.

    Attributes:
        ids: [B, L] int64.
        mask: [B, L] bool, True for real tokens.
        truncated: [B] bool, True where a caption was cut to L tokens.
    """

    ids: Tensor
    mask: Tensor
    truncated: Tensor


class TextEncoder:
    """Captions -> features of a frozen Hugging Face causal language model.

    All captions are padded to `max_length` and computed in blocks of `block_rows`, so that a caption's features do not
    depend, not even in the last bit, on which captions come with it.

    Attributes:
        encoded: captions encoded so far.
        cut: how many of them were longer than `max_length` tokens.
    """

    def __init__(self, lm: Any, hf_tokenizer: Any, max_length: int = 64, layer: int = -1, block_rows: int = 16) -> None:
        """Wrap a language model; it is frozen and put in eval mode.

        Args:
            lm: any `transformers` causal language model.
            hf_tokenizer: its tokenizer; one without a padding token is fine, the mask is made here.
            max_length: text tokens; Synth² table A.1.3: 64.
            layer: which entry of the hidden states: -1 after the last layer, -2 the one before, ...
            block_rows: captions computed together.

        Raises:
            InputError: the model has no such layer.
        """
        lm.requires_grad_(False)
        lm.eval()
        self.lm = lm.base_model  # without the output head over the vocabulary
        states = self.lm.config.get_text_config().num_hidden_layers + 1
        if not -states <= layer < states:
            raise InputError(f"text layer {layer} is out of range: this language model has {states} hidden states")
        self.hf_tokenizer = hf_tokenizer
        self.max_length = max_length
        self.layer = layer
        self.block_rows = block_rows
        self.encoded = 0
        self.cut = 0
        self._fingerprint: str | None = None

    def fingerprint(self) -> str:
        """16 hex digits of the language model and of the vocabulary it is read with; the same on every device."""
        if self._fingerprint is None:
            vocabulary = self.hf_tokenizer.get_vocab()
            self._fingerprint = fingerprint([language_model_fingerprint(self.lm), vocabulary])
        return self._fingerprint

    def check_reader(self, reader: TextReader) -> None:
        """Whether a generator of these settings was trained on these features; it cannot tell others of the same width.

        Raises:
            InputError: another width, other hidden states, or another language model.
        """
        if reader.text_dim != self.dim:
            raise InputError(
                f"the generator reads features of width {reader.text_dim}, and this language model has {self.dim}: "
                "give the one that the generator was trained with"
            )
        if reader.text_layer != self.layer:
            raise InputError(
                f"the generator reads hidden states {reader.text_layer} of its language model, and the text encoder "
                f"gives {self.layer}: make the encoder with the generator's text_layer"
            )
        if reader.text_model is not None and reader.text_model != self.fingerprint():
            raise InputError(
                f"the generator was trained with the language model {reader.text_model}, and this one is "
                f"{self.fingerprint()}: give the one that it was trained with"
            )

    @property
    def dim(self) -> int:
        """Width of a feature."""
        return self.lm.config.get_text_config().hidden_size

    @property
    def truncated(self) -> float:
        """The share of all captions encoded so far that lost their end."""
        return self.cut / self.encoded if self.encoded else 0.0

    def tokenize(self, captions: Sequence[str]) -> TokenizedCaptions:
        """Ids and mask, [B, max_length], padded on the right."""
        sequences: list[list[int]] = []
        if captions:
            sequences = self.hf_tokenizer(list(captions), truncation=False, padding=False, verbose=False)["input_ids"]
        # Any valid id will do: padding is masked out everywhere.
        padding = self.hf_tokenizer.pad_token_id
        if padding is None:
            padding = self.hf_tokenizer.eos_token_id if self.hf_tokenizer.eos_token_id is not None else 0
        ids = torch.full((len(captions), self.max_length), padding)
        for row, sequence in enumerate(sequences):
            kept = sequence[: self.max_length]
            ids[row, : len(kept)] = torch.tensor(kept, dtype=torch.int64)
        lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
        mask = torch.arange(self.max_length) < lengths[:, None]
        return TokenizedCaptions(ids, mask, lengths > self.max_length)

    @torch.no_grad()
    def encode(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Features and mask on the language model's device.

        Returns:
            features [B, max_length, dim] float32, zero at padding, and mask [B, max_length] bool, True for real
            tokens (all False for an empty caption of a tokenizer that adds no tokens of its own).
        """
        tokenized = self.tokenize(captions)
        self.encoded += len(captions)
        self.cut += int(tokenized.truncated.sum())
        device = next(self.lm.parameters()).device
        if not captions:
            return torch.zeros(0, self.max_length, self.dim, device=device), tokenized.mask.to(device)
        blocks = [
            self._block(tokenized.ids[start : start + self.block_rows], tokenized.mask[start : start + self.block_rows])
            for start in range(0, len(captions), self.block_rows)
        ]
        return torch.cat(blocks), tokenized.mask.to(device)

    def _block(self, ids: Tensor, mask: Tensor) -> Tensor:
        device = next(self.lm.parameters()).device
        rows = torch.arange(self.block_rows).clamp(max=ids.shape[0] - 1)  # the last block is padded with its last row
        self.lm.eval()  # a model that holds this one may have been put in training mode
        output = self.lm(
            input_ids=ids[rows].to(device), attention_mask=mask[rows].long().to(device), output_hidden_states=True
        )
        features = output.hidden_states[self.layer].float()[: ids.shape[0]]  # [b, L, D]
        # Whatever a model makes of padding, be it not a number in a caption without any token, is not let out.
        return features.masked_fill(~mask.to(device)[..., None], 0)
