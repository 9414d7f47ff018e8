"""Linear probe: the sweep, the split, and CLIP_benchmark's own training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.classification import classification_scores
from pairsmith.evaluation.image_text.linear_probe import COSTS, _sweep, few_per_class, held_out, linear_probe


def _data(count: int, seed: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    centres = np.random.default_rng(0).normal(size=(3, 8))
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = (centres[labels] + noise * rng.normal(size=(count, 8))).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True), labels


def test_the_chosen_cost_is_near_the_best_of_all() -> None:
    train, labels = _data(90, 1, 2.0)
    test, truth = _data(300, 2, 2.0)
    found = linear_probe(train, labels, test, 3)
    assert found.solver == "lbfgs"
    assert found.regularisation in COSTS
    assert found.validation_accuracy is not None
    accuracy = (found.logits.argmax(1) == truth).mean()
    assert accuracy > 0.55  # chance is a third
    again = linear_probe(train, labels, test, 3)
    np.testing.assert_array_equal(found.logits, again.logits)


def test_given_validation_pictures_choose_and_then_train() -> None:
    """With labels that contradict the training set, the validation set must change the outcome."""
    train, labels = _data(60, 1)
    test, _ = _data(30, 2)
    plain = linear_probe(train, labels, test, 3)
    misled = linear_probe(train, labels, test, 3, validation=(train, (labels + 1) % 3))
    assert (plain.logits.argmax(1) == misled.logits.argmax(1)).mean() < 0.9


@pytest.mark.parametrize("weight_decay", [0.0, 1e-2])
def test_adamw_is_clip_benchmarks(monkeypatch: pytest.MonkeyPatch, weight_decay: float) -> None:
    peer = pytest.importorskip("clip_benchmark.metrics.linear_probe", reason="clip_benchmark is not installed")
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    train, labels = _data(150, 3)
    test, _ = _data(40, 4)
    loader = DataLoader(peer.FeatureDataset(torch.from_numpy(train), torch.from_numpy(labels)), 64, shuffle=True)
    with torch.random.fork_rng(devices=[]):
        model = peer.train(loader, 8, 3, weight_decay, 0.1, 10, False, "cpu", 7)
    with torch.no_grad():
        theirs = model(torch.from_numpy(test)).numpy()
    if weight_decay:
        from pairsmith.evaluation.image_text.linear_probe import _adamw_logits

        ours = _adamw_logits(train, labels, test, 3, weight_decay, 7, "cpu")
    else:
        ours = linear_probe(train, labels, test, 3, solver="adamw", seed=7).logits
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


class Sklearn:
    """CLIP's own probe, scikit-learn's logistic regression, in the place of CLIP_benchmark's training."""

    def __init__(self, loader: DataLoader, _width: int, _classes: int, cost: float, *_: object) -> None:
        features, labels = (np.asarray(part) for part in (loader.dataset.features, loader.dataset.targets))
        self.model = LogisticRegression(C=cost, solver="newton-cholesky", max_iter=500, tol=1e-9).fit(
            features.astype(np.float64), labels
        )

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.model.decision_function(features.double().numpy()))


@pytest.mark.parametrize("solver", ["adamw", "lbfgs"])
def test_the_whole_sweep_is_clip_benchmarks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, solver: Literal["adamw", "lbfgs"]
) -> None:
    """Its program on stored features; for L-BFGS its search runs over CLIP's costs, with CLIP's classifier."""
    peer = pytest.importorskip("clip_benchmark.metrics.linear_probe", reason="clip_benchmark is not installed")
    sets = {"train": _data(120, 3, 2.0), "val": _data(90, 4, 2.0), "test": _data(300, 5, 2.0)}
    (tmp_path / "model").mkdir()
    for split, (features, labels) in sets.items():
        torch.save(torch.from_numpy(features), tmp_path / "model" / f"features_{split}.pt")
        torch.save(torch.from_numpy(labels), tmp_path / "model" / f"targets_{split}.pt")
    drawn, moved = torch.randperm, torch.Tensor.to
    # Its order of the training pictures is that of an unseeded draw; ours is the order they are given in.
    monkeypatch.setattr(torch, "randperm", lambda n, **options: drawn(n, **options) if options else torch.arange(n))
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *a, **k: self if a == ("cuda",) else moved(self, *a, **k))
    # NumPy 2.4 no longer turns its array of one number into a number.
    monkeypatch.setattr(peer, "accuracy", lambda said, true, topk: [float((said.argmax(1) == true).double().mean())])
    if solver == "lbfgs":
        logspace = np.logspace
        monkeypatch.setattr(np, "logspace", lambda low, high, num: logspace(-6, 6, num))
        monkeypatch.setattr(peer, "train", Sklearn)
    with torch.random.fork_rng(devices=[]):
        theirs = peer.evaluate(
            torch.nn.Identity(), None, None, -1, 64, 0, 0.1, 10, "model", 7, tmp_path, "cuda",
            val_dataloader=True, amp=False,
        )  # fmt: skip
    monkeypatch.undo()
    (train, labels), (test, truth) = sets["train"], sets["test"]
    ours = linear_probe(train, labels, test, 3, validation=sets["val"], solver=solver, seed=7)
    assert ours.regularisation == pytest.approx(theirs["weight_decay"], rel=1e-9)
    scores = classification_scores(ours.logits, truth, list(range(len(truth))))
    assert scores["acc1"].value / 100 == pytest.approx(theirs["lp_acc1"], abs=1e-9)
    assert scores["mean_per_class_recall"].value / 100 == pytest.approx(theirs["lp_mean_per_class_recall"], abs=1e-9)


@pytest.mark.parametrize("peak", [0, 45, 88, 96])
def test_the_search_reaches_every_place_of_the_grid(peak: int) -> None:
    """Also one that lies eight steps from the nearest of the first seven."""

    def fit(_train: object, _labels: object, _asked: object, value: float) -> np.ndarray:
        right = 97 - abs(int(np.abs(COSTS - value).argmin()) - peak)
        return np.stack([np.arange(97) < right, np.full(97, 0.5)], axis=1)

    features = np.zeros((97, 1), np.float32)
    found = _sweep(fit, COSTS, features, np.zeros(97, np.int64), features, np.zeros(97, np.int64))
    assert found == (COSTS[peak], 100)


def test_held_out_pictures_and_shots_are_shared_by_all_classes() -> None:
    labels = np.array([0] * 10 + [1] * 5 + [2] * 2)
    kept, held = held_out(labels, 0.2, 0)
    assert np.bincount(labels[held]).tolist() == [2, 1, 1]
    assert sorted([*kept, *held]) == list(range(17))
    drawn = few_per_class(labels, 2, 0)
    assert np.bincount(labels[drawn]).tolist() == [2, 2, 2]
    assert few_per_class(labels, 2, 1).tolist() != drawn.tolist()
    with pytest.raises(InputError, match="class number 2 has 2 training pictures, fewer than 3 shots"):
        few_per_class(labels, 3, 0)
    with pytest.raises(InputError, match="none can be held out"):
        held_out(np.arange(4), 0.2, 0)


def test_what_cannot_be_probed_is_named() -> None:
    train, labels = _data(10, 0)
    with pytest.raises(InputError, match="class number 3 has no training pictures"):
        linear_probe(train, labels, train, 4)
    with pytest.raises(InputError, match="unknown probe solver 'sgd'"):
        linear_probe(train, labels, train, 3, solver="sgd")  # type: ignore[arg-type]
