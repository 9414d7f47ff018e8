"""Captions from a small language model that was trained on captions: it writes freely, from its start token to its end.

The prompt, where there is one, is the opening of the caption ("a photo of a [object]") and stays in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.sampling import SamplingSettings, sample_continuations
from pairsmith.captions.writer import Request, WriteFailure
from pairsmith.errors import InputError
from pairsmith.settings import Settings

# Of a model this small a step costs little more for many rows; temperature 1 writes what it was trained on.
_FREE = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=64, block_rows=128, pad_multiple=8)


class LanguageModelWriterSettings(Settings):
    """How a caption model writes."""

    sampling: SamplingSettings = Field(default=_FREE, description="how tokens are drawn")


class LanguageModelWriter:
    """A causal LM of `transformers` whose texts are captions between its bos and its eos token.

    Args:
        model: the language model. A tokenizer without a bos token begins texts with its eos token.
        settings: how to write.
    """

    def __init__(self, model: CausalModel, settings: LanguageModelWriterSettings | None = None) -> None:
        self._model = model
        self._settings = settings or LanguageModelWriterSettings()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    def describe(self) -> dict[str, Any]:
        """The model and every setting."""
        return {"kind": "language-model", **self._model.identity(), **self._settings.to_dict()}

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        """One caption a request; one that has no end within `max_new_tokens` is a failure that keeps its text.

        Raises:
            InputError: the tokenizer has neither a bos nor an eos token.
        """
        model, hf_tokenizer = self._model.loaded()
        begin = hf_tokenizer.bos_token_id if hf_tokenizer.bos_token_id is not None else hf_tokenizer.eos_token_id
        if begin is None:
            raise InputError(f"the tokenizer of {self.name} has neither a bos nor an eos token to begin with")
        openings = [
            hf_tokenizer(request.prompt, add_special_tokens=False)["input_ids"] if request.prompt else []
            for request in requests
        ]
        sampling = self._settings.sampling
        made = sample_continuations(
            model,
            [[begin, *opening] for opening in openings],
            [request.seed for request in requests],
            self._model.stop_ids(),
            sampling,
        )
        answers: list[str | WriteFailure] = []
        for opening, continuation in zip(openings, made, strict=True):
            text = hf_tokenizer.decode([*opening, *continuation.tokens], skip_special_tokens=True)
            if continuation.finished:
                answers.append(text)
            else:
                answers.append(WriteFailure(f"unfinished: no end within {sampling.max_new_tokens} tokens", text))
        return answers
