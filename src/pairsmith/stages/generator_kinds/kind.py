"""What a kind of image generator is to the commands and recipes: how to tell its folder, load it, and train it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pairsmith.errors import InputError
from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.settings import Settings
from pairsmith.stages.renderer import Renderer
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.task import Task

MakeTextEncoder = Callable[[int, int], TextEncoder]
"""(text tokens, hidden layer) -> the frozen language model as a text encoder, on the device."""


@dataclass(frozen=True)
class RenderRequest:
    """What a command or a recipe was given to render with.

    Attributes:
        source: folder or hub name of the generator.
        settings: how to draw, of the kind's `sampling` class.
        seed: of all pictures.
        device: "cpu" or a cuda device.
        name: of the generator, in the rows; None: its kind.
        images: whether rows of a generator of tokens hold decoded pictures too.
        tokenizer: folder or hub name; None where none was given.
        language_model: what messages call the language model.
        text_encoder: makes its text encoder; None where no language model was given.
    """

    source: str
    settings: Any
    seed: int
    device: str
    name: str | None = None
    images: bool = False
    tokenizer: str | None = None
    language_model: str | None = None
    text_encoder: MakeTextEncoder | None = None


@dataclass(frozen=True)
class TrainRequest:
    """What a new generator is made from.

    Attributes:
        settings: of the kind's `training` class.
        tokenizer: whose tokens it learns to draw.
        text_encoder: frozen, of the language model that it will read.
        seed: of the initial weights.
    """

    settings: Any
    tokenizer: VQTokenizer
    text_encoder: TextEncoder
    seed: int


@dataclass(frozen=True)
class Training:
    """How a kind is trained on rows of caption and tokens.

    Attributes:
        settings: its class; a field `training` holds `TrainingSettings`.
        presets: name -> values for that class.
        build: makes an untrained model and its task.
    """

    settings: type[Settings]
    presets: Mapping[str, Mapping[str, Any]]
    build: Callable[[TrainRequest], tuple[TokenGenerator, Task]]


@dataclass(frozen=True)
class GeneratorKind:
    """One kind of generator.

    Attributes:
        name: what users call it.
        what: one line for help texts.
        file: the JSON file that its folder has, and `marks`, what stands in it.
        sampling: class of the settings that it draws with.
        open: loads it, ready to render.
        training: how it is trained; None for kinds that come trained.
    """

    name: str
    what: str
    file: str
    sampling: type[Settings]
    open: Callable[[RenderRequest], Renderer]
    marks: Mapping[str, Any] = field(default_factory=dict)
    training: Training | None = None


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
