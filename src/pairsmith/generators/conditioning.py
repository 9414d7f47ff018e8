"""Text for the generator: normalised, projected, and turned once into keys and values for every block.

Two learned stand-ins for "no text": a null text feature that replaces the whole caption when it is dropped, in
training and in guidance alike; and, for cross-attention, a null key and value in every block, always visible, so that
an empty caption still gives finite attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.generators.blocks import TextBlock
from pairsmith.generators.config import TextToTokensConfig


@dataclass(frozen=True)
class TextContext:
    """What image tokens attend to: made once a batch, read by every block at every step of drawing.

    Attributes:
        keys: [layers, B, H, S, Dh]; of cross-attention S = 1 + L, and index 0 is the null key; of a caption as prefix
            S = L.
        values: same shape as `keys`.
        mask: [B, S] bool, True where a key may be attended to.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor

    def __len__(self) -> int:
        """The number of rows."""
        return self.mask.shape[0]

    def select(self, rows: Tensor | slice) -> TextContext:
        """The context of some rows (an index tensor or a slice)."""
        return TextContext(self.keys[:, rows], self.values[:, rows], self.mask[rows])

    def repeat(self, rows: int) -> TextContext:
        """A one-row context for `rows` rows."""
        if len(self) != 1:
            raise ValueError(f"only a one-row context can be repeated, this one has {len(self)}")
        shape = (-1, rows, -1, -1, -1)
        return TextContext(self.keys.expand(shape), self.values.expand(shape), self.mask.expand(rows, -1))

    def concatenate(self, other: TextContext) -> TextContext:
        """The rows of this context, then those of another of the same text length."""
        return TextContext(
            torch.cat((self.keys, other.keys), dim=1),
            torch.cat((self.values, other.values), dim=1),
            torch.cat((self.mask, other.mask)),
        )


class TextFeatures(nn.Module):
    """A language model's features, normalised and projected to the generator's width; dropped captions replaced."""

    def __init__(self, config: TextToTokensConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.norm = (nn.LayerNorm if config.text_norm == "layer" else nn.RMSNorm)(config.text_dim)
        if config.text_projection == "mlp":
            self.projection: nn.Module = nn.Sequential(
                nn.Linear(config.text_dim, width), nn.GELU(), nn.Linear(width, width)
            )
        else:
            self.projection = nn.Linear(config.text_dim, width)
        self.text_blocks = nn.ModuleList(TextBlock(config) for _ in range(config.text_layers))
        self.text_positions = nn.Parameter(torch.empty(config.max_text, width)) if config.text_layers else None
        self.null_text = nn.Parameter(torch.empty(width))

    def features(self, text: Tensor, text_mask: Tensor, drop: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode a batch of captions.

        Args:
            text: [B, L, text_dim] float features of the language model, 1 <= L <= max_text.
            text_mask: [B, L] bool, True for real tokens; a row may be all False.
            drop: [B] bool, True where the whole caption is replaced by the learned null text; None drops nothing.

        Returns:
            [B, L, W], and their mask [B, L] bool; of a dropped caption the first place alone is visible.

        Raises:
            InputError: shapes or dtypes differ from the above.
        """
        self._check(text, text_mask, drop)
        length = text.shape[1]
        features = self.projection(self.norm(text.to(self.null_text.dtype)))  # [B, L, W]
        if drop is not None:
            features = torch.where(drop[:, None, None], self.null_text.to(features.dtype), features)
            first_only = torch.arange(length, device=text.device) == 0
            text_mask = torch.where(drop[:, None], first_only, text_mask)
        if self.text_positions is not None:
            features = features + self.text_positions[:length]
            attended = never_nothing(text_mask)
            for block in self.text_blocks:
                features = block(features, attended)
        return features, text_mask

    @torch.no_grad()
    def initialise(self, std: float) -> None:
        """Draw the parameters that are no layers' weights."""
        for parameter in self._bare():
            if parameter is not None:
                nn.init.trunc_normal_(parameter, std=std)

    def _bare(self) -> tuple[nn.Parameter | None, ...]:
        return self.null_text, self.text_positions

    def _check(self, text: Tensor, text_mask: Tensor, drop: Tensor | None) -> None:
        config = self.config
        if text.ndim != 3 or text.shape[2] != config.text_dim or not 1 <= text.shape[1] <= config.max_text:
            raise InputError(
                f"text features have shape {list(text.shape)}; give [rows, 1 to {config.max_text}, {config.text_dim}]"
            )
        if text_mask.dtype != torch.bool or text_mask.shape != text.shape[:2]:
            raise InputError(f"the text mask must be bool of shape {list(text.shape[:2])}, True for real tokens")
        if drop is not None and (drop.dtype != torch.bool or drop.shape != text.shape[:1]):
            raise InputError(f"drop must be bool of shape {list(text.shape[:1])}, True where the caption is left out")


def never_nothing(mask: Tensor) -> Tensor:
    """A mask [B, L] of keys whose first key may always be attended to: attention over nothing is not a number."""
    mask = mask.clone()
    mask[:, 0] = True
    return mask


class TextConditioner(TextFeatures):
    """Text features -> `TextContext`. One matrix makes the keys and values of all blocks."""

    def __init__(self, config: TextToTokensConfig) -> None:
        super().__init__(config)
        width = config.width
        self.context_norm = nn.LayerNorm(width)
        self.key_value = nn.Linear(width, config.layers * 2 * width)
        self.null_key_value = nn.Parameter(torch.empty(config.layers, 2, config.heads, 1, width // config.heads))

    def forward(self, text: Tensor, text_mask: Tensor, drop: Tensor | None = None) -> TextContext:
        """The context of a batch of captions; arguments and errors as of `features`."""
        features, text_mask = self.features(text, text_mask, drop)
        rows, length, _ = features.shape
        projected = self.key_value(self.context_norm(features))  # [B, L, layers * 2 * W]
        projected = projected.view(rows, length, self.config.layers, 2, self.config.heads, -1)
        projected = projected.permute(2, 3, 0, 4, 1, 5)  # [layers, 2, B, H, L, Dh]
        null = self.null_key_value.to(projected.dtype)[:, :, None].expand(-1, -1, rows, -1, -1, -1)
        keys, values = torch.cat((null, projected), dim=-2).unbind(dim=1)  # each [layers, B, H, 1 + L, Dh]
        mask = torch.cat((text_mask.new_ones(rows, 1), text_mask), dim=1)  # [B, 1 + L]
        return TextContext(keys, values, mask)

    def _bare(self) -> tuple[nn.Parameter | None, ...]:
        return self.null_text, self.null_key_value, self.text_positions
