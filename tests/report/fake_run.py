"""Small run folders as the recipe leaves them: real stores and files, made-up results, a random tokenizer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pairsmith.evaluation import mean_interval, write_environment, write_metrics
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.images import load_pixels
from pairsmith.recipes.run_files import begin, save_json
from pairsmith.recipes.synth2 import arms, measure
from pairsmith.recipes.synth2.presets import preset
from pairsmith.recipes.synth2.results import collect_metrics
from pairsmith.recipes.synth2.settings import Arm, Synth2Settings
from pairsmith.scenes import World, describe
from pairsmith.scenes.datasets import render_caption, scene_of, scene_pair
from pairsmith.tokenizer import TokenizerConfig, VQTokenizer

STEPS = (100, 200, 300, 400)
GOOD = {"baseline": 0.35, "synthetic": 0.6, "pixels": 0.58, "gold": 0.85}  # share of an arm's captions that are right
CLUSTERS = 20


def settings_of(own_pairs: bool, seeds: int) -> Synth2Settings:
    """The tiny preset with the sizes of the fake run."""
    settings = preset("tiny", own_pairs=own_pairs)
    data = settings.data.model_copy(update={"test": 20} if own_pairs else {"real": 30, "test": 20})
    return settings.model_copy(update={"data": data, "seeds": seeds})


def make_run(out: Path, *, own_pairs: bool = False, seeds: int = 1, photos: Sequence[Pair] = ()) -> Path:
    """A finished run in `out`.

    Args:
        out: the folder; its parents are made.
        own_pairs: as of the user's own pairs instead of scenes.
        seeds: for each arm.
        photos: the user's pairs; drawn at random where none are given.
    """
    settings = settings_of(own_pairs, seeds)
    begin(settings, out, out.parent / "holiday photos" if own_pairs else None)
    tokenizer = VQTokenizer(
        TokenizerConfig(image_size=64, channels=8, blocks=1, norm_groups=4, code_dim=16, codebook_size=64)
    ).eval()
    tokenizer.save_pretrained(out / "models" / "tokenizer")
    rng = np.random.default_rng(5)
    if own_pairs:
        pairs = list(photos) or list(_photos(rng, 50))
        real, test = pairs[:-20], pairs[-20:]
    else:
        world = World(settings.world)
        real = [scene_pair(world, "real", row, seed=0, class_exponent=1.0) for row in range(30)]
        test = [scene_pair(world, "test", row, seed=0) for row in range(20)]
    PairStore.write(out / "data" / "real", real, settings={"split": "real"})
    PairStore.write(out / "data" / "test", test, settings={"split": "test"})
    PairStore.write(out / "tokens" / "real", [_tokenized(pair, tokenizer, False) for pair in real], settings={})
    store = PairStore.write(out / "tokens" / "test", [_tokenized(pair, tokenizer, True) for pair in test], settings={})
    _write_captions(out, settings, own_pairs, tokenizer, rng)
    for name in ("generator",) if own_pairs else ("language_model", "generator"):
        write_log(out / "models" / name / "training", steps=800, seconds=75.0)
    for arm in settings.arms:
        for seed in range(seeds):
            _write_arm(out, arm, seed, store, rng, own_pairs)
    _write_examination(out, store, tokenizer, rng, own_pairs)
    write_metrics(out / "metrics.json", collect_metrics(settings, out))
    write_environment(out / "environment.json")
    return out


def write_log(folder: Path, *, steps: int, seconds: float) -> None:
    """A training log of four lines."""
    folder.mkdir(parents=True)
    lines = [
        {
            "step": steps * part // 4,
            "samples_seen": steps * part // 4 * 64,
            "loss": 5.0 / part,
            "seconds": seconds * part / 4,
            "steps_per_second": steps / seconds,
        }
        for part in range(1, 5)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def edit_json(path: Path, **changes: Any) -> None:
    """Change top-level values of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rewrite_store(folder: Path, change: Any) -> None:
    """Write a store anew, `change(position, pair)` giving its rows."""
    rows = [change(position, pair) for position, pair in enumerate(PairStore(folder).iter_pairs(status=None))]
    for file in folder.iterdir():
        file.unlink()
    PairStore.write(folder, rows, settings={"changed": True})


def _photos(rng: np.random.Generator, number: int) -> Iterator[Pair]:
    """Pictures of 320 x 200 pixels with two captions each, as JPEG."""
    things = ("dog", "boat", "red car", "old bridge", "plate of food")
    for row in range(number):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 8, 3), np.uint8))
        buffer = io.BytesIO()
        coarse.resize((320, 200), Image.Resampling.BICUBIC).save(buffer, "JPEG", comment=b"taken at home")
        caption = f"a {things[row % 5]} beside a wall, number {row}"
        yield Pair(
            id=imported_id("photos", str(row)),
            caption=caption,
            group=f"photo-{row}",
            references=(caption, f"someone photographed a {things[row % 5]}"),
            image=buffer.getvalue(),
            image_path=f"photo-{row}.jpg",
        )


def _tokenized(pair: Pair, tokenizer: VQTokenizer, keep_image: bool) -> Pair:
    pixels = torch.from_numpy(load_pixels(pair.image or b"", 64))[None]
    tokens = tokenizer.encode(pixels)[0].numpy().astype(np.uint16)
    return replace(pair, tokens=tokens) if keep_image else replace(pair, tokens=tokens, image=None, image_path=None)


def _write_captions(
    out: Path, settings: Synth2Settings, own_pairs: bool, tokenizer: VQTokenizer, rng: np.random.Generator
) -> None:
    rows = []
    for row in range(40):
        if own_pairs:
            text, concept = f"A small lamp stands on a table of wood, seen from side {row}.", "lamp"
        else:
            scene = World(settings.world).sample(rng)
            text, concept = describe(scene, rng), None
        pair = Pair(id=imported_id("captions", str(row)), caption=text, concept=concept, generator="language-model")
        if row % 10 == 3:
            pair = replace(pair, caption="I'm sorry, I cannot", status="filtered", reason='refusal: "I\'m sorry"')
        if row % 10 == 7:
            pair = replace(pair, caption="a lamp a lamp a lamp", status="filtered", reason="repetition: a lamp")
        rows.append(pair)
    PairStore.write(out / "captions", rows, settings={"writer": "fake"})
    good = [pair for pair in rows if pair.status == "ok"]
    drawn = [replace(pair, group=pair.id, tokens=rng.integers(0, 64, 16).astype(np.uint16)) for pair in good]
    PairStore.write(out / "synthetic", drawn, settings={"stage": "render"})
    if own_pairs:
        return
    true = []
    for pair in good:
        pixels = torch.from_numpy(render_caption(pair.caption, settings.world)).permute(2, 0, 1)[None].float() / 255
        true.append(replace(pair, tokens=tokenizer.encode(pixels)[0].numpy().astype(np.uint16)))
    PairStore.write(out / "gold", true, settings={"stage": "truth"})


def _write_arm(out: Path, arm: Arm, seed: int, test: PairStore, rng: np.random.Generator, own_pairs: bool) -> None:
    pairs = list(test.iter_pairs())
    said = {}
    for pair in pairs:
        source = pair if rng.random() < GOOD[arm] else pairs[rng.integers(len(pairs))]
        said[pair.id] = source.references[-1] if own_pairs else describe(scene_of(source), rng)
    scores = arms.score(said, test)
    final = scores.metrics["cider_d"].value
    save_json(
        out / "evaluation" / "arms" / f"{arm}-{seed}.json",
        {
            "arm": arm,
            "seed": seed,
            "metrics": scores.metrics,
            "per_image": {"cider_d": scores.per_image["cider_d"].tolist()},
            "truth": {} if own_pairs else measure.truth(test, said),
            "captions": said,
            "curve": [{"step": step, "cider": final * (step / 400) ** 0.5} for step in STEPS],
            "steps_per_second": 2.5,
        },
    )
    write_log(out / "vlm" / f"{arm}-{seed}" / "training", steps=400, seconds=160.0)


def _write_examination(
    out: Path, test: PairStore, tokenizer: VQTokenizer, rng: np.random.Generator, own_pairs: bool
) -> None:
    folder = out / "evaluation"
    quality = {"psnr": 21.34, "usage": 0.61, "perplexity": 30.0, "entropy_bits": 4.9, "max_ratio": 0.2}
    save_json(
        folder / "tokenizer.json",
        {**quality, "zeros_ratio": 0.39, "frechet_own_features": 1.234, "pictures": len(test)},
    )

    def spread(power: float) -> dict[str, Any]:
        shares = np.arange(1, CLUSTERS + 1, dtype=float) ** -power
        shares /= shares.sum()
        entropy = float(-(shares * np.log2(shares)).sum())
        return {
            "shares": rng.permutation(shares).tolist(),
            "captions": 30,
            "concentration_3": {"mean": float(shares[:3].sum()), "std": 0.012},
            "concentration_5": {"mean": float(shares[:5].sum()), "std": 0.01},
            "entropy_bits": {"mean": entropy, "std": 0.03},
        }

    save_json(
        folder / "diversity.json",
        {"sets": {"synthetic": spread(0.4), "real": spread(1.1)}, "caption_rows": {"ok": 32, "refusal": 4}},
    )
    pairs = [test.pair(position) for position in range(len(test))]
    generator: dict[str, Any] = {
        "frechet_own_features": 12.3456,
        "pictures": len(pairs),
        "text_truncated": 0.02,
        "captions": [pair.references[0] for pair in pairs],
        "tokens": rng.integers(0, 64, (len(pairs), 16)).tolist(),
        "test_ids": test.ids(),
    }
    if not own_pairs:
        names = ("class", "colour", "size", "count", "relation", "background", "exact")
        generator["faithfulness"] = {
            who: {
                axis: {name: mean_interval(100.0 * (rng.random(10) < chance)) for name in names}
                for axis in ("seen", "held-out")
            }
            for who, chance in (("generator", 0.7), ("ceiling", 0.95))
        }
    save_json(folder / "generator.json", generator)
    save_json(
        folder / "speed.json",
        {
            "steps_per_second": {"embedding": 2.512, "pixels": 1.834},
            "ratio": {"value": 1.37, "low": 1.34, "high": 1.41, "n": 3},
            "stages_ms": {
                "embed captions": 12.0,
                "draw tokens": 118.0,
                "decode to pixels": 92.0,
                "encode pixels": 41.0,
                "VLM forward and backward": 236.0,
            },
            "token_agreement": 0.934,
            "bytes_per_image": {"tokens": 32, "pixels": 12288},
        },
    )
