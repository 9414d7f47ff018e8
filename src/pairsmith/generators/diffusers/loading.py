"""Gets a text-to-image pipeline from a folder or the hub, ready to draw; safetensors only, no code from the hub."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForText2Image
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from pairsmith.errors import InputError
from pairsmith.fingerprints import tensors_fingerprint
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.settings import canonical_json

logger = logging.getLogger(__name__)

UNTOLD = ("transformers_version", "dtype", "torch_dtype")
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class LoadedPipelines:
    """Attributes:
    base: the text-to-image pipeline.
    refiner: the image-to-image pipeline that ends the drawing, or None.
    safety_checker, feature_extractor: taken out of the base, or None where it has none or none is wanted.
    fingerprint: 16 hex digits of all weights in the precision used, of tokenizers and of schedulers.
    """

    base: Any
    refiner: Any
    safety_checker: Any
    feature_extractor: Any
    fingerprint: str


def load_pipelines(source: str | Path, settings: DiffusersSettings, device: str) -> LoadedPipelines:
    """Load, fingerprint, and put on a device.

    Args:
        source: folder written by `save_pretrained`, or a hub name.
        settings: precision, refiner, offload and so on.
        device: "cpu" or a cuda device.

    Raises:
        InputError: not to be had, not text-to-image, without safetensors, or offload without an accelerator.
    """
    if settings.offload != "none" and device == "cpu":
        raise InputError("setting 'offload': there is no accelerator to offload from; leave it out on the CPU")
    base = _load(AutoPipelineForText2Image, source, settings, revision=settings.revision)
    pipelines = [base]
    refiner = None
    if settings.refiner is not None:
        # SDXL's refiner was trained with the base's second text encoder and autoencoder; they are kept once.
        shared = {name: base.components.get(name) for name in ("text_encoder_2", "vae")}
        refiner = _load(
            AutoPipelineForImage2Image,
            settings.refiner,
            settings,
            **{key: part for key, part in shared.items() if part is not None},
        )
        pipelines.append(refiner)
    digest = tensors_fingerprint(
        canonical_json([_description(pipeline) for pipeline in pipelines]),
        dict(item for number, pipeline in enumerate(pipelines) for item in _tensors(pipeline, str(number))),
    )
    checker, extractor = base.components.get("safety_checker"), base.components.get("feature_extractor")
    if checker is not None:
        # The pipeline would paint flagged pictures black, so the generator asks the checker itself.
        base.safety_checker = None
    if settings.nsfw == "off":
        checker = None
    elif checker is None:
        logger.info("%s has no safety checker: no picture will be flagged", source)
    for pipeline in pipelines:
        _place(pipeline, settings, device)
    if checker is not None:
        checker.to(device)
    return LoadedPipelines(base, refiner, checker, extractor, digest)


def _load(kind: Any, source: str | Path, settings: DiffusersSettings, **more: Any) -> Any:
    try:
        pipeline = kind.from_pretrained(
            str(source),
            dtype=DTYPES[settings.precision],
            variant=settings.variant,
            use_safetensors=True,  # the other format is pickle
            **more,
        )
    except Exception as error:  # the library raises its own, the hub's, OS, value and attribute errors alike
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{source}: no text-to-image pipeline of diffusers could be loaded ({reason})") from error
    pipeline.set_progress_bar_config(disable=True)
    for module in _modules(pipeline).values():
        module.requires_grad_(False).eval()
    return pipeline


def _place(pipeline: Any, settings: DiffusersSettings, device: str) -> None:
    if settings.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif settings.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)
    if settings.compile:
        for name in ("unet", "transformer"):
            if name in _modules(pipeline):
                _modules(pipeline)[name].compile()


def _modules(pipeline: Any) -> dict[str, nn.Module]:
    return {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}


def _tensors(pipeline: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, module in _modules(pipeline).items():
        for key, value in module.state_dict().items():
            yield f"{prefix}.{name}.{key}", value


def _description(pipeline: Any) -> dict[str, Any]:
    """The class, and of every part what its weights do not say."""
    parts: dict[str, Any] = {}
    for name, part in pipeline.components.items():
        if isinstance(part, PreTrainedTokenizerBase):
            parts[name] = [type(part).__name__, sorted(part.get_vocab().items()), part.model_max_length]
        elif hasattr(part, "config"):
            values = part.config.to_dict() if hasattr(part.config, "to_dict") else dict(part.config)
            # Not: names beginning with "_", which say where it was read from and with which version.
            kept = {key: repr(value) for key, value in values.items() if key[0] != "_" and key not in UNTOLD}
            parts[name] = [type(part).__name__, kept]
        else:
            parts[name] = type(part).__name__
    return {"class": type(pipeline).__name__, "parts": parts}
