"""The plug-in for lmms-eval: our VLM as the model `pairsmith_vlm`, for any task of one picture and a short answer.

lmms-eval finds it by an entry point of the group `lmms_eval.models` that names `manifest`, or by
`MODEL_REGISTRY_V2.register_manifest(manifest())`; then

    lmms-eval --model pairsmith_vlm --model_args pretrained=runs/tiny/vlm/synthetic-0,tokenizer=... --tasks ...

runs as for any other model. The model reads pixels, so it needs the VQ tokenizer that it was trained with. Questions
are given as Flamingo's prompts; a captioning task's instruction is no text the model was trained to follow, so `prompt`
replaces it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from transformers import AutoTokenizer

from pairsmith.errors import InputError
from pairsmith.evaluation.features import resize_pixels
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.vlm.batch import build_prompts
from pairsmith.vlm.generation import GenerationSettings, caption
from pairsmith.vlm.model import VisionLanguageModel
from pairsmith.vlm.saving import LM_FOLDER

QUESTION = "Question: {question} Short answer:"  # Flamingo's prompt for questions


def manifest() -> ModelManifest:
    """What the registry of lmms-eval asks for."""
    return ModelManifest(model_id="pairsmith_vlm", simple_class_path=f"{__name__}.PairsmithVLM")


class PairsmithVLM(lmms):
    """A trained VLM behind lmms-eval's interface.

    Args:
        pretrained: folder or hub id of the VLM.
        tokenizer: folder or hub id of its VQ tokenizer.
        text_tokenizer: of its language model; None looks into the VLM's folder.
        prompt: text that the model goes on from, with `{question}` where the task's text goes; "" for captions.
        beams: of the search; 1 is greedy.
        batch_size: pictures at a time.
        device: where it runs.
    """

    is_simple = True

    def __init__(
        self,
        pretrained: str,
        tokenizer: str,
        text_tokenizer: str | None = None,
        prompt: str = QUESTION,
        beams: int = 3,
        batch_size: int = 1,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self._pixels = VQTokenizer.from_pretrained(tokenizer).to(device).eval()
        self._model = VisionLanguageModel.from_pretrained(pretrained, tokenizer=self._pixels).to(device).eval()
        self._words: Any = AutoTokenizer.from_pretrained(text_tokenizer or Path(pretrained) / LM_FOLDER)
        self._prompt, self._beams, self._batch_size, self._device = prompt, int(beams), int(batch_size), device

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """The answers, in the order of the requests; each is cut at the task's first stop text."""
        answers: list[str] = []
        for start in range(0, len(requests), self._batch_size):
            batch = requests[start : start + self._batch_size]
            for same in _runs(batch, lambda request: _length(request.args[1])):
                answers += self._answer(same)
        return answers

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Log-probability of a continuation after a context, and whether greedy decoding would give it."""
        return [self._likelihood(request) for request in requests]

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Not offered: the model sees one picture and one text.

        Raises:
            InputError: always.
        """
        raise InputError("pairsmith_vlm answers single questions; this task has several rounds")

    def _answer(self, requests: Sequence[Instance]) -> list[str]:
        options = requests[0].args[1]
        settings = GenerationSettings(
            mode="beam" if self._beams > 1 else "greedy", beams=self._beams, max_new_tokens=_length(options)
        )
        pixels = torch.stack([self._picture(request, *request.args[2:6]) for request in requests])
        prompts = [self._prompt.format(question=request.args[0]) for request in requests]
        texts = caption(
            self._model, self._words, pixels=pixels, prompt=prompts if any(prompts) else None, settings=settings
        )
        return [_cut(text, request.args[1].get("until")) for text, request in zip(texts, requests, strict=True)]

    def _likelihood(self, request: Instance) -> tuple[float, bool]:
        context, continuation, to_visual, number, task, split = request.args
        if callable(continuation):
            continuation = continuation(self.task_dict[task][split][number])
        # As in generation: what a tokenizer puts before a text on its own is not what the model was trained on.
        prefix = build_prompts(self._prompt.format(question=context), self._words, 1)[0][0].tolist()
        ids = self._words(" " + str(continuation).strip(), add_special_tokens=False).input_ids
        pixels = self._picture(request, to_visual, number, task, split)[None]
        with torch.inference_mode():
            text = torch.tensor([prefix + ids], device=self._device)
            logits = self._model(text, pixels=pixels).logits[0, len(prefix) - 1 : -1].double()  # [n, V]
        target = text[0, len(prefix) :]
        found = logits.log_softmax(dim=-1).gather(1, target[:, None]).sum()
        return float(found), bool((logits.argmax(dim=-1) == target).all())

    def _picture(self, request: Instance, to_visual: Any, number: int, task: str, split: str) -> torch.Tensor:
        visuals = to_visual(self.task_dict[task][split][number])
        if len(visuals) != 1:
            raise InputError(f"pairsmith_vlm reads one picture a question, and task {task} gives {len(visuals)}")
        pixels = resize_pixels(visuals[0], self._pixels.config.image_size)
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)


def _length(options: dict[str, Any]) -> int:
    return int(options.get("max_new_tokens") or 20)


def _cut(text: str, until: str | Sequence[str] | None) -> str:
    for stop in [until] if isinstance(until, str) else until or ():
        text = text.split(stop)[0] if stop else text
    return text.strip()


def _runs(items: Sequence[Any], key: Any) -> list[list[Any]]:
    """Neighbours with equal keys together, so that the order is kept."""
    runs: list[list[Any]] = []
    for item in items:
        if runs and key(runs[-1][0]) == key(item):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs
