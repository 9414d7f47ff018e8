"""Pipelines of the `diffusers` library as a kind; they come trained."""

from __future__ import annotations

from pairsmith.generators.diffusers.generator import DiffusersGenerator
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.stages.generator_kinds.kind import GeneratorKind, RenderRequest
from pairsmith.stages.picture_renderer import PictureRenderer
from pairsmith.stages.renderer import Renderer


def open_pipeline(request: RenderRequest) -> Renderer:
    """Load the pipeline; tokenizer and language model of the request are not needed."""
    generator = DiffusersGenerator.from_pretrained(request.source, request.settings, request.device)
    return PictureRenderer(generator, request.seed, request.name or KIND.name)


KIND = GeneratorKind(
    name="diffusers",
    what="any text-to-image pipeline of the diffusers library; rows hold pictures and no tokens",
    file="model_index.json",
    sampling=DiffusersSettings,
    open=open_pipeline,
)
