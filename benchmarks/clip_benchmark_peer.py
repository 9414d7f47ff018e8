"""What CLIP_benchmark 1.6.2 needs to run here: data in its form, and the ways round what it insists on.

Its linear probe insists on CUDA (here its calls of `.cuda()` do nothing), its `accuracy` turns an array of one number
into a number in a way that NumPy 2.4 refuses (the same sum is put in its place), and it does not keep the order that it
draws of the training pictures. `agree_clip_benchmark.py` uses all of these.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clip_benchmark.metrics import linear_probe


class Captioned(torch.utils.data.Dataset):
    """COCO-style images with all their captions, as CLIP_benchmark's data sets give them."""

    def __init__(self, folder: Path, transform: Any) -> None:
        content = json.loads((folder / "captions.json").read_text())
        self.files = [folder / "images" / entry["file_name"] for entry in content["images"]]
        self.captions: list[list[str]] = [[] for _ in self.files]
        for entry in content["annotations"]:
            self.captions[entry["image_id"]].append(entry["caption"])
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, list[str]]:
        from PIL import Image

        return self.transform(Image.open(self.files[place])), self.captions[place]


@contextlib.contextmanager
def without_cuda() -> Iterator[None]:
    """`.cuda()` and data parallelism do nothing, and "cuda" means the processor."""
    module, tensor, to = torch.nn.Module.cuda, torch.Tensor.cuda, torch.Tensor.to
    parallel = torch.nn.DataParallel
    torch.nn.Module.cuda = lambda self, *_: self  # type: ignore[method-assign, assignment]
    torch.Tensor.cuda = lambda self, *_: self  # type: ignore[method-assign, assignment]
    torch.Tensor.to = lambda self, *a, **k: self if a and a[0] == "cuda" else to(self, *a, **k)  # type: ignore
    torch.nn.DataParallel = lambda model, **_: model  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        torch.nn.Module.cuda, torch.Tensor.cuda, torch.Tensor.to = module, tensor, to  # type: ignore[method-assign]
        torch.nn.DataParallel = parallel  # type: ignore[misc]


def peer_accuracy(output: torch.Tensor, target: torch.Tensor, topk: tuple[int, ...] = (1,)) -> list[float]:
    """CLIP_benchmark's `accuracy` with its last conversion mended."""
    found = output.topk(max(topk), 1, True, True)[1].t()
    correct = found.eq(target.view(1, -1).expand_as(found))
    return [float(correct[:k].reshape(-1).float().sum()) / len(target) for k in topk]


@contextlib.contextmanager
def clips_sweep() -> Iterator[None]:
    """CLIP_benchmark's search over the costs of CLIP's paper, fitting scikit-learn's logistic regression.

    Its Newton solver: scikit-learn's L-BFGS stops short of the optimum at large costs, which is one and the same.
    """
    from sklearn.linear_model import LogisticRegression

    def fit(loader: Any, _width: int, _classes: int, cost: float, *_: Any) -> Any:
        known, labels = (np.asarray(part) for part in (loader.dataset.features, loader.dataset.targets))
        model = LogisticRegression(C=cost, solver="newton-cholesky", max_iter=500, tol=1e-9).fit(
            known.astype(np.float64), labels
        )
        return lambda asked: torch.from_numpy(model.decision_function(asked.double().numpy()))

    train, logspace = linear_probe.train, np.logspace
    linear_probe.train = fit
    np.logspace = lambda low, high, num: logspace(-6, 6, num)  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        linear_probe.train, np.logspace = train, logspace


def remember_order(root: Path) -> None:
    """Store the permutation that CLIP_benchmark draws of the training pictures, which it does not keep."""
    drawn = torch.randperm

    def randperm(count: int, *args: Any, **options: Any) -> torch.Tensor:
        order = drawn(count, *args, **options)
        for stored in root.glob("*/features_train.pt"):
            if not args and not options and not (stored.parent / "order.pt").exists():
                torch.save(order, stored.parent / "order.pt")
        return order

    linear_probe.torch.randperm = randperm
