"""Complete settings by name.

    synthclip  SynthCLIP's recipe (Hammoud et al., 2024, §4.1 and its code): ViT-B/16, CLIP's loss, a picture a caption
    paper      the same model and optimiser on PolyGen's data: four pictures a caption, negatives with pictures, and the
               curriculum of the first author's code. PolyGen's own sizes are not published.
    tiny       64-pixel scenes, minutes on one core

Of SynthCLIP's schedule two things differ here: the warm-up starts at 0 (there: 1e-6) and the cosine ends at 0 (1e-5).
"""

from __future__ import annotations

from pairsmith.clip.config import DualEncoderConfig
from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.errors import InputError
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.clip.settings import ClipSettings
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.clip import ClipLossSettings

_VIT_B_16 = DualEncoderConfig(
    architecture={
        "embed_dim": 512,
        "vision_cfg": {  # timm's ViT with its class token, a linear projection, no bias
            "timm_model_name": "vit_base_patch16_224",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 224,
        },
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
    }
)
_SYNTHCLIP = TrainingSettings(
    steps=1,  # of 40 epochs; see `ClipSettings.resolved`
    batch_size=4096,
    learning_rate=5e-4,
    decay="cosine",
    weight_decay=0.5,
    betas=(0.9, 0.98),
    epsilon=1e-8,
    clip=None,
    precision="bf16",
    parallel="none",
    checkpoint_every=1000,
)
_TINY = DualEncoderConfig(
    architecture={
        "embed_dim": 64,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 24, "width": 64, "heads": 4, "layers": 2},
    },
    words=True,
)

PRESETS: dict[str, ClipSettings] = {
    "tiny": ClipSettings(
        model=_TINY,
        crop=CropSettings(area=(1.0, 1.0)),  # a crop may cut off what the caption counts or places
        curriculum=CurriculumSettings(shape="linear", share=0.5, epochs=10),
        training=TrainingSettings(
            steps=1500,
            batch_size=128,
            learning_rate=2e-3,
            warmup_steps=100,
            decay="cosine",
            weight_decay=0.1,
            betas=(0.9, 0.98),
            clip=1.0,
        ),
    ),
    "synthclip": ClipSettings(model=_VIT_B_16, epochs=40, warmup_epochs=1, training=_SYNTHCLIP),
    "paper": ClipSettings(
        model=_VIT_B_16,
        loss=ClipLossSettings(negatives="images"),
        views=4,
        curriculum=CurriculumSettings(shape="linear", share=0.5, epochs=40),
        epochs=40,
        warmup_epochs=1,
        training=_SYNTHCLIP,
    ),
}


def preset(name: str) -> ClipSettings:
    """
    Raises:
        InputError: there is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
