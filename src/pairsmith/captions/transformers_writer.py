"""Captions from an instruction-tuned language model in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.sampling import Continuation, SamplingSettings, sample_continuations
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


@dataclass(frozen=True)
class _PromptIds:
    """A prompt's tokens; the first `shared` of them come from its head."""

    ids: list[int]
    shared: int


class TransformersWriter:
    """Any causal LM of `transformers`; its chat template is used when it has one, except on worked examples.

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
        written: dict[int, str | WriteFailure] = {}
        for in_context in (False, True):
            rows = [row for row, request in enumerate(requests) if request.in_context == in_context]
            prompts = [self._prompt_ids(hf_tokenizer, requests[row]) for row in rows]
            made = sample_continuations(
                model,
                [prompt.ids for prompt in prompts],
                [requests[row].seed for row in rows],
                [*self._model.stop_ids(), *(self._model.line_ends() if in_context else ())],
                self._settings.sampling,
                [prompt.shared for prompt in prompts],
            )
            for row, continuation in zip(rows, made, strict=True):
                written[row] = self._answer(hf_tokenizer, requests[row], continuation)
        return [written[row] for row in range(len(requests))]

    def _answer(self, hf_tokenizer: Any, request: Request, continuation: Continuation) -> str | WriteFailure:
        last = [] if continuation.stop is None else [continuation.stop]  # may hold a full stop before the line's end
        text = hf_tokenizer.decode([*continuation.tokens, *last], skip_special_tokens=True)
        text = self._start(request) + (text.partition("\n")[0] if request.in_context else text)
        if continuation.finished:
            return text
        return WriteFailure(f"unfinished: no end within {self._settings.sampling.max_new_tokens} tokens", text)

    def _start(self, request: Request) -> str:
        return request.start if self._settings.force_start else ""

    def _prompt_ids(self, hf_tokenizer: Any, request: Request) -> _PromptIds:
        """The tokens that the model goes on from, and how many of them every row with this head has."""
        start = self._start(request)
        if request.in_context:
            text = request.prompt + (f" {start}" if start else "")
            ids: list[int] = hf_tokenizer(text)["input_ids"]
            head: list[int] = hf_tokenizer(request.head)["input_ids"] if request.head else []
        else:
            text = self._prompt_text(hf_tokenizer, request.prompt) + start
            ids = _token_ids(hf_tokenizer, text)
            before, found, _ = text.partition(request.head) if request.head else ("", "", "")
            head = _token_ids(hf_tokenizer, before + found) if found else []
        head = head[:-1]  # the last one may join what comes after it
        return _PromptIds(ids, len(head) if head and ids[: len(head)] == head and len(ids) > len(head) else 0)

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
