"""The generators of the ensemble: trained here on the same pairs of scenes, or loaded by folder or hub name.

All that are trained here read the same frozen language model, and draw the tokens of one tokenizer unless they have one
of their own. What tells them apart is how they draw: filling in masks, following a flow, token after token.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.generators.text import TextEncoder
from pairsmith.model_folder import CONFIG_FILE, INCOMING, find_folder, install
from pairsmith.pairs import PairStore
from pairsmith.recipes.place import Place
from pairsmith.recipes.polygen.settings import GeneratorSettings, PolygenSettings
from pairsmith.recipes.reporter import Reporter
from pairsmith.recipes.scene_models.data import ScenePairs, write_scene_pairs
from pairsmith.recipes.scene_models.flow import NAME as FLOW
from pairsmith.recipes.scene_models.flow import SceneFlowSettings, SceneReaders, flow_mark
from pairsmith.recipes.scene_models.shipped import FOLDER as SHIPPED
from pairsmith.recipes.scene_models.shipped import shipped_marks
from pairsmith.recipes.side_by_side import do_all
from pairsmith.recipes.synth2 import models as scene_models
from pairsmith.recipes.synth2 import presets as scene_presets
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.recipes.synth2.shipped import check_from_scratch, take_shipped
from pairsmith.scenes import World
from pairsmith.scenes.datasets import Split, scene_pairs
from pairsmith.settings import load_settings, merge
from pairsmith.stages.generator_kinds import KINDS, detect_kind, generator_kind
from pairsmith.stages.generator_kinds.flow import FlowTrainingSettings
from pairsmith.stages.generator_kinds.kind import GeneratorKind, RenderRequest
from pairsmith.stages.renderer import Renderer
from pairsmith.stages.tokenize import tokenize_images
from pairsmith.stages.train_generator import train_generator
from pairsmith.tokenizer.model import VQTokenizer

TOKENIZER, LANGUAGE_MODEL = "tokenizer", "language_model"


@dataclass(frozen=True)
class Readers:
    """What generators of tokens need: a tokenizer, by folder or hub name too, and a frozen language model."""

    source: str
    tokenizer: VQTokenizer
    lm: Any
    hf_tokenizer: Any

    def text_encoder(self, max_text: int, layer: int) -> TextEncoder:
        """The language model as a generator's text encoder."""
        return TextEncoder(self.lm, self.hf_tokenizer, max_length=max_text, layer=layer)

    def of(self, entry: GeneratorSettings) -> Readers:
        """These, with the generator's own tokenizer where it has one.

        Raises:
            InputError: it cannot be loaded.
        """
        if entry.tokenizer is None:
            return self
        tokenizer = VQTokenizer.from_pretrained(entry.tokenizer).to(self.tokenizer.last_weight.device).eval()
        return replace(self, source=entry.tokenizer, tokenizer=tokenizer)


def check_generators(settings: PolygenSettings) -> None:
    """Whether every generator's kind and settings are understood, before any work begins.

    Raises:
        InputError: an unknown kind, one that is not trained here, a preset or a setting that its kind does not have,
            a tokenizer that is not there or that its kind has no use for.
    """
    for number, entry in enumerate(settings.generators):
        try:
            kind = _kind(entry)
            sampling_settings(entry, kind, settings)
            if entry.source is None and not kind.bare:
                training_settings(entry, kind, settings)
            if entry.tokenizer is not None:
                if kind.training is None:
                    raise InputError(f"generators of kind {kind.name} draw no tokens: leave its tokenizer out")
                find_folder(entry.tokenizer, None, "a tokenizer", (CONFIG_FILE,))
        except InputError as error:
            raise InputError(f"generators.{number} ({entry.name}): {error}") from error


def sampling_settings(entry: GeneratorSettings, kind: GeneratorKind, settings: PolygenSettings) -> Any:
    """How a generator draws; one that draws in the built-in world does so in the run's, unless it is told another.

    Raises:
        InputError: its kind has no such setting.
    """
    given = dict(entry.sampling)
    if "world" in kind.sampling.model_fields:
        given = {"world": settings.world.to_dict(), **given}
    return load_settings(kind.sampling, given)


def training_settings(entry: GeneratorSettings, kind: GeneratorKind, settings: PolygenSettings) -> Any:
    """How a generator is trained here: its kind's preset with the entry's changes, seeded by the run or the entry.

    Raises:
        InputError: the kind is not trained here, or has no such preset or setting.
    """
    if kind.training is None:
        raise InputError(f"generators of kind {kind.name} come trained: give the source, a folder or hub name")
    if entry.preset not in kind.training.presets:
        raise InputError(f"preset {entry.preset!r} is none of {', '.join(kind.training.presets)}")
    base = load_settings(kind.training.settings, kind.training.presets[entry.preset]).to_dict()
    found = load_settings(kind.training.settings, merge(base, entry.training)).to_dict()
    if "seed" not in entry.training.get("training", {}):
        found["training"]["seed"] = settings.seed
    found["training"]["device"] = settings.device
    return load_settings(kind.training.settings, found)


def train_generators(
    settings: PolygenSettings, out: Path, place: Place, from_scratch: bool, at_once: int, reporter: Reporter
) -> Readers | None:
    """Train what is to be trained here; None where no generator draws tokens.

    Args:
        settings: of the recipe.
        out: the run's folder.
        place: where it computes.
        from_scratch: also what ships.
        at_once: generators trained at a time, as `do_all`.
        reporter: shows the trainings.

    Raises:
        InputError: several processes, a folder with another training, or shipped models where none are wanted.
    """
    if all(_kind(entry).training is None for entry in settings.generators):
        return None
    made_here = [one for one in settings.generators if one.source is None and _kind(one).training is not None]
    entries = [one for one in made_here if not place.is_there(out / "models" / one.name / CONFIG_FILE)]
    if entries and place.ranks.world > 1:
        raise InputError("generators of scenes are trained by one process: start the recipe without torchrun")
    readers = _readers(settings, out, place, from_scratch, reporter)
    if not from_scratch:
        entries = [entry for entry in entries if not _take_shipped_flow(entry, settings, readers, out)]
    if entries:
        drawn = write_scene_pairs(_scene_pairs(settings), out / "data" / "pairs")
        for entry in entries:
            tokenize_images(drawn, readers.of(entry).tokenizer, _tokens(out, entry))
        jobs = [_Job(entry) for entry in entries]
        do_all(
            partial(_trainer, settings, out, place, from_scratch), jobs, min(at_once, len(made_here)), place, reporter
        )
    return readers


@dataclass(frozen=True)
class _Job:
    """One generator to be trained."""

    entry: GeneratorSettings

    def __str__(self) -> str:
        return f"generator {self.entry.name}"


def _trainer(
    settings: PolygenSettings, out: Path, place: Place, from_scratch: bool, reporter: Reporter
) -> Callable[[_Job], None]:
    readers = _readers(settings, out, place, from_scratch, reporter)

    def train(job: _Job) -> None:
        entry = job.entry
        kind, own = _kind(entry), readers.of(entry)
        wanted = training_settings(entry, kind, settings)
        train_generator(
            kind,
            wanted,
            PairStore(_tokens(out, entry)),
            own.tokenizer,
            own.text_encoder(wanted.generator.max_text, wanted.text_layer),
            out / "models" / entry.name,
            reporter.training(f"generator {entry.name}"),
        )

    return train


def _tokens(out: Path, entry: GeneratorSettings) -> Path:
    return out / "data" / ("tokens" if entry.tokenizer is None else f"tokens-{entry.name}")


def _scene_pairs(settings: PolygenSettings) -> ScenePairs:
    return ScenePairs(world=settings.world, count=settings.pairs.count, seed=settings.pairs.seed)


def open_generator(
    entry: GeneratorSettings, settings: PolygenSettings, out: Path, readers: Readers | None, device: str
) -> Renderer:
    """A generator ready to draw, its rows holding pictures.

    Raises:
        InputError: it cannot be loaded.
    """
    kind = _kind(entry)
    own = None if readers is None else readers.of(entry)
    return kind.open(
        RenderRequest(
            source=entry.source or str(out / "models" / entry.name),
            settings=sampling_settings(entry, kind, settings),
            seed=settings.seed,
            device=device,
            name=entry.name,
            images=True,
            tokenizer=None if own is None else own.source,
            language_model=LANGUAGE_MODEL,
            text_encoder=None if own is None else own.text_encoder,
        )
    )


def _take_shipped_flow(entry: GeneratorSettings, settings: PolygenSettings, readers: Readers, out: Path) -> bool:
    """Copy the flow generator that ships, where it was made with these very settings, pairs and readers."""
    wanted, own = training_settings(entry, _kind(entry), settings), readers.of(entry)
    if not isinstance(wanted, FlowTrainingSettings):
        return False
    made_with = flow_mark(
        SceneFlowSettings(pairs=_scene_pairs(settings), learned=wanted),
        SceneReaders(own.tokenizer, own.lm, own.hf_tokenizer),
        own.text_encoder(wanted.generator.max_text, wanted.text_layer),
    )
    if shipped_marks().get(FLOW) != made_with:
        return False
    folder = out / "models" / entry.name
    shutil.copytree(SHIPPED / FLOW, folder / INCOMING, dirs_exist_ok=True)
    install(folder / INCOMING, folder)
    return True


def _kind(entry: GeneratorSettings) -> GeneratorKind:
    if entry.kind in KINDS and (kind := generator_kind(entry.kind)).bare:
        return kind
    if entry.source is not None and Path(entry.source).is_dir():
        return detect_kind(entry.source)
    return generator_kind(entry.kind)


def _scene_settings(settings: PolygenSettings) -> Synth2Settings:
    """How tokenizer and language model of the world are made: as for Synth²'s tiny preset, whose ship."""
    return scene_presets.TINY.model_copy(update={"world": settings.world, "device": settings.device})


def _readers(settings: PolygenSettings, out: Path, place: Place, from_scratch: bool, reporter: Reporter) -> Readers:
    return _given_readers(settings, place) or _scene_readers(settings, out, place, from_scratch, reporter)


def _given_readers(settings: PolygenSettings, place: Place) -> Readers | None:
    if settings.tokenizer is None or settings.language_model is None:
        return None
    tokenizer = VQTokenizer.from_pretrained(settings.tokenizer).to(place.device).eval()
    lm, hf_tokenizer = scene_models.load_language_model(settings.language_model)
    lm.requires_grad_(False)
    return Readers(settings.tokenizer, tokenizer, lm.to(place.device), hf_tokenizer)


def _scene_readers(
    settings: PolygenSettings, out: Path, place: Place, from_scratch: bool, reporter: Reporter
) -> Readers:
    """Those of the built-in world: what ships where it fits, else trained here."""
    makers, folder, world = _scene_settings(settings), out / "models", World(settings.world)
    if from_scratch:
        place.only_first(lambda: check_from_scratch(folder))
    else:
        place.only_first(lambda: take_shipped(makers, folder))

    def scenes(split: Split, count: int) -> PairStore:
        described = {"world": makers.world.to_dict(), "split": split, "count": count, "seed": makers.seed}
        pairs = scene_pairs(world, split, count, seed=makers.seed)
        return place.in_turn(lambda: PairStore.write(out / "data" / split, pairs, settings=described))

    if not place.is_there(folder / TOKENIZER / CONFIG_FILE):
        pictures = scenes("pictures", makers.data.pictures)
        scene_models.train_tokenizer(makers, pictures, folder / TOKENIZER, place, reporter.training(TOKENIZER))
    if not place.is_there(folder / LANGUAGE_MODEL / CONFIG_FILE):
        text = scenes("text", makers.data.text)
        scene_models.train_language_model(
            makers, text, folder / LANGUAGE_MODEL, place, reporter.training("language model")
        )
    tokenizer = VQTokenizer.from_pretrained(folder / TOKENIZER).to(place.device).eval()
    lm, hf_tokenizer = scene_models.load_language_model(folder / LANGUAGE_MODEL)
    lm.requires_grad_(False)
    return Readers(str(folder / TOKENIZER), tokenizer, lm.to(place.device), hf_tokenizer)
