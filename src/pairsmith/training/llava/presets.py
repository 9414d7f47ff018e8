"""Complete settings by name and stage.

`paper` is LLaVA-1.5 as its authors' scripts train it (pretrain.sh, finetune.sh of v1_5; LLaVA-1.5's appendix), which
SynthVLM keeps: CLIP ViT-L/14 at 336 pixels, its patches one layer before the last, a two-layer GELU projector, Vicuna
7B v1.5; one epoch, cosine, 3 % warm-up, no weight decay; stage 1 batch 256 at 1e-3, stage 2 batch 128 at 2e-5, on
padded pictures, grouped by kind and length. `paper-lora` is its finetune_lora.sh: rank 128, alpha 256, 2e-4, and 2e-5
for the projector. The steps that stand here are those of SynthVLM-100K and of LLaVA's 665K; `epochs` recomputes them.
`small` fits one GPU; `tiny` is for the built-in scenes on a CPU.
"""

from __future__ import annotations

from pairsmith.errors import InputError
from pairsmith.training.llava.settings import LlavaParts, LlavaSettings
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm.llava.tuning import LoraSettings

PAPER_PARTS = LlavaParts(vision_tower="openai/clip-vit-large-patch14-336", language_model="lmsys/vicuna-7b-v1.5")

PAPER_1 = LlavaSettings(
    parts=PAPER_PARTS,
    tuning="projector",
    style="plain",
    max_length=2048,
    aspect="crop",
    group=False,
    check="exists",
    checkpointing=True,
    training=TrainingSettings(
        steps=391,  # 100,000 pairs
        batch_size=256,
        micro_batch=32,
        learning_rate=1e-3,
        warmup_steps=12,
        decay="cosine",
        weight_decay=0.0,
        betas=(0.9, 0.999),
        clip=1.0,
        precision="bf16",
        parallel="fsdp2",
        checkpoint_every=100,
        log_every=1,
    ),
)

PAPER_2 = PAPER_1.model_copy(
    update={
        "tuning": "full",
        "style": "vicuna_v1",
        "aspect": "pad",
        "group": True,
        "save_dtype": "bfloat16",
        "training": PAPER_1.training.model_copy(
            update={
                "steps": 5198,  # 665,298 records
                "batch_size": 128,
                "micro_batch": 16,
                "learning_rate": 2e-5,
                "warmup_steps": 156,
                "checkpoint_every": 500,
            }
        ),
    }
)

PAPER_2_LORA = PAPER_2.model_copy(
    update={
        "tuning": "lora",
        "projector_learning_rate": 2e-5,
        "training": PAPER_2.training.model_copy(update={"learning_rate": 2e-4}),
    }
)

SMALL_PARTS = LlavaParts(
    vision_tower="google/siglip-base-patch16-224", language_model="HuggingFaceTB/SmolLM2-360M-Instruct"
)

SMALL_1 = PAPER_1.model_copy(
    update={
        "parts": SMALL_PARTS,
        "check": "decode",
        "training": PAPER_1.training.model_copy(update={"parallel": "none", "micro_batch": 64, "log_every": 10}),
    }
)

SMALL_2 = PAPER_2.model_copy(
    update={
        "parts": SMALL_PARTS,
        "check": "decode",
        "tuning": "lora",
        "lora": LoraSettings(rank=64, alpha=128),
        "training": PAPER_2.training.model_copy(
            update={"parallel": "none", "learning_rate": 2e-4, "micro_batch": 16, "log_every": 10}
        ),
    }
)

TINY_PARTS = LlavaParts(vision_tower="scenes", language_model="scenes")

TINY_1 = LlavaSettings(
    parts=TINY_PARTS,
    tuning="projector",
    style="plain",
    system="",  # the word tokenizer of scenes has no use for a message, which would be half of every row
    max_length=128,
    aspect="crop",
    group=False,
    epochs=None,
    training=TrainingSettings(
        steps=100,
        batch_size=32,
        learning_rate=2e-3,
        decay="cosine",
        weight_decay=0.0,
        log_every=20,
    ),
)

TINY_2 = TINY_1.model_copy(
    update={
        "tuning": "full",
        "style": "vicuna_v1",
        "aspect": "pad",
        "group": True,
        "training": TINY_1.training.model_copy(update={"steps": 300, "learning_rate": 1e-3}),
    }
)

PRESETS: dict[tuple[str, int], LlavaSettings] = {
    ("tiny", 1): TINY_1,
    ("tiny", 2): TINY_2,
    ("small", 1): SMALL_1,
    ("small", 2): SMALL_2,
    ("paper", 1): PAPER_1,
    ("paper", 2): PAPER_2,
    ("paper-lora", 1): PAPER_1,
    ("paper-lora", 2): PAPER_2_LORA,
}


def preset(name: str, stage: int) -> LlavaSettings:
    """The settings of a stage.

    Raises:
        InputError: no such preset or stage.
    """
    try:
        return PRESETS[name, stage]
    except KeyError as error:
        names = ", ".join(dict.fromkeys(known for known, _ in PRESETS))
        raise InputError(
            f"there is no preset {name!r} of stage {stage}: presets are {names}; stages 1 and 2"
        ) from error
