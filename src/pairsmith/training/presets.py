"""Published optimisation settings, by the tables they come from."""

from __future__ import annotations

from pairsmith.training.settings import TrainingSettings

PAPER = TrainingSettings(
    steps=500_000,  # Synth², section 4.1: image generator and VLMs alike
    batch_size=512,  # section 4.1
    learning_rate=1e-4,  # appendix A.1.2
    warmup_steps=5_000,  # appendix A.1.2
    decay="constant",  # not stated
    weight_decay=1e-4,  # appendix A.1.2
    betas=(0.9, 0.999),  # not stated; AdamW's usual values
    clip=1.0,  # appendix A.1.2
    precision="bf16",  # not stated
    checkpoint_every=5_000,
)
"""The generator and the VLM of Synth²."""

PAPER_FINETUNE = PAPER.model_copy(update={"learning_rate": 1e-5})
"""Finetuning on COCO: section 4.1 and appendix A.2 (dropout 0.1 is the model's); steps not stated."""

PAPER_TOKENIZER = TrainingSettings(
    steps=500_000,  # Synth², table 6, as all fields below unless said otherwise
    batch_size=256,
    learning_rate=1e-4,  # of the generator and of the discriminator
    warmup_steps=10_000,
    decay="cosine",
    weight_decay=0.0,  # the table says Adam
    betas=(0.9, 0.99),
    clip=None,  # not in the table
    checkpoint_every=5_000,
)
"""The VQ-GAN of Synth²."""
