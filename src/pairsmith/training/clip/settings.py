"""All settings of a dual encoder's training run."""

from __future__ import annotations

from pydantic import Field, model_validator

from pairsmith.clip.config import DualEncoderConfig
from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.settings import Settings
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.clip import ClipLossSettings


class ClipSettings(Settings):
    """What is trained, on which losses, and how."""

    model: DualEncoderConfig
    loss: ClipLossSettings = ClipLossSettings()
    views: int = Field(default=1, gt=0, description="pictures of each caption in a batch (m)")
    curriculum: CurriculumSettings = CurriculumSettings()
    crop: CropSettings = CropSettings()
    epochs: int | None = Field(
        default=None,
        gt=0,
        description="visits of every caption; sets training.steps, which is taken where this is None",
    )
    warmup_epochs: int | None = Field(
        default=None,
        ge=0,
        description="length of the warm-up; sets training.warmup_steps, which is taken where this is None",
    )
    training: TrainingSettings = Field(description="batch_size counts pictures: captions times views")

    @model_validator(mode="after")
    def _fitting(self) -> ClipSettings:
        if self.training.parallel == "fsdp2":
            raise ValueError("training.parallel: dual encoders are trained with none or ddp")
        if self.loss.views_weight and self.views < 2:
            raise ValueError("loss.views_weight needs views of 2 or more, or no picture has another of its caption")
        return self

    def resolved(self, steps_per_epoch: int) -> TrainingSettings:
        """The training settings with the steps that epochs come to."""
        counts = {"steps": self.epochs, "warmup_steps": self.warmup_epochs}
        return self.training.model_copy(
            update={name: epochs * steps_per_epoch for name, epochs in counts.items() if epochs is not None}
        )
