"""What hard negatives are worth to a tiny dual encoder on the built-in scenes, and whether it learns at all.

Captions of scenes with seen combinations, their hard negatives by rules, and the true pictures of both; every arm has
as many pictures, steps and pictures a batch as every other. Measured on the scenes' own tests, half of which show
combinations that were never trained on. An hour or so on one core:

    OMP_NUM_THREADS=1 python benchmarks/bench_clip_scenes.py --out runs/clip --steps 800
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from pairsmith.captions.negatives import WordListParser, WordLists
from pairsmith.captions.negatives.stage import NegativeStageSettings, RuleNegatives
from pairsmith.evaluation.image_text.open_clip_encoder import load_open_clip
from pairsmith.evaluation.metrics_file import write_metrics
from pairsmith.evaluation.scene_suite import scene_suite_scores
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.scenes import World, WorldSettings, read
from pairsmith.scenes.benchmark_files import write_scene_benchmark
from pairsmith.scenes.datasets import encode_png, render_caption, scene_pairs
from pairsmith.training.clip.presets import preset
from pairsmith.training.clip.run import MODEL_FOLDER, train_dual_encoder
from pairsmith.training.tasks.clip import ClipLossSettings

SHOWN = ("zero_shot_acc1", "image_retrieval_r5", "text_retrieval_r5", "linear_probe_acc1", "sugarcrepe_macro",
         "sugarcrepe_pp_itt", "sugarcrepe_pp_tot")  # fmt: skip
ARMS: dict[str, tuple[str, dict, str]] = {
    "clip": ("bases", {"negatives": "none"}, "linear"),
    "negclip": ("bases", {"negatives": "texts"}, "linear"),
    "negclip_constant": ("bases", {"negatives": "texts"}, "constant"),
    "triplet": ("both", {"negatives": "images"}, "linear"),
}


def make_stores(folder: Path, pictures: int, seed: int) -> dict[str, PairStore]:
    """`bases`: captions with pictures and their negatives' texts; `both`: half as many, and pictures of negatives."""
    settings = WorldSettings()
    lists = WordLists.packaged()
    stage = NegativeStageSettings(seed=seed)
    source = RuleNegatives(WordListParser(lists), lists, stage)
    rows = list(scene_pairs(World(settings), "real", 2 * pictures, seed=seed))
    made = source.make(rows, [()] * len(rows))
    bases = [
        replace(row, negative=found[0].caption, negative_kind=found[0].kind) if hasattr(found[0], "caption") else row
        for row, found in zip(rows, made, strict=True)
    ]
    drawable = [row for row in bases if row.negative and read(row.negative)]
    print(f"{len(bases)} captions, {sum(bool(row.negative) for row in bases)} with a negative, "
          f"{len(drawable)} of which the world can draw")  # fmt: skip
    both = drawable[: pictures // 2]
    negatives = [
        Pair(
            id=imported_id(row.id, "negative"),
            caption=row.negative,
            negative=row.caption,
            negative_kind=BASE_KIND,
            image=encode_png(render_caption(row.negative, settings)),
        )
        for row in both
    ]
    return {
        name: PairStore.write(folder / name, pairs, settings={"benchmark": name, "pictures": pictures, "seed": seed})
        for name, pairs in (("bases", bases[:pictures]), ("both", [*both, *negatives]))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--pictures", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    options = parser.parse_args()
    tests = options.out / "tests"
    if not (tests / "truth.json").is_file():
        write_scene_benchmark(tests, World(WorldSettings()), images=500, seed=0)
    stores = make_stores(options.out / "stores", options.pictures, options.seed)
    metrics, models = {}, {}
    for name in options.arms:
        store, loss, shape = ARMS[name]
        base = preset("tiny")
        steps = {"steps": options.steps, "seed": options.seed, "tensorboard": False, "log_every": 100}
        settings = base.model_copy(
            update={
                "loss": ClipLossSettings(**loss),
                "training": base.training.model_copy(update=steps),
                "curriculum": base.curriculum.model_copy(update={"shape": shape}),
            }
        )
        began = time.monotonic()
        folder = options.out / f"{name}-{options.seed}"
        result = train_dual_encoder(stores[store], settings, folder)
        seconds = time.monotonic() - began
        models[name] = scene_suite_scores(load_open_clip(str(folder / MODEL_FOLDER)), tests)
        print(f"{name}: {seconds:.0f} s, loss {result.history[-1]['loss']:.3f}", flush=True)
        for key, score in models[name].items():
            metrics[f"{name}.{key}"] = score.interval()
            if key in SHOWN:
                found = score.interval()
                print(f"  {key:22} {found.value:6.1f} [{found.low:.1f}, {found.high:.1f}] of {found.n}", flush=True)
        if name != options.arms[0]:
            for key in SHOWN:
                gap = models[name][key].difference(models[options.arms[0]][key])
                metrics[f"{name}.{key}.gain"] = gap
                print(
                    f"  {key:22} {gap.value:+6.1f} [{gap.low:+.1f}, {gap.high:+.1f}] over {options.arms[0]}", flush=True
                )
        write_metrics(options.out / f"metrics-{options.seed}.json", metrics)


if __name__ == "__main__":
    main()
