"""What the Synth² paper states about sizes and training, to be held against settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pairsmith.recipes.synth2.settings import Synth2Settings

# Parameters that the paper states, or that others state of a model it names: part -> (number, where from).
PAPER_TOTALS = {"vlm": (632e6, "Tables 4 and 9"), "vlm_l_plus": (890e6, "Table 9")}
PAPER_PARTS = {
    "generator: self-attention and MLPs": (86e6, "ViT-B (§4.1.2; Dosovitskiy et al., 2020, table 1)"),
    "VQ adapter": (86e6, "ViT-B (Table 9; Dosovitskiy et al., 2020, table 1)"),
    "language model": (400e6, "§3.2.1"),
}


@dataclass(frozen=True)
class Check:
    """A size that the paper gives and ours."""

    name: str
    where: str
    paper: Any
    ours: Any

    @property
    def same(self) -> bool:
        return _plain(self.paper) == _plain(self.ours)


def published_checks(settings: Synth2Settings) -> tuple[Check, ...]:
    """Every size and number that the paper states, beside ours."""
    tokenizer, coding = settings.tokenizer.model, settings.tokenizer_training
    losses, generator, sampling = settings.tokenizer.losses, settings.generator, settings.sampling
    resampler, drawing, learning = settings.vlm.resampler, settings.generator_training, settings.vlm_training
    discriminator_rate = settings.tokenizer.discriminator_learning_rate
    rows: list[tuple[str, str, Any, Any]] = [
        ("image side, pixels", "§4.1.2", 256, tokenizer.image_size),
        ("pixels a token, along a side", "§4.1.2", 16, tokenizer.downsample),
        ("tokens an image", "§4.1.2", 256, tokenizer.num_tokens),
        ("codebook", "Table 6", 8192, tokenizer.codebook_size),
        ("tokenizer: base channels", "A.1.1", 128, tokenizer.channels),
        ("tokenizer: blocks a resolution", "A.1.1", 2, tokenizer.blocks),
        ("tokenizer: perceptual weight", "Table 6", 0.05, losses.perceptual_weight),
        ("tokenizer: adversarial weight", "Table 6", 0.01, losses.adversarial_weight),
        ("tokenizer: learning rate", "Table 6", 1e-4, coding.learning_rate),
        ("tokenizer: discriminator's rate", "Table 6", 1e-4, discriminator_rate),
        ("tokenizer: betas of Adam", "Table 6", (0.9, 0.99), coding.betas),
        ("tokenizer: batch", "Table 6", 256, coding.batch_size),
        ("tokenizer: warm-up steps", "Table 6", 10_000, coding.warmup_steps),
        ("tokenizer: decay", "Table 6", "cosine", coding.decay),
        ("tokenizer: steps", "Table 6", 500_000, coding.steps),
        ("generator: layers", "A.1.3", 12, generator.layers),
        ("generator: heads", "A.1.3", 12, generator.heads),
        ("generator: width", "A.1.3", 768, generator.width),
        ("generator: MLP width", "A.1.3", 3072, generator.mlp_width),
        ("generator: codebook", "A.1.3", 8192, tokenizer.codebook_size),
        ("generator: dropout", "A.1.3", 0.1, generator.dropout),
        ("generator: text tokens", "A.1.3", 64, generator.max_text),
        ("generator: guidance scale", "A.1.3", 4.0, sampling.guidance),
        ("generator: refinement steps", "§4.1.2", 24, sampling.steps),
        ("generator: choice temperature", "A.1.3", 32.5, sampling.choice_temperature),
        ("resampler: layers", "Table 7", 6, resampler.layers),
        ("resampler: heads", "Table 7", 16, resampler.heads),
        ("resampler: width", "Table 7", 1024, resampler.width),
        ("resampler: latents", "§4.1.2", 64, resampler.latents),
        ("cross-attention before every n-th LM layer", "§4.1.2", 1, settings.vlm.gated.every_n),
    ]
    for name, training in (("generator", drawing), ("VLM", learning)):
        rows += [
            (f"{name}: learning rate", "A.1.2", 1e-4, training.learning_rate),
            (f"{name}: warm-up steps", "A.1.2", 5_000, training.warmup_steps),
            (f"{name}: weight decay", "A.1.2", 1e-4, training.weight_decay),
            (f"{name}: gradient clip", "A.1.2", 1.0, training.clip),
            (f"{name}: batch", "§4.1.2", 512, training.batch_size),
            (f"{name}: steps", "§4.1.2", 500_000, training.steps),
        ]
    rows += [
        ("synthetic captions (GenPair)", "Table 3", 1_000_000, settings.synthesis.captions),
        ("clusters of the diversity measure", "A.3", 20, settings.evaluation.clusters),
    ]
    return tuple(Check(*row) for row in rows)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value
