"""Scoring throughput beside loops that score one pair after the other: the same images, model and sizes.

Run with: python benchmarks/bench_scoring.py [--pairs 256 --side 256 --runs 3 --threads 1]

A small untrained CLIP (random weights) scores JPEG pictures that are made here. Four ways to CLIPScore:

- ours:         `score_pairs` from a pair store (Parquet) into a sidecar, its files and their fsync included;
- loop:         the published formula one pair at a time: open the file, transform, encode picture and text, cosine;
- torchmetrics: `torchmetrics.functional.multimodal.clip_score`, one pair at a time, as its value is the mean of a call;
- batched:      the repository's data loaders without worker processes, 64 pictures and 256 texts a batch.

The loop and ours use one and the same open_clip model; torchmetrics wants a `transformers` CLIP, which is built with
the same sizes (32 pixels a patch, the same widths and layers), so its time is of an equal, not of the same network.
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

SIZES = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 224, "layers": 2, "width": 64, "head_width": 32, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
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


def transformers_clip() -> Any:
    """A `transformers` CLIP of equal sizes and what prepares its inputs."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    text = {"vocab_size": 49408, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2,
            "num_attention_heads": 2, "projection_dim": 64, "eos_token_id": 49407}  # fmt: skip
    vision = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2,
              "image_size": 224, "patch_size": 32, "projection_dim": 64}  # fmt: skip
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=64)).eval()
    pictures, tokenize = CLIPImageProcessor(), open_clip.SimpleTokenizer()

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
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--side", type=int, default=256, help="pixels a side of the pictures")
    parser.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in all ways; ours also decodes in as many")
    parser.add_argument("--ssim-pairs", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pairs = make_pairs(arguments.pairs, arguments.side)
        (folder / "files").mkdir()
        files = [folder / "files" / f"{pair.id}.jpg" for pair in pairs]
        for file, pair in zip(files, pairs, strict=True):
            file.write_bytes(pair.image or b"")
        captions = [pair.caption for pair in pairs]
        store = PairStore.write(folder / "store", pairs, settings={})
        few = PairStore.write(folder / "few", pairs[: arguments.ssim_pairs], settings={})
        torch.manual_seed(0)
        save_open_clip(open_clip.CLIP(**SIZES), SIZES, folder / "clip", mean=MEAN, std=STD)
        source = str(folder / "clip")

        models = SharedModels(arguments.device)
        models.encoder(source).load()
        encoder, theirs = load_open_clip(source), transformers_clip()

        def ours(run: int) -> None:
            score = ClipScore(ClipSettings(model=source), models)
            score_pairs(store, {f"clip{run}": score}, threads=arguments.threads)

        def our_ssim(run: int) -> None:
            score_pairs(few, {f"ssim{run}": SelfSsim(SsimSettings(), models)}, threads=arguments.threads)

        reference = clip_loop(encoder, files, captions)  # and all models have run once before the clock starts
        torchmetrics_loop(files[:2], captions[:2], theirs)
        score_pairs(few, {"warm": ClipScore(ClipSettings(model=source), models)}, threads=arguments.threads)
        clip_seconds = {
            "ours": best(arguments.runs, ours),
            "loop, one pair at a time": best(arguments.runs, lambda run: clip_loop(encoder, files, captions)),
            "torchmetrics, one pair at a time": best(
                arguments.runs, lambda run: torchmetrics_loop(files, captions, theirs)
            ),
            "batched, no workers": best(arguments.runs, lambda run: clip_batched(encoder, files, captions)),
        }
        some = files[: arguments.ssim_pairs]
        ssim_reference = ssim_loop(some)
        ssim_seconds = {
            "ours": best(arguments.runs, our_ssim),
            "published script's steps, one at a time": best(arguments.runs, lambda run: ssim_loop(some)),
        }
        apart = np.abs(read_scores(store, "clip0") - reference).max()
        ssim_apart = np.abs(read_scores(few, "ssim0") - ssim_reference).max()
    print(f"{arguments.pairs} JPEG of {arguments.side} x {arguments.side}, {arguments.threads} torch threads")
    for title, seconds, count in (
        ("CLIPScore", clip_seconds, arguments.pairs), ("self-SSIM 768/336", ssim_seconds, arguments.ssim_pairs),
    ):  # fmt: skip
        print(f"\n| {title} | pairs a second | ours is faster by | pairs a processor second | ours is cheaper by |")
        print("| --- | --- | --- | --- | --- |")
        wall, busy = seconds["ours"]
        for name, (clock, processor) in seconds.items():
            ratios = ("", "") if name == "ours" else (f"{clock / wall:.1f}", f"{processor / busy:.1f}")
            print(f"| {name} | {count / clock:.1f} | {ratios[0]} | {count / processor:.1f} | {ratios[1]} |")
    print(f"\nlargest difference to the loops' values: CLIPScore {apart:.1e}, SSIM {ssim_apart:.1e}")


if __name__ == "__main__":
    main()
