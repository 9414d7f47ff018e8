"""What a kind of image generator is to the commands and recipes: how to tell its folder, load it, and train it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.settings import Settings
from pairsmith.stages.renderer import Renderer
from pairsmith.tokenizer.model import VQTokenizer
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
        bare: it draws without a model, so that there is no folder to name.
    """

    name: str
    what: str
    file: str
    sampling: type[Settings]
    open: Callable[[RenderRequest], Renderer]
    marks: Mapping[str, Any] = field(default_factory=dict)
    training: Training | None = None
    bare: bool = False
