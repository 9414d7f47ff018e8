"""Captions of the recipe: a concept and a value of a semantic axis become a caption, the caption a hard negative.

captions/    base captions
negatives/   the same rows with their hard negatives; captions without one are "filtered"
rows/        every negative as a row of its own beside its base, so that it can be drawn
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.negatives import SpacyParser, WordListParser, WordLists, find_model
from pairsmith.captions.negatives.editor import NegativeEditor
from pairsmith.captions.negatives.stage import (
    EditedNegatives,
    NegativeStageSettings,
    RuleNegatives,
    write_negatives,
)
from pairsmith.captions.sampling import SamplingSettings
from pairsmith.captions.server_writer import ServerConnection, ServerWriter, ServerWriterSettings
from pairsmith.captions.stage import write_captions
from pairsmith.captions.transformers_writer import TransformersWriter, TransformersWriterSettings
from pairsmith.captions.writer import Writer
from pairsmith.pairs import PairStore
from pairsmith.recipes.finished import finished_store
from pairsmith.recipes.polygen.scene_captions import SceneWriter, scene_axes, scene_bank
from pairsmith.recipes.polygen.scene_negatives import SceneNegatives
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.reporter import Reporter
from pairsmith.stages.negative_rows import add_negative_rows

CAPTIONS, NEGATIVES, ROWS = "captions", "negatives", "rows"


def write_rows(settings: PolygenSettings, out: Path, device: str, reporter: Reporter) -> PairStore:
    """All captions that arms may draw, each base with its negative beside it; what is there needs no language model.

    Args:
        settings: of the recipe.
        out: the run's folder.
        device: of a language model in this process.
        reporter: shows the stages.

    Raises:
        InputError: as the stages.
        NothingMade: no caption was accepted, or none has a negative.
    """
    captions = finished_store(out / CAPTIONS)
    if captions is None:
        wanted = settings.captions
        if settings.on_scenes and not wanted.axes:
            wanted = wanted.model_copy(update={"axes": scene_axes(settings.world)})
        bank, writer = _writer(settings, out, device)
        captions = write_captions(
            out / CAPTIONS, bank, writer, settings.caption_count, wanted, progress=reporter.rows("captions")
        )
    with_negatives = finished_store(out / NEGATIVES, pairs=captions.fingerprint)
    if with_negatives is None:
        stage = NegativeStageSettings(kinds=settings.negatives.kinds, seed=settings.seed, missing="filter")
        with_negatives = write_negatives(
            captions,
            out / NEGATIVES,
            _negatives(settings, stage, out, device),
            stage,
            progress=reporter.rows("hard negatives"),
        )
    return add_negative_rows(with_negatives, out / ROWS)


def _writer(settings: PolygenSettings, out: Path, device: str) -> tuple[ConceptBank, Writer]:
    choice = settings.writer
    if settings.on_scenes:
        return scene_bank(settings.world), SceneWriter(settings.world)
    bank = ConceptBank.from_file(choice.concepts) if choice.concepts else ConceptBank.packaged()
    sampling = {"temperature": choice.temperature, "top_p": choice.top_p}
    return bank, _language_model(choice.model, choice.base_url, sampling, out / f"{CAPTIONS}.answers", device)


def _negatives(
    settings: PolygenSettings, stage: NegativeStageSettings, out: Path, device: str
) -> RuleNegatives | EditedNegatives:
    choice = settings.negatives
    if choice.by == "editor":
        lists = WordLists.packaged()
        writer = _language_model(choice.model, choice.base_url, {}, out / f"{NEGATIVES}.answers", device)
        return EditedNegatives(NegativeEditor(writer, WordListParser(lists), lists), writer.describe(), settings.seed)
    if settings.on_scenes:
        return SceneNegatives(settings.world, stage)
    lists, name = WordLists.packaged(), find_model()
    return RuleNegatives(SpacyParser(lists, name) if name else WordListParser(lists), lists, stage)


def _language_model(model: str, base_url: str | None, sampling: dict[str, Any], answers: Path, device: str) -> Writer:
    """A server's model where there is an address, else one in this process.

    Args:
        model: its name.
        base_url: the server's address.
        sampling: temperature and top_p; what is not said is the writer's own.
        answers: folder of a server's answers, so that nothing is paid for twice.
        device: of a model in this process.
    """
    if base_url is not None:
        asked = ServerWriterSettings(model=model, **sampling)
        return ServerWriter(asked, ServerConnection.of_address(base_url), answers)
    local = CausalModel.smollm2(device) if model == "smollm2" else CausalModel(model, device=device)
    options = TransformersWriterSettings()
    if sampling:
        options = TransformersWriterSettings(sampling=_changed(options.sampling, sampling))
    return TransformersWriter(local, options)


def _changed(sampling: SamplingSettings, changes: dict[str, Any]) -> SamplingSettings:
    return SamplingSettings.model_validate({**sampling.to_dict(), **changes})
