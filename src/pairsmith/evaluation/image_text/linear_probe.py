"""Linear probe: a linear classifier on frozen features, its regularisation chosen on held-out training pictures.

"lbfgs" follows CLIP (appendix A.3): logistic regression by L-BFGS, the cost C swept over 1e-6 .. 1e6 at eight steps a
decade by a search around the best of seven, refitted on all training pictures. "adamw" follows CLIP_benchmark, whose
figures it reproduces: ten epochs of AdamW with a cosine schedule, weight decay swept where validation pictures are
given and 0 otherwise. Features are the embeddings that retrieval uses, of length 1, as in CLIP_benchmark; the probes of
CLIP's paper and LGSSL's read the layer before the projection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.logistic_regression import fit_logistic_regression
from pairsmith.seeds import numpy_generator

Solver = Literal["lbfgs", "adamw"]
Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

COSTS = np.logspace(-6, 6, 97)  # of L-BFGS: eight a decade
WEIGHT_DECAYS = np.logspace(-6, 2, 97)  # of AdamW
_STARTS = 7
_FIRST_SPAN = 8
HELD_OUT = 0.2  # of every class, for choosing the cost
EPOCHS, LEARNING_RATE, BATCH = 10, 0.1, 64


@dataclass(frozen=True)
class ProbeResult:
    """What a probe says of the test pictures."""

    logits: Floats  # [N, K]
    solver: Solver
    regularisation: float  # C of L-BFGS, weight decay of AdamW
    validation_accuracy: float | None  # percent, at the chosen regularisation; None where nothing was chosen


def linear_probe(
    train: ArrayLike,
    train_labels: ArrayLike,
    test: ArrayLike,
    classes: int,
    *,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    solver: Solver = "lbfgs",
    seed: int = 0,
    device: str = "cpu",
) -> ProbeResult:
    """Fit on training features and classify test features.

    Args:
        train, train_labels: [N, D] of length 1, and [N].
        test: [M, D].
        classes: K.
        validation: features and labels for choosing the regularisation; None holds out a fifth of every class for
            "lbfgs" and takes weight decay 0 for "adamw".
        seed: of the held-out choice, and of AdamW's start and order.

    Raises:
        InputError: unknown solver, or a class without training pictures.
    """
    ours, labels = np.asarray(train, np.float32), np.asarray(train_labels, np.int64)
    missing = np.setdiff1d(np.arange(classes), labels)
    if len(missing):
        raise InputError(f"class number {missing[0]} has no training pictures, so no probe can know it")
    fit: Callable[[NDArray[np.float32], Labels, NDArray[np.float32], float], Floats]
    if solver == "lbfgs":
        grid = COSTS

        def fit(x: NDArray[np.float32], y: Labels, asked: NDArray[np.float32], value: float) -> Floats:
            return fit_logistic_regression(x, y, classes, value, device=device).logits(asked)

    elif solver == "adamw":
        grid = WEIGHT_DECAYS

        def fit(x: NDArray[np.float32], y: Labels, asked: NDArray[np.float32], value: float) -> Floats:
            return _adamw_logits(x, y, asked, classes, value, seed, device)

    else:
        raise InputError(f"unknown probe solver {solver!r}: choose lbfgs or adamw")

    asked = np.asarray(test, np.float32)
    if validation is None and solver == "adamw":
        return ProbeResult(fit(ours, labels, asked, 0.0), solver, 0.0, None)
    if validation is None:
        kept, held = held_out(labels, HELD_OUT, seed)
        chosen, accuracy = _sweep(fit, grid, ours[kept], labels[kept], ours[held], labels[held])
    else:
        others, other_labels = np.asarray(validation[0], np.float32), np.asarray(validation[1], np.int64)
        chosen, accuracy = _sweep(fit, grid, ours, labels, others, other_labels)
        ours, labels = np.concatenate([ours, others]), np.concatenate([labels, other_labels])
    return ProbeResult(fit(ours, labels, asked, chosen), solver, chosen, accuracy)


def held_out(labels: Labels, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places kept and places held out, each class giving the same share, at least one where it has two.

    Raises:
        InputError: no class has two pictures.
    """
    held: list[np.ndarray] = []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        count = min(max(1, round(share * len(places))), len(places) - 1)
        held.append(numpy_generator(seed, f"held-out/{label}").permutation(places)[:count])
    chosen = np.sort(np.concatenate(held))
    if not len(chosen):
        raise InputError("no class has two training pictures, so none can be held out to choose the regularisation")
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def few_per_class(labels: Labels, shots: int, seed: int) -> NDArray[np.int64]:
    """Places of `shots` pictures of every class, drawn by seed.

    Raises:
        InputError: a class has fewer.
    """
    drawn = []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        if len(places) < shots:
            raise InputError(f"class number {label} has {len(places)} training pictures, fewer than {shots} shots")
        drawn.append(numpy_generator(seed, f"shots/{label}").permutation(places)[:shots])
    return np.sort(np.concatenate(drawn))


def _sweep(
    fit: Callable[..., Floats],
    grid: Floats,
    train: NDArray[np.float32],
    labels: Labels,
    held: NDArray[np.float32],
    held_labels: Labels,
) -> tuple[float, float]:
    """(value, validation accuracy in percent): the best of seven, then a search with halving steps around it."""
    known: dict[int, float] = {}

    def accuracy(place: int) -> float:
        if place not in known:
            predicted = fit(train, labels, held, float(grid[place])).argmax(axis=1)
            known[place] = float((predicted == held_labels).mean())
        return known[place]

    def best(places: list[int]) -> int:
        return max(places, key=lambda place: (accuracy(place), -place))  # of equals the smaller value

    peak = best([round(place) for place in np.linspace(0, len(grid) - 1, _STARTS)])
    span = _FIRST_SPAN
    while span:
        peak = best([max(peak - span, 0), peak, min(peak + span, len(grid) - 1)])
        span //= 2
    return float(grid[peak]), 100 * accuracy(peak)


def _adamw_logits(
    train: NDArray[np.float32],
    labels: Labels,
    test: NDArray[np.float32],
    classes: int,
    weight_decay: float,
    seed: int,
    device: str,
) -> Floats:
    """CLIP_benchmark's training: start and order come from one seeded stream, left as it was found."""
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.from_numpy(train), torch.from_numpy(labels))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = torch.nn.Linear(train.shape[1], classes).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=weight_decay)
        loader = DataLoader(data, batch_size=BATCH, shuffle=True)
        step, steps = 0, EPOCHS * len(loader)
        for _ in range(EPOCHS):
            for features, targets in loader:
                for group in optimizer.param_groups:
                    group["lr"] = 0.5 * (1 + np.cos(np.pi * step / steps)) * LEARNING_RATE
                optimizer.zero_grad()
                functional.cross_entropy(model(features.to(device)), targets.to(device)).backward()
                optimizer.step()
                step += 1
    with torch.inference_mode():
        return model(torch.from_numpy(test).to(device)).double().cpu().numpy()
