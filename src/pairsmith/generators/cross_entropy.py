"""Cross-entropy of codes, with and without label smoothing, as all generators that propose codes are trained with."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def code_losses(logits: Tensor, codes: Tensor, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """The loss of every token.

    Args:
        logits: [P, K] float32.
        codes: [P] int64, the right ones.
        label_smoothing: mass spread evenly over all codes, in [0, 1).

    Returns:
        [P] losses, and [P] cross-entropies in nats without smoothing; the same tensor where there is none.
    """
    log_probabilities = functional.log_softmax(logits, dim=-1)  # [P, K]
    entropies = -log_probabilities.gather(1, codes[:, None])[:, 0]  # [P]
    if not label_smoothing:
        return entropies, entropies
    uniform = -log_probabilities.mean(dim=-1)  # cross-entropy against all codes alike
    return (1 - label_smoothing) * entropies + label_smoothing * uniform, entropies
