"""Agreement with CLIP_benchmark and with the SugarCrepe authors' rule: the same model, the same data, both programs.

Run with: python benchmarks/agree_clip_benchmark.py [--model FOLDER] [--images 200]

Needs `clip_benchmark` and `webdataset`. The model is an untrained open_clip model unless a folder is given; the data
are scenes, written in the files that both programs read. CLIP_benchmark's sweep of the regularisation runs as it is,
with AdamW; for L-BFGS its search runs over CLIP's costs with scikit-learn's logistic regression, as CLIP's authors
probe. What of it has to be worked around is in clip_benchmark_peer.py. Ends with 1 when any figure differs by more than
1e-4.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from clip_benchmark.datasets.builder import build_dataset, image_captions_collate_fn
from clip_benchmark.datasets.sugar_crepe import SugarCrepe
from clip_benchmark.metrics import image_caption_selection, linear_probe, zeroshot_classification, zeroshot_retrieval
from clip_benchmark_peer import Captioned, clips_sweep, peer_accuracy, remember_order, without_cuda
from torch.utils.data import DataLoader

from pairsmith.bridges.open_clip import save_open_clip
from pairsmith.evaluation.image_text.data_folders import read_classification
from pairsmith.evaluation.image_text.open_clip_encoder import OpenClipEncoder, load_open_clip
from pairsmith.evaluation.image_text.retrieval import retrieval_scores
from pairsmith.evaluation.image_text.retrieval_files import read_retrieval
from pairsmith.evaluation.image_text.sugarcrepe import load_sugarcrepe, sugarcrepe_scores
from pairsmith.evaluation.image_text.sugarcrepe_pp import load_sugarcrepe_pp, sugarcrepe_pp_scores
from pairsmith.evaluation.image_text.zero_shot import zero_shot_scores
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.benchmark_files import write_scene_benchmark

TOLERANCE = 1e-4  # of figures between 0 and 1
BATCH = 16
COSTS = (0.316, 10.0)  # the first is that of CLIP's example; both fits converge well within their iterations
CONFIG = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 3, "width": 128, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 40, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 3},
}
Rows = list[tuple[str, float, float]]


def untrained_model(folder: Path) -> Path:
    """A model folder in open_clip's layout with random weights."""
    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG)
    save_open_clip(model, CONFIG, folder)
    return folder


def compare(encoder: OpenClipEncoder, data: Path, validation: Path, work: Path) -> Rows:
    """(figure, theirs, ours) of every test, as fractions."""
    model, tokenizer, transform = encoder.model, encoder.tokenizer, encoder.transform
    rows: Rows = []

    def add(name: str, theirs: float, ours: float) -> None:
        rows.append((name, theirs, ours / 100))

    folder = data / "classification"
    sets = {split: build_dataset("wds/scenes", str(folder), transform, split) for split in ("train", "test")}
    train, test = (read_classification(folder, split) for split in ("train", "test"))
    loader = DataLoader(sets["test"].batched(BATCH), batch_size=None)
    loader.dataset.classes = sets["test"].classes
    theirs = zeroshot_classification.evaluate(
        model, loader, tokenizer, sets["test"].classes, sets["test"].templates, "cpu", amp=False
    )
    ours = zero_shot_scores(encoder, test)
    for name in ("acc1", "acc5", "mean_per_class_recall"):
        add(f"zero-shot {name}", theirs[name], ours[f"zero_shot_{name}"].value)

    captioned = DataLoader(Captioned(data, transform), batch_size=BATCH, collate_fn=image_captions_collate_fn)
    theirs = zeroshot_retrieval.evaluate(model, captioned, tokenizer, "cpu", amp=False, recall_k_list=[1, 5, 10])
    ours = retrieval_scores(encoder, read_retrieval(data / "captions.json", data / "images"))
    for kind in ("image", "text"):
        for k in (1, 5, 10):
            add(f"{kind} retrieval R@{k}", theirs[f"{kind}_retrieval_recall@{k}"], ours[f"{kind}_retrieval_r{k}"].value)

    loaders = [DataLoader(sets[split].batched(BATCH), batch_size=None) for split in ("train", "test")]
    probe = partial(linear_probe.evaluate, model, *loaders, -1, 64, 0, 0.1, 10, seed=0, amp=False)
    with without_cuda():
        theirs = probe(model_id="peer", feature_root=str(work), device="cuda")
    # Their pictures come in a drawn order, which decides the batches: ours are given in the same one.
    ours_probe = same_order_probe(work / "peer", len(train.classes))
    add("linear probe acc1 (AdamW)", theirs["lp_acc1"], ours_probe["acc1"])
    add("linear probe per class (AdamW)", theirs["lp_mean_per_class_recall"], ours_probe["mean_per_class_recall"])
    held = build_dataset("wds/scenes", str(validation / "classification"), transform, "train")
    for solver in ("adamw", "lbfgs"):
        folder = work / solver
        folder.mkdir()
        with without_cuda(), clips_sweep() if solver == "lbfgs" else contextlib.nullcontext():
            theirs = probe(
                model_id=solver, feature_root=str(work), device="cuda",
                val_dataloader=DataLoader(held.batched(BATCH), batch_size=None),
            )  # fmt: skip
        ours_probe = same_order_probe(folder, len(train.classes), solver, swept=True)
        name = {"adamw": "AdamW", "lbfgs": "L-BFGS"}[solver]
        add(f"linear probe acc1 ({name}, swept)", theirs["lp_acc1"], ours_probe["acc1"])
        add(
            f"linear probe per class ({name}, swept)", theirs["lp_mean_per_class_recall"],
            ours_probe["mean_per_class_recall"],
        )  # fmt: skip
        add(
            f"log10 of the chosen {'weight decay' if solver == 'adamw' else 'cost'} ({name})",
            float(np.log10(theirs["weight_decay"])), 100 * float(np.log10(ours_probe["regularisation"])),
        )  # fmt: skip
    for cost in COSTS:
        theirs, own = regressions(encoder, train, test, cost)
        add(f"linear probe acc1 (L-BFGS, C = {cost:g}, scikit-learn)", theirs, 100 * own)

    items = load_sugarcrepe(data / "sugarcrepe")
    scores = sugarcrepe_scores(encoder, items, data / "images").scores
    for subset in items:
        peer = SugarCrepe(str(data / "images"), str(data / "sugarcrepe" / f"{subset}.json"), transform)
        pairs = DataLoader(peer, batch_size=BATCH, collate_fn=image_captions_collate_fn)
        theirs = image_caption_selection.evaluate(model, pairs, tokenizer, "cpu", amp=False)
        add(f"SugarCrepe {subset}", theirs["text_acc"], scores[f"sugarcrepe_{subset}"].value)
        add(f"SugarCrepe {subset} (authors' rule)", authors_rule(encoder, peer), scores[f"sugarcrepe_{subset}"].value)

    twice = load_sugarcrepe_pp(data / "sugarcrepe_pp")
    scores = sugarcrepe_pp_scores(encoder, twice, data / "images").scores
    for subset in twice:
        itt, tot = authors_pp_rule(encoder, data / "sugarcrepe_pp" / f"{subset}.json", data / "images")
        add(f"SugarCrepe++ {subset} ITT (authors' rule)", itt, scores[f"sugarcrepe_pp_itt_{subset}"].value)
        add(f"SugarCrepe++ {subset} TOT (authors' rule)", tot, scores[f"sugarcrepe_pp_tot_{subset}"].value)
    return rows


def same_order_probe(cached: Path, classes: int, solver: Any = "adamw", swept: bool = False) -> dict[str, float]:
    """Our probe on the features that CLIP_benchmark stored, drawn in its order."""
    from pairsmith.evaluation.image_text.classification import classification_scores
    from pairsmith.evaluation.image_text.linear_probe import linear_probe as own_probe

    parts = {path.stem: torch.load(path, weights_only=True).numpy() for path in cached.glob("*.pt")}
    order = parts["order"]
    found = own_probe(
        parts["features_train"][order], parts["targets_train"][order], parts["features_test"], classes,
        validation=(parts["features_val"], parts["targets_val"]) if swept else None, solver=solver, seed=0,
    )  # fmt: skip
    labels = parts["targets_test"]
    scores = classification_scores(found.logits, labels, range(len(labels)))  # type: ignore[arg-type]
    return {name: score.value for name, score in scores.items()} | {"regularisation": found.regularisation}


def regressions(encoder: OpenClipEncoder, train: Any, test: Any, cost: float) -> tuple[float, float]:
    """Accuracies of scikit-learn's logistic regression, as CLIP's authors probe, and of ours, at one cost."""
    from sklearn.linear_model import LogisticRegression

    from pairsmith.evaluation.image_text.dual_encoder import picture_features
    from pairsmith.evaluation.image_text.logistic_regression import fit_logistic_regression

    known, asked = (picture_features(encoder, data.pictures).astype(np.float64) for data in (train, test))
    model = LogisticRegression(C=cost, max_iter=5000, tol=1e-9).fit(known, train.labels)
    ours = fit_logistic_regression(known, train.labels, len(train.classes), cost)
    return float(model.score(asked, test.labels)), float((ours.logits(asked).argmax(1) == test.labels).mean())


@torch.no_grad()
def authors_rule(encoder: OpenClipEncoder, items: SugarCrepe) -> float:
    """Share of items whose image is strictly closer to the caption, one item at a time."""
    right = 0
    for image, (caption, negative) in (items[place] for place in range(len(items))):
        words = encoder.model.encode_text(encoder.tokenizer([caption, negative]), normalize=True)
        seen = encoder.model.encode_image(image[None], normalize=True)
        positive, other = (words @ seen.T).flatten().tolist()
        right += positive > other
    return right / len(items)


@torch.no_grad()
def authors_pp_rule(encoder: OpenClipEncoder, path: Path, images: Path) -> tuple[float, float]:
    """ITT and TOT, one item at a time."""
    from PIL import Image

    itt = tot = 0
    items = json.loads(path.read_text())
    for item in items:
        texts = [item[key] for key in ("caption", "caption2", "negative_caption")]
        first, second, false = encoder.model.encode_text(encoder.tokenizer(texts), normalize=True)
        pixels = encoder.transform(Image.open(images / item["filename"]))
        seen = encoder.model.encode_image(pixels[None], normalize=True)[0]
        itt += bool(seen @ first > seen @ false) and bool(seen @ second > seen @ false)
        tot += bool(first @ second > first @ false) and bool(first @ second > second @ false)
    return itt / len(items), tot / len(items)


def main() -> None:
    """Measure with both, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=None, help="folder in open_clip's layout; default: untrained")
    parser.add_argument("--images", type=int, default=200, help="scenes to test on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("model", "features"):
            (work / name).mkdir()
        model = arguments.model or untrained_model(work / "model")
        for name, seed in (("data", 0), ("validation", 1)):
            write_scene_benchmark(work / name, World(WorldSettings()), images=arguments.images, seed=seed)
        zeroshot_classification.accuracy = linear_probe.accuracy = peer_accuracy
        remember_order(work / "features")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            rows = compare(load_open_clip(str(model)), work / "data", work / "validation", work / "features")
    out = sys.stdout.write
    out(f"{'figure':54}{'theirs':>12}{'ours':>12}{'difference':>14}\n")
    for name, theirs, ours in rows:
        out(f"{name:54}{theirs:12.6f}{ours:12.6f}{abs(theirs - ours):14.2e}\n")
    worst = max(abs(theirs - ours) for _, theirs, ours in rows)
    out(f"\n{len(rows)} figures, largest difference {worst:.2e}\n")
    sys.exit(0 if worst <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
