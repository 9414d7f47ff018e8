"""The settings of `pairsmith captions`, and the writer they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.language_model_writer import LanguageModelWriter, LanguageModelWriterSettings
from pairsmith.captions.prompts import FREE_PROMPT, PROMPTS
from pairsmith.captions.server_settings import ServerConnection, ServerWriterSettings
from pairsmith.captions.server_writer import ServerWriter
from pairsmith.captions.settings import CaptionSettings, CheckSettings
from pairsmith.captions.transformers_writer import TransformersWriter, TransformersWriterSettings
from pairsmith.captions.writer import Writer
from pairsmith.errors import InputError
from pairsmith.settings import Settings


class CaptionJob(Settings):
    """Everything that decides the captions, besides concepts and model; each kind of writer reads its own part."""

    captions: CaptionSettings = Field(
        default=CaptionSettings(), description="prompt, checks, attempts, seed, duplicates"
    )
    chat: TransformersWriterSettings = Field(
        default=TransformersWriterSettings(), description="a local instruction-tuned model: sampling, system message"
    )
    free: LanguageModelWriterSettings = Field(
        default=LanguageModelWriterSettings(), description="a local model that writes freely: sampling"
    )
    server: ServerWriterSettings = Field(
        default=ServerWriterSettings(model="unnamed"), description="a server: model, temperature, limits"
    )
    connection: ServerConnection = Field(
        default=ServerConnection(base_url="http://127.0.0.1:8000/v1"), description="how the server is reached"
    )


def base_settings(
    writer: str, model: str | None, free: bool, key_variable: str | None, prompt: str | None = None
) -> dict[str, Any]:
    """What the options say, for `load_settings`.

    Raises:
        InputError: options that do not go together.
    """
    base: dict[str, Any] = {}
    if prompt is not None:
        if free:
            raise InputError("--free writes without a prompt: leave out --prompt")
        if prompt not in PROMPTS:
            raise InputError(f"--prompt {prompt}: the built-in prompts are {', '.join(PROMPTS)}")
        base["captions"] = {"prompt": PROMPTS[prompt].to_dict()}
    if is_address(writer):
        if model is None:
            raise InputError("--writer names a server: name its model with --model")
        if free:
            raise InputError("--free is for a local model; a server is always asked")
        base["server"] = {"model": model}
        base["connection"] = {"base_url": writer, "api_key_variable": key_variable}
        return base
    if model is not None or key_variable is not None:
        raise InputError("--model and --api-key-variable are for servers; a local model is named by --writer")
    if free:
        checks = CheckSettings(concept=False, meta=False)
        base["captions"] = {"prompt": FREE_PROMPT.to_dict(), "checks": checks.to_dict()}
    return base


def make_writer(writer: str, free: bool, job: CaptionJob, device: str, cache: Path | None = None) -> Writer:
    """The writer; a local model is not loaded before it is needed, and a server's answers are kept in `cache`."""
    if is_address(writer):
        return ServerWriter(job.server, job.connection, cache)
    model = CausalModel.smollm2(device) if writer == "smollm2" else CausalModel(writer, device=device)
    return LanguageModelWriter(model, job.free) if free else TransformersWriter(model, job.chat)


def is_address(writer: str) -> bool:
    """Whether a writer is named by a server's address."""
    return writer.startswith(("http://", "https://"))
