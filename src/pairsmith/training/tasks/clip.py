"""Trains a dual encoder: contrastive losses over pictures and captions, with hard negatives as texts or as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.clip.contrast import ALONE, Gather
from pairsmith.clip.losses import Negatives, multi_positive_clip_loss
from pairsmith.clip.model import MAX_LOG_SCALE, DualEncoder
from pairsmith.clip.ranking import rank_loss
from pairsmith.clip.triplet import multi_positive_triplet_loss
from pairsmith.clip.views import TEMPERATURE, view_loss
from pairsmith.clip.weighted import ALPHA, BETA, weighted_clip_loss
from pairsmith.settings import Settings
from pairsmith.training.task import Task, TaskLoss, TrainedParameter, default_parameters


class ClipLossSettings(Settings):
    """Which losses are added up. The defaults are CLIP's, multi-positive where captions have several pictures."""

    contrast: Literal["clip", "diht"] = Field(
        default="clip", description="between pictures and captions: CLIP's, or DiHT's with its weighting of negatives"
    )
    negatives: Literal["none", "texts", "images"] = Field(
        default="none",
        description="hard negatives: none; texts: further captions to tell pictures from (NegCLIP); images: captions "
        "with pictures of their own (TripletCLIP)",
    )
    views_weight: float = Field(
        default=0.0, ge=0, description="of the contrast between pictures of one caption; 1 is StableRep+"
    )
    views_head: int | None = Field(
        default=None,
        gt=0,
        description="width of a two-layer head that gives that contrast embeddings of its own, as StableRep+ has; it "
        "is not saved with the model. None: on the model's own embeddings",
    )
    views_temperature: float = Field(default=TEMPERATURE, gt=0, description="of that contrast; not trained")
    rank_weight: float = Field(
        default=0.0, ge=0, description="of CE-CLIP's rank term between a caption and its negative; the paper has 0.2"
    )
    diht_alpha: float = Field(default=ALPHA, gt=0, description="DiHT's weight of the positive below the fraction")
    diht_beta: float = Field(default=BETA, ge=0, description="DiHT's preference for negatives that look alike")

    @model_validator(mode="after")
    def _fitting(self) -> ClipLossSettings:
        if self.contrast == "diht" and self.negatives != "none":
            raise ValueError("contrast=diht weighs the negatives of the batch and takes no hard ones: negatives=none")
        if self.views_head and not self.views_weight:
            raise ValueError("views_head is used by the contrast between pictures: set views_weight too")
        if self.rank_weight and self.negatives != "texts":
            raise ValueError("rank_weight compares a caption with its negative's text: negatives=texts")
        return self


class ClipTask(Task):
    """A dual encoder's task; batches are those of `training.clip.batches.ClipBatches`.

    Args:
        encoder: the model.
        losses: which.
        kinds: number of kinds of hard negatives in the data.
        gather: collects features over ranks; every rank must have equally many pictures and captions.
        seed: of the head's weights, where there is one.
    """

    # Every row is compared with all rows of all ranks.
    sums_over_rows = False

    def __init__(
        self,
        encoder: DualEncoder,
        losses: ClipLossSettings,
        kinds: int = 1,
        gather: Gather = ALONE,
        seed: int = 0,
    ) -> None:
        self.encoder = encoder
        self.losses = losses
        self.kinds = kinds
        self.gather = gather
        self.model = encoder.model
        self.modules: dict[str, nn.Module] = {"clip": self.model}
        self._views_head: nn.Module = nn.Identity()
        if losses.views_head:
            width = encoder.architecture["embed_dim"]
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                self._views_head = nn.Sequential(
                    nn.Linear(width, losses.views_head), nn.GELU(), nn.Linear(losses.views_head, width)
                )
            self.modules["views_head"] = self._views_head
        mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (encoder.config.mean, encoder.config.std))
        self._mean, self._std = mean, std

    def parameters(self, phase: str) -> Sequence[TrainedParameter]:
        # As CLIP and SynthCLIP do: weight decay on everything but gains, biases and other vectors.
        return [item._replace(decay=item.parameter.ndim >= 2) for item in default_parameters(self.modules)]

    def prepare(self, batch: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
        moved = super().prepare(batch, device)
        pixels = moved["pixels"].float().div(255)
        pixels = (pixels - self._mean.to(device)) / self._std.to(device)
        # Convolutions run faster on this layout: on the CPU a small ResNet's forward and backward pass by a third.
        return {**moved, "pixels": pixels.contiguous(memory_format=torch.channels_last)}

    def loss(self, batch: Mapping[str, Tensor], phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        embedded = self.model.encode_image(batch["pixels"])
        images = _unit(embedded)  # [I, D]
        tokens = batch["tokens"]
        bring = self.losses.negatives == "texts"
        said = torch.cat([tokens, batch["negative_tokens"]]) if bring else tokens
        texts = _unit(self.model.encode_text(said))
        texts, false = texts[: len(tokens)], texts[len(tokens) :]  # [T, D], [T or 0, D]
        scale = self.model.logit_scale.float().exp()
        parts = {"contrast": self._contrast(batch, images, texts, false, scale)}
        settings = self.losses
        if settings.views_weight:
            views = view_loss(
                _unit(self._views_head(embedded)),
                batch["image_captions"],
                temperature=settings.views_temperature,
                gather=self.gather,
            )
            parts["views"] = settings.views_weight * views
        if settings.rank_weight:
            parts["rank"] = settings.rank_weight * self._rank(batch, images, texts, false, scale)
        # Losses are this rank's shares of means over all ranks, so that they add up over ranks to the loss.
        rows = len(images)
        whole = float(len(self.gather(batch["image_captions"])))
        shown = {name: (value.detach() * whole, rows) for name, value in parts.items()}
        met = batch["negative_valid"] if bring else batch["text_negative"]
        shown |= {"scale": (scale.detach() * rows, rows), "negatives": (met.float().sum(), len(met))}
        return TaskLoss(torch.stack(list(parts.values())).sum() * whole, rows, shown)

    def after_step(self, phase: str, step: int) -> None:
        self.model.logit_scale.clamp_(0, MAX_LOG_SCALE)

    def blocks(self) -> Sequence[nn.Module]:
        # open_clip's towers call their layers resblocks, timm's blocks.
        stacks = [module for name, module in self.model.named_modules() if name.endswith("blocks")]
        return [block for stack in stacks for block in stack.children()]

    def settings(self) -> dict[str, Any]:
        return {
            "architecture": self.encoder.architecture,
            "model": self.encoder.config.to_dict(),
            "losses": self.losses.to_dict(),
            "kinds": self.kinds,
        }

    def _contrast(
        self, batch: Mapping[str, Tensor], images: Tensor, texts: Tensor, false: Tensor, scale: Tensor
    ) -> Tensor:
        labels = batch["image_captions"], batch["text_captions"]
        if self.losses.contrast == "diht":
            return weighted_clip_loss(
                images,
                texts,
                *labels,
                scale,
                alpha=self.losses.diht_alpha,
                beta=self.losses.diht_beta,
                gather=self.gather,
            )
        if self.losses.negatives == "images":
            return multi_positive_triplet_loss(
                images, texts, *labels, batch["image_negative"], batch["text_negative"], scale, gather=self.gather
            )
        negatives = None
        if self.losses.negatives == "texts":
            negatives = Negatives(false, batch["negative_valid"], batch["negative_captions"])
        return multi_positive_clip_loss(images, texts, *labels, scale, negatives=negatives, gather=self.gather)

    def _rank(self, batch: Mapping[str, Tensor], images: Tensor, texts: Tensor, false: Tensor, scale: Tensor) -> Tensor:
        views = len(images) // len(texts)
        own, other = texts.repeat_interleave(views, 0), false.repeat_interleave(views, 0)
        valid, kinds = (batch[name].repeat_interleave(views) for name in ("negative_valid", "negative_kinds"))
        return rank_loss(images, own, other, valid, kinds, self.kinds, scale, gather=self.gather)


def _unit(features: Tensor) -> Tensor:
    return functional.normalize(features.float(), dim=-1)
