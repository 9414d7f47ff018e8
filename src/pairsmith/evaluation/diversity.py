"""Semantic diversity of caption sets by co-clustering (Synth², appendix A.3, tables 3 and 8).

All sets are embedded, cut to equal size, clustered together into 20 clusters by k-means, and each set is described by
the shares of its captions in the clusters: the fraction in its 3 and 5 fullest clusters (lower is more diverse) and the
entropy in bits (higher is more diverse; log2 20 = 4.32 at most). The shares depend on the start of k-means, so several
seeds are run and their spread is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError

if TYPE_CHECKING:
    import torch

CLUSTERS = 20  # the elbow the paper found
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over k-means seeds."""

    mean: float
    std: float


@dataclass(frozen=True)
class SetDiversity:
    """Diversity of one caption set."""

    shares: Floats  # [seeds, k], each row sums to 1
    concentration_3: Spread  # fraction 0..1 in the three fullest clusters
    concentration_5: Spread
    entropy_bits: Spread
    captions: int  # that were clustered


def concentration(shares: ArrayLike, clusters: int) -> float:
    """The fraction of captions in the `clusters` fullest clusters; shares [k] sum to 1."""
    return float(np.sort(np.asarray(shares, dtype=np.float64))[::-1][:clusters].sum())


def entropy_bits(shares: ArrayLike) -> float:
    """Entropy of shares [k] in bits; log2 k for a uniform spread, 0 when one cluster holds everything."""
    positive = np.asarray(shares, dtype=np.float64)
    positive = positive[positive > 0]
    return float(-(positive * np.log2(positive)).sum()) + 0.0  # no negative zero


def co_cluster(
    sets: Mapping[str, ArrayLike],
    *,
    clusters: int = CLUSTERS,
    seeds: Sequence[int] = (0, 1, 2),
    starts: int = 4,
    standardize: bool = True,
) -> dict[str, SetDiversity]:
    """Cluster several sets of caption embeddings together and describe the spread of each.

    Args:
        sets: name -> embeddings [N, D]. Larger sets are cut to the size of the smallest by a seeded draw: otherwise the
            largest owns the centroids.
        clusters: k.
        seeds: one k-means run (and one draw) each.
        starts: k-means++ starts in a run; the best is kept.
        standardize: give every dimension mean 0 and variance 1 over all sets before the vectors are normalised to
            length 1; language-model embeddings have a few dominant dimensions.

    Raises:
        InputError: no sets, different widths, values that are not finite, or fewer captions than clusters.
    """
    from sklearn.cluster import KMeans

    arrays = _check(sets, clusters)
    size = min(len(array) for array in arrays.values())
    shares: dict[str, list[Floats]] = {name: [] for name in arrays}
    for seed in seeds:
        generator = np.random.default_rng(seed)
        drawn = [array[np.sort(generator.permutation(len(array))[:size])] for array in arrays.values()]
        together = _normalize(np.concatenate(drawn), standardize)  # [sets * size, D]
        labels = KMeans(clusters, init="k-means++", n_init=starts, random_state=seed).fit_predict(together)
        for name, own in zip(arrays, labels.reshape(len(arrays), size), strict=True):
            shares[name].append(np.bincount(own, minlength=clusters) / size)
    return {name: _describe(np.stack(rows), size) for name, rows in shares.items()}


def embed_captions(
    language_model: Any,
    tokenizer: Any,
    captions: Sequence[str],
    *,
    batch_size: int = 32,
    max_length: int = 64,
    device: str | torch.device = "cpu",
) -> NDArray[np.float32]:
    """Embeddings [N, D] float32: the mean of the language model's last hidden states over the words of a caption.

    Padding is left out of the mean, so a caption's embedding does not depend on its neighbours in the batch.

    Args:
        language_model: a Hugging Face model that returns hidden states, in eval mode.
        tokenizer: its tokenizer.
        max_length: tokens after which captions are cut.

    Raises:
        InputError: no captions, or a caption without a single token.
    """
    import torch

    if not captions:
        raise InputError("there are no captions to embed")
    if getattr(tokenizer, "pad_token", None) is None:
        raise InputError("the tokenizer has no padding token: set one (the end-of-text token will do)")
    batches = []
    with torch.inference_mode():
        for start in range(0, len(captions), batch_size):
            batch = tokenizer(
                list(captions[start : start + batch_size]),
                padding=True,
                truncation=True,
                max_length=max_length,
                padding_side="right",  # a causal model then sees no padding before the words
                return_tensors="pt",
            ).to(device)
            output = language_model(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True
            )
            mask = batch["attention_mask"].unsqueeze(-1).float()  # [B, L, 1]
            lengths = mask.sum(dim=1)  # [B, 1]
            if bool((lengths == 0).any()):
                row = start + int((lengths[:, 0] == 0).nonzero()[0])
                raise InputError(f"caption number {row} ({captions[row]!r}) has no tokens to embed")
            summed = (output.hidden_states[-1].float() * mask).sum(dim=1)  # [B, D]
            batches.append((summed / lengths).cpu().numpy())
    return np.concatenate(batches)


def _check(sets: Mapping[str, ArrayLike], clusters: int) -> dict[str, Floats]:
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in sets.items()}
    if not arrays:
        raise InputError("there are no caption sets to compare")
    widths = {array.shape[1:] for array in arrays.values()}
    if len(widths) != 1 or len(next(iter(widths))) != 1:
        raise InputError(
            f"all sets must be embedded by the same model; their shapes are {[a.shape for a in arrays.values()]}"
        )
    for name, array in arrays.items():
        if len(array) < clusters:
            raise InputError(f"set {name!r} has {len(array)} captions, fewer than the {clusters} clusters")
        if not np.isfinite(array).all():
            raise InputError(f"the embeddings of set {name!r} hold NaN or infinity")
    return arrays


def _normalize(embeddings: Floats, standardize: bool) -> Floats:
    if standardize:
        deviation = embeddings.std(axis=0)
        embeddings = (embeddings - embeddings.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.where(norms > 0, norms, 1.0)


def _describe(shares: Floats, size: int) -> SetDiversity:
    def spread(values: list[float]) -> Spread:
        return Spread(float(np.mean(values)), float(np.std(values)))

    return SetDiversity(
        shares=shares,
        concentration_3=spread([concentration(row, 3) for row in shares]),
        concentration_5=spread([concentration(row, 5) for row in shares]),
        entropy_bits=spread([entropy_bits(row) for row in shares]),
        captions=size,
    )
