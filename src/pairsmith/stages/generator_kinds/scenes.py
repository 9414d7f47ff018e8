"""The built-in world's own drawings as a kind: right as often as is wished. There is nothing to load or to train."""

from __future__ import annotations

from pairsmith.errors import InputError
from pairsmith.stages.generator_kinds.kind import GeneratorKind, RenderRequest
from pairsmith.stages.renderer import Renderer
from pairsmith.stages.scene_renderer import SceneDrawing, SceneRenderer
from pairsmith.tokenizer.model import VQTokenizer


def open_scenes(request: RenderRequest) -> Renderer:
    """
    Raises:
        InputError: the tokenizer of `sampling.through` cannot be loaded, or takes no pictures of the world's size.
    """
    settings: SceneDrawing = request.settings
    tokenizer = None
    if settings.through is not None:
        tokenizer = VQTokenizer.from_pretrained(settings.through).to(request.device).eval()
        if settings.world.image_size % tokenizer.config.downsample:
            raise InputError(
                f"{settings.through} takes pictures whose sides are multiples of {tokenizer.config.downsample} pixels, "
                f"and the world's have {settings.world.image_size}"
            )
    return SceneRenderer(settings, tokenizer, request.seed, request.name or KIND.name)


KIND = GeneratorKind(
    name="scenes",
    what="the true picture of a caption about the built-in world, or a wrong one as often as is asked for",
    file="config.json",
    marks={"kind": "scenes"},  # no folder has it: it is asked for by name
    sampling=SceneDrawing,
    open=open_scenes,
    bare=True,
)
