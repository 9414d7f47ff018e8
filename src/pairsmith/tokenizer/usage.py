"""How well a tokenizer does: which codes are in use, and how near its reconstructions come."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class UsageReport:
    """Use of the codes over a stream of tokens.

    Attributes:
        usage: share of codes seen at least once, in [0, 1].
        perplexity: 2 to the entropy: how many equally frequent codes would be as hard to guess, in [1, K].
        entropy_bits: of the codes' frequencies, in [0, log2 K].
        max_ratio: share of tokens that the most frequent code has, in [0, 1].
        zeros_ratio: share of codes never seen, 1 - usage.
    """

    usage: float
    perplexity: float
    entropy_bits: float
    max_ratio: float
    zeros_ratio: float


class CodeUsage:
    """Counts codes over a stream of batches.

    Args:
        codebook_size: number of codes, K.
    """

    def __init__(self, codebook_size: int) -> None:
        self.counts = torch.zeros(codebook_size, dtype=torch.int64)  # [K]

    def update(self, tokens: Tensor) -> None:
        """Count tokens of any shape and integer type, ids in [0, K)."""
        counts = torch.bincount(tokens.detach().reshape(-1).long().cpu(), minlength=len(self.counts))
        if len(counts) > len(self.counts):
            raise ValueError(f"token {len(counts) - 1} in a codebook of {len(self.counts)}")
        self.counts += counts

    def report(self) -> UsageReport:
        """The figures so far; all 0 (and zeros_ratio 1) before the first token."""
        total = int(self.counts.sum())
        if total == 0:
            return UsageReport(0.0, 0.0, 0.0, 0.0, 1.0)
        shares = self.counts.double() / total
        seen = shares[shares > 0]
        entropy = float(-(seen * seen.log2()).sum())
        usage = len(seen) / len(shares)
        return UsageReport(usage, 2.0**entropy, entropy, float(shares.max()), 1.0 - usage)


def psnr(reconstruction: Tensor, pixels: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture, dB, for values in [0, 1]: two [B, 3, H, W] -> [B].

    Reconstructions are clamped to [0, 1] first. Equal pictures give infinity.
    """
    error = (reconstruction.float().clamp(0.0, 1.0) - pixels.float()).square().mean((1, 2, 3))
    return -10.0 * error.log10()
