"""Synth²: from captions to a trained, measured VLM (Sharifzadeh et al., 2024).

Real pairs are scarce. A tokenizer turns pictures into tokens; a language model that has seen no picture writes
captions; a masked generator, trained on the real pairs alone, draws them as tokens; and a VLM learns from real and
synthetic tokens. It is compared with Baseline (real pairs alone) and, on scenes, with Gold (true pictures of the same
captions).

Every stage leaves a folder behind and is passed over when its folder is finished: a stopped run goes on where it was.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import yaml

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.language_model_writer import LanguageModelWriter, LanguageModelWriterSettings
from pairsmith.captions.server_writer import ServerConnection, ServerWriter, ServerWriterSettings
from pairsmith.captions.stage import reason_counts, write_captions
from pairsmith.captions.transformers_writer import TransformersWriter, TransformersWriterSettings
from pairsmith.captions.writer import Writer
from pairsmith.errors import InputError
from pairsmith.evaluation import write_environment, write_metrics
from pairsmith.generators.text import TextEncoder
from pairsmith.pairs import PairStore
from pairsmith.pairs.images import load_pixels
from pairsmith.pairs.outcome import NothingMade, commonest_reasons
from pairsmith.recipes.synth2 import arms, measure, models
from pairsmith.recipes.synth2.data import Data, own_data, scene_data
from pairsmith.recipes.synth2.results import collect_metrics, save_json
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.recipes.synth2.shipped import take_shipped
from pairsmith.recipes.synth2.speed import measure_speed
from pairsmith.settings import first_difference
from pairsmith.stages.render import render_captions
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.stages.tokenize import tokenize_images
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.logging import Progress
from pairsmith.training.synthesis import Synthesizer

logger = logging.getLogger(__name__)

SETTINGS_NAME = "settings.yaml"
KEY_VARIABLE = "OPENAI_API_KEY"  # holds the key of a caption server that wants one


class Reporter(Protocol):
    """What shows a recipe while it goes on."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A stage begins; its time is shown when the context ends."""

    def training(self, name: str) -> Progress | None:
        """Shows a training run."""

    def rows(self, name: str) -> Callable[[int, int, int], None] | None:
        """Shows a stage over rows: called with (done, all, failed)."""


class Silent:
    """Shows nothing."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def training(self, name: str) -> Progress | None:
        return None

    def rows(self, name: str) -> Callable[[int, int, int], None] | None:
        return None


@dataclass(frozen=True)
class Models:
    """The frozen models that everything is made with."""

    tokenizer: VQTokenizer
    lm: Any
    hf_tokenizer: Any
    encoder: TextEncoder


def run_synth2(
    settings: Synth2Settings,
    out: Path,
    *,
    real: Path | None = None,
    from_scratch: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Run the recipe, or what is left of it.

    Args:
        settings: of every stage.
        out: the run's folder.
        real: the user's own pairs (any importable folder or file) instead of scenes.
        from_scratch: train tokenizer and language model here even where trained ones ship with the package.
        reporter: shows the run.

    Returns:
        The path of `metrics.json`; the report is made from the folder by `pairsmith.report`.

    Raises:
        InputError: `out` holds a run with other settings, the language model cannot be had, or the own pairs cannot be
            used.
    """
    reporter = reporter or Silent()
    models.check_language_model(settings, own_pairs=real is not None)
    begin(settings, out, real)

    with reporter.stage("data"):
        data = scene_data(settings, out / "data") if real is None else own_data(settings, real, out / "data")

    with reporter.stage("tokenizer and language model"):
        trained = pretrained_models(settings, data, out / "models", from_scratch, reporter)
        real_pairs = tokenize_images(data.real, trained.tokenizer, out / "tokens" / "real")
        test = tokenize_images(data.test, trained.tokenizer, out / "tokens" / "test", keep_images=True)

    with reporter.stage("generator"):  # §3.2: on the very pairs that the VLM is trained on
        generator = models.train_generator(
            settings,
            real_pairs,
            trained.tokenizer,
            trained.encoder,
            out / "models" / "generator",
            reporter.training("generator"),
        )
        synthesizer = Synthesizer(generator, trained.encoder, settings.sampling, settings.seed)

    with reporter.stage("captions"):  # §3.1
        captions = write_synthetic_captions(settings, trained, out / "captions", reporter)

    with reporter.stage("synthetic images"):  # §3.2.2
        synthetic = render_captions(
            captions,
            TokenRenderer(synthesizer, trained.tokenizer),
            out / "synthetic",
            shard_rows=settings.synthesis.shard_rows,
            batch_rows=settings.synthesis.batch_rows,
            progress=reporter.rows("synthetic images"),
        )
        gold = true_pictures(settings, data, trained, captions, out / "gold")

    with reporter.stage("examination of tokenizer, generator and captions"):
        examine(settings, data, trained, synthesizer, test, captions, out / "evaluation", reporter)

    parts = arms.Ingredients(trained.lm, trained.hf_tokenizer, trained.tokenizer, real_pairs, test, synthetic, gold)
    online = synthesizer if settings.synthesis.mode == "online" else None
    for seed in range(settings.seeds):
        for arm in settings.arms:
            if arm == "gold" and gold is None:
                continue
            with reporter.stage(f"VLM: {arm}, seed {seed}"):  # §3.3
                train_and_score(settings, arm, seed, parts, online, data, out, reporter)

    with reporter.stage("speed of both paths"):  # §4.2.4
        if not (out / "evaluation" / "speed.json").is_file():
            save_json(out / "evaluation" / "speed.json", measure_speed(settings, parts, synthesizer).to_dict())

    write_metrics(out / "metrics.json", collect_metrics(settings, out))
    write_environment(out / "environment.json")
    return out / "metrics.json"


def begin(settings: Synth2Settings, out: Path, real: Path | None) -> None:
    """Note the settings of a new run, or check those of one that was begun; more seeds may be added.

    Raises:
        InputError: the run in `out` has other settings; the first that differs is named.
    """
    wanted = {**settings.to_dict(), "real": None if real is None else str(real.resolve())}
    file = out / SETTINGS_NAME
    if file.is_file():
        found = _read_settings(file)
        difference = first_difference({**found, "seeds": 0}, {**wanted, "seeds": 0})
        if difference:
            raise InputError(f"{out} holds a run with other settings: {difference}; use another --out")
    out.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(yaml.safe_dump(wanted, sort_keys=False))
    temporary.replace(file)


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{file}: cannot be read as the settings of a run; use another --out")
    return found


def pretrained_models(
    settings: Synth2Settings, data: Data, folder: Path, from_scratch: bool, reporter: Reporter
) -> Models:
    """Tokenizer and language model: taken from the package, found in the folder, or trained."""
    scenes = data.world is not None
    if scenes and not from_scratch:
        take_shipped(settings, folder)
    tokenizer = models.train_tokenizer(settings, data.pictures, folder / "tokenizer", reporter.training("tokenizer"))
    if settings.language_model.source == "scenes":
        assert data.text is not None  # see `check_language_model`
        lm, hf_tokenizer = models.train_language_model(
            settings, data.text, folder / "language_model", reporter.training("language model")
        )
    else:
        lm, hf_tokenizer = models.load_language_model(settings.language_model.source)
    lm.requires_grad_(False)
    return Models(tokenizer, lm, hf_tokenizer, models.text_encoder(settings, lm, hf_tokenizer))


def write_synthetic_captions(settings: Synth2Settings, trained: Models, out: Path, reporter: Reporter) -> PairStore:
    """GenPair's captions (§3.1): a concept is drawn, the language model writes, and what it writes is checked."""
    choice = settings.writer
    bank = None
    if settings.captions.prompt.uses_concept:
        bank = ConceptBank.from_file(choice.concepts) if choice.concepts else ConceptBank.packaged()
    return write_captions(
        out,
        bank,
        make_writer(settings, trained),
        settings.synthesis.captions,
        settings.captions,
        reader=trained.hf_tokenizer,
        progress=reporter.rows("captions"),
    )


def true_pictures(
    settings: Synth2Settings, data: Data, trained: Models, captions: PairStore, out: Path
) -> PairStore | None:
    """Gold's pairs: the captions with their true pictures; None where the arm is not wanted or no caption has one."""
    if data.world is None or "gold" not in settings.arms:
        return None
    try:
        return arms.render_truth(captions, data.world, trained.tokenizer, out)
    except NothingMade:
        reasons = commonest_reasons(row.reason for row in PairStore(out).iter_pairs([], status=None))
        logger.warning("Gold is left out, for no written caption has a true picture: %s", "; ".join(reasons))
        return None


def make_writer(settings: Synth2Settings, trained: Models) -> Writer:
    """The caption writer that the settings name."""
    choice = settings.writer
    sampling: dict[str, Any] = {} if choice.sampling is None else {"sampling": choice.sampling}
    if choice.kind == "language-model":
        model = CausalModel.in_memory(trained.lm, trained.hf_tokenizer, "scene-language-model")
        return LanguageModelWriter(model, LanguageModelWriterSettings(**sampling))
    if choice.kind == "server":
        assert choice.base_url is not None  # its settings see to that
        key = KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else None  # servers of one's own often want none
        connection = ServerConnection(base_url=choice.base_url, api_key_variable=key)
        return ServerWriter(ServerWriterSettings(model=choice.model), connection)
    model = CausalModel.smollm2() if choice.model == "smollm2" else CausalModel(choice.model)
    return TransformersWriter(model, TransformersWriterSettings(**sampling))


def examine(
    settings: Synth2Settings,
    data: Data,
    trained: Models,
    synthesizer: Synthesizer,
    test: PairStore,
    captions: PairStore,
    folder: Path,
    reporter: Reporter,
) -> None:
    """Measure the makers before anything is trained on what they made; drawn pictures are kept for the report."""
    size = trained.tokenizer.config.image_size
    if not (folder / "tokenizer.json").is_file():
        pixels = torch.stack([torch.from_numpy(load_pixels(p.image or b"", size)) for p in test.iter_pairs()])
        save_json(folder / "tokenizer.json", measure.tokenizer_quality(trained.tokenizer, pixels))
    if not (folder / "diversity.json").is_file():
        sets = {
            "synthetic": [pair.caption for pair in captions.iter_pairs(["id", "caption"])],
            "real": [pair.caption for pair in data.real.iter_pairs(["id", "caption"])],
        }
        found = measure.diversity(settings, trained.lm, trained.hf_tokenizer, sets)
        save_json(folder / "diversity.json", {"sets": found, "caption_rows": reason_counts(captions)})
    if not (folder / "generator.json").is_file():
        drawn, drawn_captions = measure.draw_test_captions(test, synthesizer, settings.evaluation.faithfulness)
        pixels = torch.stack(
            [torch.from_numpy(load_pixels(test.pair(i).image or b"", size)) for i in range(len(drawn))]
        )
        made = torch.cat([trained.tokenizer.decode(batch) for batch in drawn.split(50)])
        result: dict[str, Any] = {
            "fid": measure.picture_distance(trained.tokenizer, pixels, made),
            "pictures": len(drawn),
            "text_truncated": trained.encoder.truncated,
            "captions": drawn_captions,
            "tokens": drawn.tolist(),
            "test_ids": test.ids()[: len(drawn)],
        }
        if data.world is not None:
            oracle = measure.make_oracle(settings, data.world)
            result["faithfulness"] = measure.faithfulness(oracle, trained.tokenizer, test, drawn)
        save_json(folder / "generator.json", result)


def train_and_score(
    settings: Synth2Settings,
    arm: arms.Arm,
    seed: int,
    parts: arms.Ingredients,
    synthesizer: Synthesizer | None,
    data: Data,
    out: Path,
    reporter: Reporter,
) -> None:
    """Train one VLM, unless its scores are there, and write model, captions and scores."""
    name = f"{arm}-{seed}"
    file = out / "evaluation" / "arms" / f"{name}.json"
    if file.is_file():
        return
    trained = arms.train_arm(
        settings,
        arm,
        parts,
        seed,
        out / "vlm" / name / "training",
        synthesizer=synthesizer,
        progress=reporter.training(f"VLM {name}"),
    )
    trained.model.save_pretrained(out / "vlm" / name)
    scores = arms.score(trained.captions, parts.test)
    save_json(
        file,
        {
            "arm": arm,
            "seed": seed,
            "metrics": scores.metrics,
            "per_image": {"cider_d": scores.per_image["cider_d"].tolist()},
            "truth": measure.truth(parts.test, trained.captions) if data.world is not None else {},
            "captions": trained.captions,
            "curve": trained.result.evaluations,
            "steps_per_second": trained.result.steps_per_second,
        },
    )


def read_run(out: Path) -> dict[str, Any]:
    """Everything that a finished run measured, for reports: the JSON files of `evaluation/` by name."""
    found = {file.stem: json.loads(file.read_text()) for file in sorted((out / "evaluation").glob("*.json"))}
    found["arms"] = [json.loads(file.read_text()) for file in sorted((out / "evaluation" / "arms").glob("*.json"))]
    return found
