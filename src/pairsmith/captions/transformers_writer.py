"""Captions from an instruction-tuned language model in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.sampling import SamplingSettings, sample_continuations
from pairsmith.captions.writer import Request, WriteFailure
from pairsmith.settings import Settings


class TransformersWriterSettings(Settings):
    """How an instruction-tuned model is asked."""

    sampling: SamplingSettings = Field(default_factory=SamplingSettings, description="how tokens are drawn")
    system: str | None = Field(default=None, description="system message; None leaves it to the chat template")
    force_start: bool = Field(
        default=False,
        description="put the caption's opening into the model's mouth and let it go on; small models need it",
    )


class TransformersWriter:
    """Any causal LM of `transformers`; its chat template is used when it has one.

    Args:
        model: the language model, loaded when the first caption is asked for.
        settings: how to ask.
    """

    def __init__(self, model: CausalModel, settings: TransformersWriterSettings | None = None) -> None:
        self._model = model
        self._settings = settings or TransformersWriterSettings()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    def describe(self) -> dict[str, Any]:
        """The model and every setting."""
        return {"kind": "transformers", **self._model.identity(), **self._settings.to_dict()}

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        """One caption a request; a text that has no end within `max_new_tokens` is a failure that keeps it."""
        model, hf_tokenizer = self._model.loaded()
        starts = [request.start if self._settings.force_start else "" for request in requests]
        texts = [
            self._prompt_text(hf_tokenizer, request.prompt) + start
            for request, start in zip(requests, starts, strict=True)
        ]
        prompts = [_token_ids(hf_tokenizer, text) for text in texts]
        seeds = [request.seed for request in requests]
        sampling = self._settings.sampling
        made = sample_continuations(model, prompts, seeds, self._model.stop_ids(), sampling)
        answers: list[str | WriteFailure] = []
        for start, continuation in zip(starts, made, strict=True):
            text = start + hf_tokenizer.decode(continuation.tokens, skip_special_tokens=True)
            if continuation.finished:
                answers.append(text)
            else:
                answers.append(WriteFailure(f"unfinished: no end within {sampling.max_new_tokens} tokens", text))
        return answers

    def _prompt_text(self, hf_tokenizer: Any, prompt: str) -> str:
        if not getattr(hf_tokenizer, "chat_template", None):
            head = f"{self._settings.system}\n\n" if self._settings.system else ""
            return f"{hf_tokenizer.bos_token or ''}{head}{prompt}\n"
        messages = [{"role": "user", "content": prompt}]
        if self._settings.system is not None:
            messages.insert(0, {"role": "system", "content": self._settings.system})
        return hf_tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def _token_ids(hf_tokenizer: Any, text: str) -> list[int]:
    """The text's tokens; templates write the special tokens out, so none are added."""
    return hf_tokenizer(text, add_special_tokens=False)["input_ids"]
