"""The losses once more, written out with loops over numbers: slow, obvious, and sharing nothing with the real ones."""

from __future__ import annotations

from math import exp, log

import torch
from torch import Tensor


def unit(rows: int, width: int = 8, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random rows of length 1."""
    values = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(values, dim=1).to(dtype)


def cosine(first: Tensor, second: Tensor) -> float:
    return sum(float(one) * float(other) for one, other in zip(first, second, strict=True))


def scores_of(anchor: Tensor, candidates: list[Tensor] | Tensor, scale: float) -> list[float]:
    return [scale * cosine(anchor, candidate) for candidate in candidates]


def cross_entropy(scores: list[float], targets: list[float]) -> float:
    """-sum of target times log softmax."""
    total = log(sum(exp(score) for score in scores))
    return -sum(target * (score - total) for score, target in zip(scores, targets, strict=True))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def clip(images: Tensor, texts: Tensor, scale: float) -> float:
    count = len(images)
    rows = []
    for i in range(count):
        one_hot = [float(i == j) for j in range(count)]
        rows.append(cross_entropy(scores_of(images[i], texts, scale), one_hot))
        rows.append(cross_entropy(scores_of(texts[i], images, scale), one_hot))
    return mean(rows)


def multi_positive(images: Tensor, texts: Tensor, views: int, scale: float) -> float:
    """Image k shows caption k // views."""
    from_images = [
        cross_entropy(scores_of(image, texts, scale), [float(k // views == j) for j in range(len(texts))])
        for k, image in enumerate(images)
    ]
    from_texts = [
        cross_entropy(
            scores_of(text, images, scale),
            [1 / views if k // views == j else 0.0 for k in range(len(images))],
        )
        for j, text in enumerate(texts)
    ]
    return (mean(from_images) + mean(from_texts)) / 2


def negclip(images: Tensor, texts: Tensor, negatives: Tensor, scale: float, views: int = 1) -> float:
    columns = [*texts, *negatives]
    from_images = [
        cross_entropy(scores_of(image, columns, scale), [float(k // views == j) for j in range(len(columns))])
        for k, image in enumerate(images)
    ]
    from_texts = [
        cross_entropy(
            scores_of(text, images, scale),
            [1 / views if k // views == j else 0.0 for k in range(len(images))],
        )
        for j, text in enumerate(texts)
    ]
    return (mean(from_images) + mean(from_texts)) / 2


def views_contrast(views: Tensor, captions: list[int], temperature: float) -> float:
    rows = []
    for i, view in enumerate(views):
        others = [j for j in range(len(views)) if j != i]
        own = [j for j in others if captions[j] == captions[i]]
        if own:
            scores = [cosine(view, views[j]) / temperature for j in others]
            rows.append(cross_entropy(scores, [1 / len(own) if j in own else 0.0 for j in others]))
    return mean(rows)


def diht(images: Tensor, texts: Tensor, scale: float, alpha: float, beta: float) -> float:
    scores = [[scale * cosine(image, text) for text in texts] for image in images]

    def row(values: list[float], own: int) -> float:
        others = [value for j, value in enumerate(values) if j != own]
        total = sum(exp(beta * value) for value in others)
        below = sum(len(others) * exp(beta * value) / total * exp(value) for value in others)
        return -log(exp(values[own]) / (alpha * exp(values[own]) + below))

    count = len(images)
    across = [row(scores[i], i) for i in range(count)]
    down = [row([scores[j][i] for j in range(count)], i) for i in range(count)]
    return (mean(across) + mean(down)) / 2


def rank(images: Tensor, texts: Tensor, negatives: Tensor, valid: list[bool], kinds: list[int], scale: float) -> float:
    true = [scale * cosine(*pair) for pair in zip(images, texts, strict=True)]
    false = [scale * cosine(*pair) for pair in zip(images, negatives, strict=True)]
    rows = []
    for i in range(len(images)):
        alike = [j for j in range(len(images)) if valid[j] and kinds[j] == kinds[i]]
        if valid[i]:
            margin = mean([true[j] for j in alike]) - mean([false[j] for j in alike])
            rows.append(max(0.0, margin + false[i] - true[i]))
    return mean(rows)
