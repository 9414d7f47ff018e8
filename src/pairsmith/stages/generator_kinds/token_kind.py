"""What the kinds share that draw a tokenizer's tokens from a language model's features: how they are made and opened.

Such a kind is its model with a task, settings to draw and to train with, and presets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import torch
from pydantic import Field

from pairsmith.errors import InputError
from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.config import TextToTokensConfig
from pairsmith.generators.text import TextEncoder
from pairsmith.model_folder import CONFIG_FILE
from pairsmith.settings import Settings
from pairsmith.stages.generator_kinds.kind import GeneratorKind, RenderRequest, Training, TrainRequest
from pairsmith.stages.renderer import Renderer
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.task import Task

Model = TypeVar("Model", bound=TokenGenerator)
MakeTask = Callable[[Any, TextEncoder, Any], Task]
"""(model, text encoder, training settings of the kind) -> its task."""


class TokenTrainingSettings(Settings):
    """What decides a generator of tokens beside its sizes, objective, pairs, tokenizer and language model.

    A kind adds `generator`, its sizes; what follows from tokenizer and language model is filled in.
    """

    training: TrainingSettings
    text_layer: int = Field(default=-1, description="hidden states of the language model that it reads")
    cached_captions: int = Field(default=0, ge=0, description="captions whose text features are kept in memory")


def token_kind(
    *,
    name: str,
    what: str,
    model: type[TokenGenerator],
    sampling: type[Settings],
    settings: type[TokenTrainingSettings],
    sizes: Mapping[str, TextToTokensConfig],
    presets: Mapping[str, Mapping[str, Any]],
    task: MakeTask,
) -> GeneratorKind:
    """A kind of generator of tokens.

    Args:
        name: what users call it.
        what: one line for help texts.
        model: its class.
        sampling: class of the settings that it draws with.
        settings: class of the settings that it is trained with.
        sizes: preset -> architecture.
        presets: preset -> the other values for `settings`.
        task: makes the task of a new model.
    """
    return GeneratorKind(
        name=name,
        what=what,
        file=CONFIG_FILE,
        marks=model.MARKS,
        sampling=sampling,
        open=partial(open_token_renderer, model=model, name=name),
        training=Training(
            settings,
            {preset: {"generator": sizes[preset].to_dict(), **values} for preset, values in presets.items()},
            partial(_build, model=model, task=task),
        ),
    )


def new_generator(
    model: type[Model], config: TextToTokensConfig, tokenizer: VQTokenizer, text_encoder: TextEncoder, seed: int
) -> Model:
    """An untrained generator on the CPU that fits its tokenizer and text encoder, whatever `config` says of these."""
    update = fitted(tokenizer, text_encoder)
    if config.uses_codebook:
        update["code_dim"] = tokenizer.config.code_dim
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        made = model(config.model_copy(update=update))
    if config.uses_codebook:
        made.set_codebook(tokenizer.codebook.cpu())
    return made


def _build(request: TrainRequest, model: type[TokenGenerator], task: MakeTask) -> tuple[TokenGenerator, Task]:
    settings, encoder = request.settings, request.text_encoder
    made = new_generator(model, settings.generator, request.tokenizer, encoder, request.seed)
    return made, task(made, encoder, settings)


def open_token_renderer(request: RenderRequest, model: type[TokenGenerator], name: str) -> Renderer:
    """`GeneratorKind.open` of every generator that draws a tokenizer's tokens from a language model's features.

    Raises:
        InputError: tokenizer or language model not given, not to be loaded, or not those it was trained with.
    """
    source = request.source
    if request.tokenizer is None or request.text_encoder is None:
        option = "--tokenizer" if request.tokenizer is None else "--language-model"
        raise InputError(f"generator {source} is of kind {name}, which needs {option}: the one it was trained with")
    drawer = model.from_pretrained(source).to(request.device).eval()
    decoder = VQTokenizer.from_pretrained(request.tokenizer).to(request.device).eval()
    ours, theirs = drawer.config, decoder.config
    for what, one, other in (("codes", ours.codebook_size, theirs.codebook_size), ("grid", ours.grid, theirs.grid)):
        if one != other:
            raise InputError(
                f"generator {source} has {what} {one}, tokenizer {request.tokenizer} {other}: they do not belong "
                "together"
            )
    drawer.check_codes(decoder)
    encoder = request.text_encoder(ours.max_text, ours.text_layer)
    try:
        synthesizer = Synthesizer(drawer, encoder, request.settings, request.seed)
    except InputError as error:
        raise InputError(f"generator {source} and language model {request.language_model}: {error}") from error
    return TokenRenderer(synthesizer, decoder, images=request.images, name=request.name or name)


def fitted(tokenizer: VQTokenizer, text_encoder: TextEncoder) -> dict[str, Any]:
    """Fields of a generator's config that follow from its tokenizer and text encoder."""
    return {
        "codebook_size": tokenizer.config.codebook_size,
        "grid": tokenizer.config.grid,
        "codes": tokenizer.codes_fingerprint(),
        "text_dim": text_encoder.dim,
        "text_layer": text_encoder.layer,
        "text_model": text_encoder.fingerprint(),
    }
