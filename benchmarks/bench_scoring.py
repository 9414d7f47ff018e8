"""Scoring throughput beside loops that score one pair after the other: the same images, model and sizes.

Run with: python benchmarks/bench_scoring.py [--model tiny --pairs 256 --runs 3 --threads 2]

Untrained CLIPs (random weights) score JPEG pictures that are made here: one of the sizes of the preset tiny (64 pixels,
24 words) on pictures of 64 pixels, and one with CLIP's inputs (224 pixels, 77 tokens) on pictures of 256 pixels, where
decoding and resizing in Pillow are the larger part of all ways. Four ways to CLIPScore:

- ours:         `score_pairs` from a pair store (Parquet) into a sidecar, its files and their fsync included;
- loop:         the published formula one pair at a time: open the file, transform, encode picture and text, cosine;
- torchmetrics: `torchmetrics.functional.multimodal.clip_score`, one pair at a time, as its value is the mean of a call;
- batched:      the repository's data loaders without worker processes, 64 pictures and 256 texts a batch.

The loop and ours use one and the same open_clip model; torchmetrics wants a `transformers` CLIP, which is built with
the same sizes, so its time is of an equal, not of the same network.
The published loader of the repository is batched; "batched" stands for it, and no claim is made against it.
Models are loaded before the clock starts, in all ways. Two ways to self-SSIM at 768 and 336 pixels: ours, and the
published script's steps (Pillow, scikit-image) one by one.
Prints Markdown: pairs a second, best of the runs, by the clock and by the processor's seconds (which a busy machine
blurs less), and ratios; and the largest difference of values to the loop's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image

from pairsmith.bridges.open_clip import save_open_clip
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.clip import ClipScore, ClipSettings
from pairsmith.curation.scores.ssim import SelfSsim, SsimSettings
from pairsmith.curation.scoring import score_pairs
from pairsmith.evaluation.image_text.open_clip_encoder import OpenClipEncoder, load_open_clip
from pairsmith.pairs import Pair, PairStore, encode_image
from pairsmith.pairs.scores import read_scores

MODELS: dict[str, tuple[dict[str, Any], int]] = {  # sizes, pixels a side of the pictures
    "tiny": (
        {
            "embed_dim": 64,
            "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16},
            "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
        },
        64,
    ),
    "clip": (
        {
            "embed_dim": 64,
            "vision_cfg": {"image_size": 224, "layers": 2, "width": 64, "head_width": 32, "patch_size": 32},
            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
        },
        256,
    ),
}
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PREFIX = "A photo depicts "
WORDS = ("a", "red", "blue", "dog", "cat", "tree", "house", "runs", "sits", "under", "beside", "two", "old", "big")


def make_pairs(count: int, side: int) -> list[Pair]:
    """Soft noise as JPEG, captions of ten words."""
    generator = np.random.default_rng(0)
    pairs = []
    for number in range(count):
        coarse = generator.integers(0, 256, (24, 24, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        caption = " ".join(generator.choice(WORDS, 10))
        pairs.append(Pair(id=f"{number:06d}", caption=caption, image=encode_image(picture, "jpeg", 90)))
    return pairs


def best(runs: int, work: Callable[[int], object]) -> tuple[float, float]:
    """Seconds of the fastest run, by the clock and by the processor (all threads together)."""
    found = []
    for run in range(runs):
        started, busy = time.perf_counter(), time.process_time()
        work(run)
        found.append((time.perf_counter() - started, time.process_time() - busy))
    return min(one for one, _ in found), min(other for _, other in found)


def clip_loop(encoder: OpenClipEncoder, files: list[Path], captions: list[str]) -> np.ndarray:
    """The published formula, one pair at a time."""
    values = []
    with torch.no_grad():
        for file, caption in zip(files, captions, strict=True):
            seen = encoder.model.encode_image(encoder.transform(Image.open(file))[None]).numpy()
            said = encoder.model.encode_text(encoder.tokenizer([PREFIX + caption])).numpy()
            seen, said = seen / np.sqrt((seen**2).sum()), said / np.sqrt((said**2).sum())
            values.append(max(float((seen * said).sum()), 0.0))
    return np.array(values)


def clip_batched(encoder: OpenClipEncoder, files: list[Path], captions: list[str]) -> np.ndarray:
    """The repository's two passes in batches, without worker processes."""
    with torch.no_grad():
        said = np.vstack(
            [
                encoder.model.encode_text(encoder.tokenizer([PREFIX + one for one in captions[at : at + 256]])).numpy()
                for at in range(0, len(captions), 256)
            ]
        )
        seen = np.vstack(
            [
                encoder.model.encode_image(
                    torch.stack([encoder.transform(Image.open(file)) for file in files[at : at + 64]])
                ).numpy()
                for at in range(0, len(files), 64)
            ]
        )
    seen, said = (one / np.sqrt((one**2).sum(axis=1, keepdims=True)) for one in (seen, said))
    return np.clip((seen * said).sum(axis=1), 0, None)


def torchmetrics_loop(files: list[Path], captions: list[str], parts: Any) -> None:
    """torchmetrics' function, one pair at a time."""
    from torchmetrics.functional.multimodal import clip_score

    with torch.no_grad():
        for file, caption in zip(files, captions, strict=True):
            pixels = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
            clip_score(pixels, PREFIX + caption, model_name_or_path=lambda: parts)


def transformers_clip(sizes: dict[str, Any]) -> Any:
    """A `transformers` CLIP of equal sizes and what prepares its inputs."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    class Features(CLIPModel):
        """torchmetrics wants the features themselves; newer `transformers` give them inside an output."""

        def get_image_features(self, *inputs: Any, **named: Any) -> Any:
            found = super().get_image_features(*inputs, **named)
            return getattr(found, "pooler_output", found)

        def get_text_features(self, *inputs: Any, **named: Any) -> Any:
            found = super().get_text_features(*inputs, **named)
            return getattr(found, "pooler_output", found)

    seen, said, width = sizes["vision_cfg"], sizes["text_cfg"], sizes["embed_dim"]
    text = {"vocab_size": said["vocab_size"], "hidden_size": said["width"], "intermediate_size": 4 * said["width"],
            "num_hidden_layers": said["layers"], "num_attention_heads": said["heads"], "projection_dim": width,
            "max_position_embeddings": said["context_length"], "eos_token_id": said["vocab_size"] - 1}  # fmt: skip
    vision = {"hidden_size": seen["width"], "intermediate_size": 4 * seen["width"], "projection_dim": width,
              "num_hidden_layers": seen["layers"], "num_attention_heads": seen["width"] // seen["head_width"],
              "image_size": seen["image_size"], "patch_size": seen["patch_size"]}  # fmt: skip
    model = Features(CLIPConfig(text_config=text, vision_config=vision, projection_dim=width)).eval()
    side = seen["image_size"]
    pictures = CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    tokenize = open_clip.SimpleTokenizer(context_length=said["context_length"])

    def processor(text: Any = None, images: Any = None, **unused: Any) -> dict[str, torch.Tensor]:
        if images is not None:
            return pictures(images=images, return_tensors="pt")
        ids = tokenize(text)
        return {"input_ids": ids, "attention_mask": (ids != 0).long()}

    return model, processor


def ssim_loop(files: list[Path]) -> np.ndarray:
    """The published script's steps, one picture at a time."""
    from skimage.metrics import structural_similarity

    values = []
    for file in files:
        with Image.open(file) as picture:
            first = picture.resize((768, 768), Image.Resampling.BILINEAR)
            small = first.resize((336, 336), Image.Resampling.BILINEAR)
            second = small.resize((768, 768), Image.Resampling.BILINEAR)
            values.append(structural_similarity(np.array(first.convert("L")), np.array(second.convert("L"))))
    return np.array(values)


def main() -> None:
    """Make, score in all ways, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, nargs="*", default=list(MODELS))
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5, help="of which the fastest counts")
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="of torch; ours decodes in as many"
    )
    parser.add_argument("--batch", type=int, default=64, help="rows that ours computes at a time")
    parser.add_argument("--ssim-pairs", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for model in arguments.model:
        sizes, side = MODELS[model]
        with tempfile.TemporaryDirectory() as place:
            seconds, apart = clip_ways(Path(place), sizes, side, arguments)
        title = f"CLIPScore, model {model}, {arguments.pairs} JPEG of {side} x {side}, {arguments.threads} threads"
        show(title, seconds, arguments.pairs)
        print(f"\nLargest difference to the loop's values: {apart:.1e}.\n")
    with tempfile.TemporaryDirectory() as place:
        seconds, apart = ssim_ways(Path(place), arguments)
    show(f"self-SSIM 768/336, {arguments.threads} threads", seconds, arguments.ssim_pairs)
    print(f"\nLargest difference to the script's values: {apart:.1e}.")


def write_pairs(folder: Path, count: int, side: int) -> tuple[PairStore, list[Path], list[str]]:
    """The same pairs as a store, as files, and their captions."""
    pairs = make_pairs(count, side)
    (folder / "files").mkdir()
    files = [folder / "files" / f"{pair.id}.jpg" for pair in pairs]
    for file, pair in zip(files, pairs, strict=True):
        file.write_bytes(pair.image or b"")
    return PairStore.write(folder / "store", pairs, settings={}), files, [pair.caption for pair in pairs]


def clip_ways(
    folder: Path, sizes: dict[str, Any], side: int, arguments: argparse.Namespace
) -> tuple[dict[str, tuple[float, float]], float]:
    """Seconds of each way to CLIPScore, and how far ours is from the loop's values."""
    store, files, captions = write_pairs(folder, arguments.pairs, side)
    torch.manual_seed(0)
    save_open_clip(open_clip.CLIP(**sizes), sizes, folder / "clip", mean=MEAN, std=STD)
    source = str(folder / "clip")
    models = SharedModels(arguments.device)
    models.encoder(source).load()
    encoder, theirs = load_open_clip(source), transformers_clip(sizes)

    def ours(run: int) -> None:
        score = ClipScore(ClipSettings(model=source), models)
        score_pairs(store, {f"clip{run}": score}, batch_rows=arguments.batch, threads=arguments.threads)

    reference = clip_loop(encoder, files, captions)  # and all ways have run once before the clock starts
    torchmetrics_loop(files[:2], captions[:2], theirs)
    ours(-1)
    seconds = {
        "ours": best(arguments.runs, ours),
        "loop, one pair at a time": best(arguments.runs, lambda run: clip_loop(encoder, files, captions)),
        "torchmetrics, one pair at a time": best(
            arguments.runs, lambda run: torchmetrics_loop(files, captions, theirs)
        ),
        "batched, no workers": best(arguments.runs, lambda run: clip_batched(encoder, files, captions)),
    }
    return seconds, float(np.abs(read_scores(store, "clip0") - reference).max())


def ssim_ways(folder: Path, arguments: argparse.Namespace) -> tuple[dict[str, tuple[float, float]], float]:
    """Seconds of both ways to self-SSIM, and how far ours is from the script's values."""
    store, files, _ = write_pairs(folder, arguments.ssim_pairs, 256)
    models = SharedModels(arguments.device)

    def ours(run: int) -> None:
        score_pairs(store, {f"ssim{run}": SelfSsim(SsimSettings(), models)}, threads=arguments.threads)

    reference = ssim_loop(files)
    seconds = {
        "ours": best(arguments.runs, ours),
        "published script's steps, one at a time": best(arguments.runs, lambda run: ssim_loop(files)),
    }
    return seconds, float(np.abs(read_scores(store, "ssim0") - reference).max())


def show(title: str, seconds: dict[str, tuple[float, float]], count: int) -> None:
    """One table."""
    print(f"| {title} | pairs a second | ours is faster by | pairs a processor second | ours is cheaper by |")
    print("| --- | --- | --- | --- | --- |")
    wall, busy = seconds["ours"]
    for name, (clock, processor) in seconds.items():
        ratios = ("", "") if name == "ours" else (f"{clock / wall:.1f}", f"{processor / busy:.1f}")
        print(f"| {name} | {count / clock:.1f} | {ratios[0]} | {count / processor:.1f} | {ratios[1]} |")


if __name__ == "__main__":
    main()
