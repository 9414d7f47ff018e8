"""The settings of a LLaVA training: the model's parts, the text, the pictures, what is trained, and how."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from pairsmith.pairs.conversations import Check
from pairsmith.settings import Settings
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm.llava.assembly import Aspect, Select
from pairsmith.vlm.llava.prompts import SYSTEM, Style
from pairsmith.vlm.llava.saving import NumberType
from pairsmith.vlm.llava.tuning import LoraSettings, Tuning


class LlavaParts(Settings):
    """What a new LLaVA is made of; a run that starts from a LLaVA takes nothing from here."""

    vision_tower: str = Field(description="folder or hub id of a CLIP or SigLIP model; 'scenes': the shipped one")
    language_model: str = Field(description="folder or hub id of a causal language model; 'scenes': the shipped one")
    feature_layer: int = Field(default=-2, description="of the tower's hidden states")
    select: Select = Field(default="patch", description="patch leaves the class token out, cls_patch keeps it")


class LlavaSettings(Settings):
    """One stage of LLaVA's training."""

    parts: LlavaParts
    tuning: Tuning = Field(description="projector: stage 1; full or lora: stage 2, with the projector")
    lora: LoraSettings = Field(default=LoraSettings(), description="used where tuning is lora")
    style: Style = Field(description="how conversations are written: plain for stage 1, vicuna_v1 for stage 2")
    system: str = Field(default=SYSTEM, description="message that a conversation begins with; may be empty")
    max_length: int = Field(default=2048, gt=2, description="longest row in tokens, those of pictures included")
    aspect: Aspect = Field(description="pad: bands of the mean colour make pictures square; crop: the middle is kept")
    check: Check = Field(
        default="decode", description="pictures of a JSON file must exist, or also decode (reads all of them first)"
    )
    group: bool = Field(description="batches of one kind (with or without picture), micro-batches of like length")
    workers: int = Field(default=4, gt=0, description="threads that decode pictures")
    checkpointing: bool = Field(default=False, description="compute activations again in the backward pass")
    epochs: float | None = Field(
        default=1.0, gt=0, description="passes over the data; decides training.steps. None: as training.steps says"
    )
    warmup_ratio: float | None = Field(
        default=0.03, ge=0, le=1, description="share of the steps; decides training.warmup_steps. None: as that says"
    )
    projector_learning_rate: float | None = Field(
        default=None, gt=0, description="peak rate of the projector; None: training.learning_rate"
    )
    save_dtype: NumberType = Field(default="float32", description="number type of the saved weights")
    training: TrainingSettings

    @model_validator(mode="after")
    def _fitting(self) -> LlavaSettings:
        if self.style == "plain" and self.tuning != "projector":
            raise ValueError("style plain trains the projector alone; use style vicuna_v1 to tune the language model")
        if self.training.ema is not None:
            raise ValueError("training.ema is not offered for LLaVA, whose saved weights are those of the last step")
        return self

    def resolved(self, rows: int) -> TrainingSettings:
        """The training settings for so many rows, with the steps of the epochs and of the warm-up."""
        training = self.training
        steps = training.steps if self.epochs is None else math.ceil(rows * self.epochs / training.batch_size)
        warmup = training.warmup_steps if self.warmup_ratio is None else math.ceil(steps * self.warmup_ratio)
        return training.model_copy(update={"steps": steps, "warmup_steps": warmup})

    def projector_rate(self) -> float:
        """The projector's learning rate / that of the run."""
        if self.projector_learning_rate is None or not self.training.learning_rate:
            return 1.0
        return self.projector_learning_rate / self.training.learning_rate
