"""The generators themselves, on captions that no arm was trained on: marks, variety, truth, and who can be told apart.

examination/captions/              captions, the same for every generator
examination/pictures/GENERATOR/    what each draws of them
evaluation/generators.json         spectra, Vendi score, variance within a caption, what the oracle sees
evaluation/probe-ARM-SEED.json     how well an arm's encoder tells generators apart
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.image_text.dual_encoder import DualEncoder, picture_features
from pairsmith.evaluation.images.diversity import caption_variance, vendi_score
from pairsmith.evaluation.images.generator_probe import chance, generator_probe
from pairsmith.evaluation.images.spectrum import spectra, spectral_gap
from pairsmith.evaluation.oracle import OracleTraining, SceneOracle, render, train_oracle
from pairsmith.evaluation.pictures import Picture, store_pictures
from pairsmith.pairs import PairStore
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.pairs.images import load_pixels
from pairsmith.pairs.schema import table_to_pairs
from pairsmith.recipes.percentages import percent_interval
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.scenes import World, read
from pairsmith.seeds import row_seed
from pairsmith.stages.allocation import Allocation, AllocationSettings, allocate

FOLDER = "examination"
TRUE = "true pictures"
_SPECTRUM_SIDE = 256  # pixels at most a side of what spectra are taken of


def choose_captions(settings: PolygenSettings, rows: PairStore, plans: Sequence[Allocation], folder: Path) -> PairStore:
    """Base captions that no arm draws.

    On scenes an arm may draw another caption of the same scene. Leaving those out, too, would leave pairs of objects
    alone, since there are few single ones.

    Raises:
        InputError: there are too few of them.
    """
    captions = rows.table(["id", "negative_kind"])
    used = np.zeros(len(captions), np.bool_)  # [len(rows)]
    for plan in plans:
        used |= pc.is_in(captions.column("id"), value_set=plan.caption_ids()).to_numpy()
    negative = pc.fill_null(pc.equal(captions.column("negative_kind"), BASE_KIND), False).to_numpy()
    free = captions.column("id").filter(pa.array(~used & ~negative)).to_pylist()
    count = settings.examination.captions
    if len(free) < count:
        raise InputError(
            f"the arms leave {len(free)} captions, and the examination needs {count} that none of them draws: set a "
            "larger caption_count, or fewer examination.captions"
        )
    chosen = sorted(free, key=lambda name: row_seed(settings.seed, name, "examination"))[:count]
    pairs = table_to_pairs(rows.take(rows.positions(chosen)))
    return PairStore.write(
        folder, pairs, settings={"stage": "examination", "count": count}, inputs={"captions": rows.fingerprint}
    )


def plan_examination(settings: PolygenSettings, captions: PairStore) -> Allocation:
    """Every caption by every generator."""
    names = [generator.name for generator in settings.generators]
    return allocate(
        captions,
        AllocationSettings(
            budget=len(captions) * len(names), views=len(names), weights=dict.fromkeys(names, 1.0), seed=settings.seed
        ),
    )


def examine_generators(
    settings: PolygenSettings, pictures: Mapping[str, PairStore], encoder: DualEncoder
) -> dict[str, Any]:
    """What tells the generators apart, and whether they draw what they are told.

    Args:
        settings: of the recipe.
        pictures: generator -> its rows, of the same captions.
        encoder: whose features variety is measured in.

    Returns:
        "frequencies", "generators": name -> spectrum, flat (pictures without one), slope, gap, vendi, truth;
        "variance" within a caption over generators; "captions"; "encoder".
    """
    shared = _shared_captions(pictures)
    pixels = {name: _pixels(store, shared[name]) for name, store in pictures.items()}
    first = next(iter(pictures))
    captions = [pictures[first].column("caption").to_pylist()[place] for place in shared[first]]
    truth: dict[str, dict[str, Interval]] = {}
    if settings.on_scenes:
        facts = [read(caption) for caption in captions]
        scenes = [fact.scene() for fact in facts if fact is not None]  # the grammar wrote them: all can be read
        pixels[TRUE] = render(scenes, settings.world.image_size).numpy()
        oracle = _oracle(settings)
        truth = {name: _truth(oracle, values, scenes) for name, values in pixels.items()}
    curves = {name: spectra(list(values)) for name, values in pixels.items()}
    real = curves.get(TRUE)
    features = {
        name: picture_features(encoder, [store_pictures(store)[place] for place in shared[name]])
        for name, store in pictures.items()
    }
    one = len(pictures)
    mixed = np.concatenate([values[number::one] for number, values in enumerate(features.values())])  # [N, D]
    everyone = np.concatenate(list(features.values()))
    variance = caption_variance(everyone, captions * len(features)).interval() if one > 1 else None
    return {
        "captions": len(captions),
        "encoder": encoder.name,
        "frequencies": next(iter(curves.values())).frequencies.tolist(),
        "variance": None if variance is None else asdict(variance),
        "vendi_mixed": vendi_score(mixed),
        "generators": {
            name: {
                "spectrum": curve.mean.tolist(),
                "flat": curve.flat,
                "slope": curve.slope(),
                "gap": None if real is None or name == TRUE else spectral_gap(real, curve),
                "vendi": vendi_score(features[name]) if name in features else None,
                "truth": {key: asdict(value) for key, value in truth.get(name, {}).items()},
            }
            for name, curve in curves.items()
        },
    }


def probe_generators(
    settings: PolygenSettings, pictures: Mapping[str, PairStore], encoder: DualEncoder
) -> dict[str, Any]:
    """How well a linear classifier names the generator of a picture from an encoder's features, in percent."""
    shown: list[Picture] = []
    generators: list[str] = []
    captions: list[str] = []
    for name, store in pictures.items():
        shown += store_pictures(store)
        generators += [name] * len(store)
        captions += store.column("caption").to_pylist()
    features = picture_features(encoder, shown)
    found = generator_probe(features, generators, captions, [picture.name for picture in shown], seed=settings.seed)
    return {"probe": asdict(found.interval()), "chance": chance(generators)}


def _shared_captions(pictures: Mapping[str, PairStore]) -> dict[str, list[int]]:
    """Generator -> positions of the captions that all of them drew, in the order of the first one's."""
    places = {
        name: {group: place for place, group in enumerate(store.column("group").to_pylist())}
        for name, store in pictures.items()
    }
    common = [group for group in next(iter(places.values())) if all(group in own for own in places.values())]
    return {name: [own[group] for group in common] for name, own in places.items()}


def _pixels(store: PairStore, places: Sequence[int]) -> np.ndarray:
    """float32 [N, 3, S, S] in [0, 1]."""
    found = []
    for row in store.take(places, ["image"]).column("image").to_pylist():
        found.append(load_pixels(row["bytes"], _side(row["bytes"])))
    return np.stack(found)


def _side(data: bytes) -> int:
    from pairsmith.pairs.images import decode_image

    return min(_SPECTRUM_SIDE, *decode_image(data).size)


def _oracle(settings: PolygenSettings) -> SceneOracle:
    sizes = settings.examination
    seed = row_seed(settings.seed, "oracle")
    return train_oracle(World(settings.world), OracleTraining(sizes.oracle_steps, sizes.oracle_batch, seed=seed))


def _truth(oracle: SceneOracle, pixels: np.ndarray, scenes: Sequence[Any]) -> dict[str, Interval]:
    import torch

    values = oracle.examine(torch.from_numpy(np.ascontiguousarray(pixels, np.float32)), scenes)
    found = {name: percent_interval(column) for name, column in values.items()}
    return {name: interval for name, interval in found.items() if interval is not None}
