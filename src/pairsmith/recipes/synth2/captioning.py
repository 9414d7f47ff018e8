"""GenPair's captions (paper §3.1): who writes them, and the stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.language_model_writer import LanguageModelWriter, LanguageModelWriterSettings
from pairsmith.captions.server_writer import ServerConnection, ServerWriter, ServerWriterSettings
from pairsmith.captions.settings import CaptionSettings
from pairsmith.captions.stage import write_captions
from pairsmith.captions.transformers_writer import TransformersWriter, TransformersWriterSettings
from pairsmith.captions.writer import Writer
from pairsmith.pairs import PairStore
from pairsmith.recipes.reporter import Reporter
from pairsmith.recipes.synth2.models import Models
from pairsmith.recipes.synth2.settings import Synth2Settings

ANSWERS_NAME = "answers"  # beside the captions: what a server answered, so that nothing is paid for twice


def write_synthetic_captions(settings: Synth2Settings, trained: Models, out: Path, reporter: Reporter) -> PairStore:
    """A concept is drawn, the language model writes, and what it writes is checked."""
    choice = settings.writer
    bank = None
    if settings.captions.prompt.uses_concept:
        bank = ConceptBank.from_file(choice.concepts) if choice.concepts else ConceptBank.packaged()
    return write_captions(
        out,
        bank,
        make_writer(settings, trained, out.with_name(f"{out.name}.{ANSWERS_NAME}")),
        settings.synthesis.captions,
        readable(settings),
        reader=trained.hf_tokenizer,
        progress=reporter.rows("captions"),
    )


def readable(settings: Synth2Settings) -> CaptionSettings:
    """The captions' settings; where length is checked, no caption passes that the generator would have to cut."""
    checks, most = settings.captions.checks, settings.generator.max_text
    if checks.max_tokens is None or checks.max_tokens <= most:
        return settings.captions
    return settings.captions.model_copy(update={"checks": checks.model_copy(update={"max_tokens": most})})


def make_writer(settings: Synth2Settings, trained: Models, answers: Path) -> Writer:
    """The caption writer that the settings name.

    Args:
        settings: of the recipe.
        trained: holds the language model that writes freely, and the device for others.
        answers: folder where a server's answers are kept.
    """
    choice = settings.writer
    sampling: dict[str, Any] = {} if choice.sampling is None else {"sampling": choice.sampling}
    if choice.kind == "language-model":
        model = CausalModel.in_memory(trained.lm, trained.hf_tokenizer, "scene-language-model")
        return LanguageModelWriter(model, LanguageModelWriterSettings(**sampling))
    if choice.kind == "server":
        assert choice.base_url is not None  # its settings see to that
        connection = ServerConnection.of_address(choice.base_url)
        asked: dict[str, Any] = {}
        if choice.sampling is not None:
            asked = choice.sampling.model_dump(include={"temperature", "top_p", "max_new_tokens"})
        return ServerWriter(ServerWriterSettings(model=choice.model, **asked), connection, answers)
    device: torch.device = trained.tokenizer.codebook.device
    model = (
        CausalModel.smollm2(str(device)) if choice.model == "smollm2" else CausalModel(choice.model, device=str(device))
    )
    return TransformersWriter(model, TransformersWriterSettings(**sampling))
