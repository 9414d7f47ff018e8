"""The tokenizer: pictures to token ids and back, with the codebook vectors in between.

Whatever reads pictures through it, reads codebook vectors: `embed(tokens)` gives for equal ids the very same bits,
whether the ids come from a generator or from `encode`.

Encoder and decoder compute in whatever precision the program allows (autocast, TF32). The distances that choose a
token are float32 without exception, so of equal latents the same codes are chosen everywhere.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.fingerprints import tensors_fingerprint
from pairsmith.model_folder import check_settings, find_folder, load_weights, read_values, save_folder
from pairsmith.seeds import torch_generator
from pairsmith.settings import canonical_json
from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.decoder import Decoder
from pairsmith.tokenizer.encoder import Encoder
from pairsmith.tokenizer.layers import init_weights
from pairsmith.tokenizer.quantization import Quantized
from pairsmith.tokenizer.quantizers import build_quantizer

KIND = "a Pairsmith tokenizer"
MARKS = {"model_type": "pairsmith-tokenizer"}  # in `config.json`
_RANGE_TOLERANCE = 1e-3  # how far from [0, 1] rounding in resizing may go


@dataclass(frozen=True)
class TokenizerOutput:
    """What `VQTokenizer.forward` gives.

    Attributes:
        reconstruction: [B, 3, H, W], nominally in [0, 1], not clamped.
        tokens: [B, N] int64, raster order.
        losses: the quantiser's weighted scalar terms by name; their sum is to be minimised.
        embedding: [B, N, D] float32, the codebook vectors with gradient to the encoder.
    """

    reconstruction: Tensor
    tokens: Tensor
    losses: dict[str, Tensor]
    embedding: Tensor


class VQTokenizer(nn.Module):
    """Encoder, quantiser and decoder. Pixels are float, RGB, in [0, 1]; sides are multiples of `config.downsample`."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = build_quantizer(config, torch_generator(config.seed, purpose="codebook"))
        self.decoder = Decoder(config)
        for name in ("encoder", "quantizer", "decoder"):
            init_weights(getattr(self, name), torch_generator(config.seed, purpose=name))
        self._codes_frozen = False

    # === pictures, tokens, vectors ===

    @property
    def codebook(self) -> Tensor:
        """All codebook vectors, [K, D] float32."""
        return self.quantizer.codebook

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] in [0, 1] -> tokens [B, N] int64 in raster order, N = H/f * W/f. No gradient.

        Raises:
            InputError: wrong shape or dtype, sides that are not multiples of f, or values outside [0, 1].
        """
        self._check_shape(pixels)
        low, high = (float(value) for value in pixels.aminmax())
        if not (low >= -_RANGE_TOLERANCE and high <= 1 + _RANGE_TOLERANCE):  # also true for NaN
            raise InputError(f"pixels lie in [{low:.4g}, {high:.4g}]; the tokenizer takes values in [0, 1]")
        return self.quantizer.tokenize(self.latents(pixels))

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N] (any integer type) -> codebook vectors [B, N, D] float32, bitwise those that `forward` uses.

        Raises:
            InputError: ids that are not integers or not in [0, codebook_size).
        """
        if tokens.dtype.is_floating_point or tokens.dtype == torch.bool:
            raise InputError(f"tokens are {tokens.dtype}; they must be integers")
        tokens = tokens.long()
        if tokens.numel():
            low, high = (int(value) for value in tokens.aminmax())
            if low < 0 or high >= self.config.codebook_size:
                raise InputError(
                    f"tokens lie in [{low}, {high}]; this tokenizer has the ids 0 to {self.config.codebook_size - 1}"
                )
        return self.quantizer.lookup(tokens)

    @torch.no_grad()
    def decode(self, tokens: Tensor, grid: tuple[int, int] | None = None) -> Tensor:
        """Tokens [B, N] -> pixels [B, 3, H, W] in [0, 1], clamped. No gradient.

        Args:
            tokens: ids in raster order.
            grid: (rows, columns) of tokens; None: square.

        Raises:
            InputError: ids out of range, or a number of tokens that does not fill the grid.
        """
        vectors = self.embed(tokens)  # [B, N, D]
        rows, columns = grid or (round(tokens.shape[-1] ** 0.5),) * 2
        if tokens.ndim != 2 or rows * columns != tokens.shape[-1]:
            raise InputError(f"tokens of shape {tuple(tokens.shape)} do not fill a grid of {rows} x {columns}")
        return self.decode_embedding(vectors, (rows, columns)).clamp(0.0, 1.0)

    def decode_embedding(self, vectors: Tensor, grid: tuple[int, int]) -> Tensor:
        """Vectors [B, N, D] -> pixels [B, 3, H, W], not clamped, with gradient."""
        return self.decoder(vectors.transpose(1, 2).unflatten(2, grid))

    def forward(self, pixels: Tensor, quantize: bool = True) -> TokenizerOutput:
        """Pixels [B, 3, H, W] in [0, 1] -> reconstruction, tokens, quantiser losses and codebook vectors.

        In training mode the quantiser takes in the batch (codes move after they were used here); the first such call
        places the codes, so give it as many pictures as there are.

        Args:
            pixels: the pictures.
            quantize: False for the first part of a training: the decoder reads the encoder's own vectors, which are
                then the `embedding`; tokens are those of the nearest codes, there are no losses, and no code moves.
        """
        self._check_shape(pixels)
        latents = self.latents(pixels)  # [B, N, D]
        if quantize:
            quantized = self.quantizer(latents)
        else:
            quantized = Quantized(latents, self.quantizer.tokenize(latents), {})
        grid = (pixels.shape[2] // self.config.downsample, pixels.shape[3] // self.config.downsample)
        reconstruction = self.decode_embedding(quantized.embedding, grid)
        return TokenizerOutput(reconstruction, quantized.tokens, quantized.losses, quantized.embedding)

    def latents(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] -> encoder vectors [B, N, D] float32, as the quantiser gets them; nothing is checked."""
        if self._codes_frozen:
            with torch.no_grad():
                return self._encode_patches(pixels) if self.config.local else self._encode_whole(pixels)
        return self._encode_patches(pixels) if self.config.local else self._encode_whole(pixels)

    def _encode_whole(self, pixels: Tensor) -> Tensor:
        return self.encoder(pixels).float().flatten(2).transpose(1, 2)

    def _encode_patches(self, pixels: Tensor) -> Tensor:
        side = self.config.downsample
        rows, columns = pixels.shape[2] // side, pixels.shape[3] // side
        patches = pixels.unflatten(2, (rows, side)).unflatten(4, (columns, side))  # [B, 3, h, f, w, f]
        patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)  # [B * h * w, 3, f, f]
        return self.encoder(patches).float().flatten(1).unflatten(0, (-1, rows * columns))  # [B, N, D]

    def _check_shape(self, pixels: Tensor) -> None:
        factor = self.config.downsample
        if pixels.ndim != 4 or pixels.shape[1] != 3 or not pixels.dtype.is_floating_point:
            raise InputError(
                f"pixels are {tuple(pixels.shape)} {pixels.dtype}; expected [B, 3, H, W], float, in [0, 1]"
            )
        if min(pixels.shape) == 0 or pixels.shape[2] % factor or pixels.shape[3] % factor:
            raise InputError(f"pixels are {tuple(pixels.shape)}; height and width must be multiples of {factor}")

    # === training ===

    @property
    def last_weight(self) -> Tensor:
        """The weight of the decoder's last layer, by whose gradients an adaptive adversarial weight is set."""
        return self.decoder.head.weight

    def freeze_codes(self) -> None:
        """Fix encoder and codebook for good: no gradients, no running statistics, whatever `train()` is told."""
        self._codes_frozen = True
        self.encoder.requires_grad_(False)
        self.quantizer.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self._codes_frozen:
            self.encoder.eval()
            self.quantizer.eval()
        return self

    def with_finetuned_decoder(self, channels: int = 256, blocks: int = 4) -> VQTokenizer:
        """A copy with the same tokens, frozen, and a new, larger decoder to be trained (A.1.1: 256 channels, 4 blocks).

        Args:
            channels: base channels of the new decoder.
            blocks: its residual blocks per level.
        """
        config = self.config.model_copy(update={"decoder_channels": channels, "decoder_blocks": blocks})
        result = VQTokenizer(config)
        result.encoder = copy.deepcopy(self.encoder)
        result.quantizer = copy.deepcopy(self.quantizer)
        result.decoder.to(self.last_weight.device)
        result.freeze_codes()
        return result.train(self.training)

    # === identity and files ===

    def fingerprint(self) -> str:
        """16 hex digits: the SHA-256 of the settings and of every weight. Equal tokenizers, equal fingerprints."""
        return tensors_fingerprint(canonical_json(self.config), self.state_dict())

    def codes_fingerprint(self) -> str:
        """16 hex digits of what a token means: of the weights of encoder and quantiser.

        A copy with another decoder for the same codes has the same, so whatever reads or draws tokens goes with both.
        """
        # Stored tensors alone: a codebook that is computed from them may differ in the last bit between devices.
        kept = {**self.encoder.state_dict(prefix="encoder."), **self.quantizer.state_dict(prefix="quantizer.")}
        return tensors_fingerprint("codes", kept)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into `folder` (made if absent)."""
        save_folder(Path(folder), {**MARKS, **self.config.to_dict()}, self.state_dict())

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str | None = None) -> VQTokenizer:
        """Read a tokenizer, in eval mode on the CPU.

        Args:
            source: a folder written by `save_pretrained`, or the id of a model on the Hugging Face hub.
            revision: branch, tag or commit on the hub.

        Raises:
            InputError: the folder or a file is missing, or holds something else.
        """
        folder = find_folder(source, revision, KIND)
        model = cls(check_settings(folder, TokenizerConfig, read_values(folder, KIND, MARKS)))
        load_weights(folder, model)
        return model.eval()
