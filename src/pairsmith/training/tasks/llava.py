"""Trains a LLaVA: stage 1 its projector, stage 2 the language model with it, whole or through LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from pairsmith.training.task import Task, TaskLoss, TrainedParameter, default_parameters
from pairsmith.vlm.batch import IGNORED
from pairsmith.vlm.llava.encoding import LlavaBatch
from pairsmith.vlm.llava.tuning import PROJECTOR, Tuning, layers, quieten_frozen, trained_names


class LlavaTask(Task):
    """Next-token cross-entropy of the answers; batches are `LlavaBatch`.

    Args:
        model: with LoRA matrices in it where `tuning` is "lora".
        tuning: what is trained.
        projector_rate: learning rate of the projector / learning rate of the run.
        checkpointing: compute activations again in the backward pass instead of keeping them.
        identity: further settings that decide the run, such as those of the text.
    """

    def __init__(
        self,
        model: LlavaForConditionalGeneration,
        tuning: Tuning,
        *,
        projector_rate: float = 1.0,
        checkpointing: bool = False,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.tuning = tuning
        self.projector_rate = projector_rate
        self.identity = dict(identity or {})
        self.modules = {"llava": model}
        names = trained_names(model, tuning)
        for name, parameter in model.named_parameters(remove_duplicate=False):
            parameter.requires_grad_(name in names)
        self._kept = {f"llava.{name}" for name in names}
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})

    def parameters(self, phase: str) -> Sequence[TrainedParameter]:
        return [
            item._replace(lr_scale=self.projector_rate) if item.name.startswith(f"llava.{PROJECTOR}") else item
            for item in default_parameters(self.modules)
        ]

    def keeps(self, name: str) -> bool:
        # What is frozen comes from the model that the run starts from, whose fingerprint the run keeps.
        return name in self._kept

    def split(self, batch: LlavaBatch, parts: int) -> Sequence[LlavaBatch]:
        rows = len(batch.lengths)
        return [batch.rows(at * rows // parts, (at + 1) * rows // parts) for at in range(parts)]

    def loss(self, batch: LlavaBatch, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        quieten_frozen(self.model, self.tuning)
        hidden = self._hidden(batch)
        targets = batch.labels[:, 1:]
        valid = targets != IGNORED
        logits = self.model.lm_head(hidden[:, :-1][valid]).float()  # [n, V]: those of the answers alone
        total = functional.cross_entropy(logits, targets[valid], reduction="sum")
        rows = len(batch.lengths)
        parts = {"rows_cut": (float(sum(batch.cut)), float(rows))}
        return TaskLoss(total, valid.sum(), parts, tokens=float(sum(batch.lengths)))

    def blocks(self) -> Sequence[nn.Module]:
        return layers(self.model)

    def settings(self) -> dict[str, Any]:
        config = self.model.config.to_diff_dict()
        config.pop("transformers_version", None)
        for part in (config, *(value for value in config.values() if isinstance(value, dict))):
            part.pop("_name_or_path", None)  # a model is known by its weights, wherever its folder lies
        return {
            "llava": config,
            "tuning": self.tuning,
            "projector_rate": self.projector_rate,
            **self.identity,
        }

    def _hidden(self, batch: LlavaBatch) -> Tensor:
        """The last hidden states, [B, T, D].

        A batch of text alone sends an empty picture through tower and projector and adds none of it to the words. So
        every rank gathers the same weights and reduces the same gradients in the same order in every step, whatever
        its rows are.
        """
        model = self.model
        given: dict[str, Any] = {"attention_mask": batch.attention_mask, "use_cache": False}
        if len(batch.pixel_values):
            given |= {"input_ids": batch.input_ids, "pixel_values": batch.pixel_values}
        else:
            empty = batch.pixel_values.new_zeros(1, *batch.pixel_values.shape[1:])
            features = torch.stack(list(model.get_image_features(pixel_values=empty).pooler_output))
            words = model.get_input_embeddings()(batch.input_ids)  # [B, T, D]
            given["inputs_embeds"] = words + (features.sum() * 0.0).to(words.dtype)
        return model.model(**given).last_hidden_state
