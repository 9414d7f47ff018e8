"""Complete settings of the recipe by name. What has no source beside it is ours.

tiny   drawn scenes of 64 pixels, small generators trained here; two CPU cores, half an hour. No paper.
small  SmolLM2 writes and edits captions of WordNet's nouns, two pipelines of diffusers draw 20,000 pictures, ViT-S/16;
       one GPU, days of drawing. No paper.
paper  SynthCLIP's recipe with PolyGen's data: 30 million pictures by four generators, ViT-B/16 for 40 epochs. PolyGen's
       own sizes are not published; SynthCLIP's largest run stands for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairsmith.captions.prompts import POLYGEN_PROMPT
from pairsmith.captions.settings import CaptionSettings, CheckSettings
from pairsmith.clip.config import DualEncoderConfig
from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.errors import InputError
from pairsmith.recipes.polygen.scene_captions import SCENE_PROMPT
from pairsmith.recipes.polygen.settings import (
    ExaminationSettings,
    GeneratorSettings,
    NegativeChoice,
    PairSettings,
    PolygenSettings,
    RenderSettings,
    SuiteSettings,
    WriterSettings,
)
from pairsmith.recipes.scene_models.flow import SAMPLING, SceneFlowSettings
from pairsmith.recipes.synth2 import presets as scene_presets
from pairsmith.settings import load_settings
from pairsmith.training.clip import presets as clip_presets
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.clip.settings import ClipSettings
from pairsmith.training.settings import TrainingSettings

_TINY_EPOCHS = 28
_TINY_PAIRS = PairSettings(count=12_000, seed=1)  # those of the generator that ships
_PAPER_EPOCHS = 40  # SynthCLIP §4.1

TINY = PolygenSettings(
    arms=("single", "ensemble", "negatives", "negatives_constant"),
    seeds=3,
    generators=(
        GeneratorSettings(
            name="masked",
            kind="masked",
            # A scene's caption leaves nothing open, so nothing is gained by guidance or by unlikely tokens.
            sampling={"steps": 3, "guidance": 0.0, "temperature": 0.5, "choice_temperature": 4.5},
            training={"training": {"steps": 800}, "cached_captions": _TINY_PAIRS.count},
        ),
        # The very one that ships with the package, so that it need not be trained.
        GeneratorSettings(
            name="flow", kind="flow", training=SceneFlowSettings().learned.to_dict(), sampling=SAMPLING.to_dict()
        ),
        GeneratorSettings(
            name="autoregressive",
            kind="autoregressive",
            training={"training": {"steps": 700}, "cached_captions": _TINY_PAIRS.count},
            sampling={"guidance": 1.0, "temperature": 0.5},
        ),
    ),
    budget=3072,
    # With all its pictures of a caption in a batch of this size, an ensemble has a third of the captions to tell apart
    # that a single generator has, and learns no classes from so few.
    batch_views=1,
    world=scene_presets.TINY.world,
    pairs=_TINY_PAIRS,
    caption_count=4800,
    captions=CaptionSettings(prompt=SCENE_PROMPT, checks=CheckSettings(concept=True, meta=False, repetition=False)),
    clip=ClipSettings(
        model=DualEncoderConfig(
            architecture={
                "embed_dim": 64,
                # A ResNet sees edges from the start; a transformer of this size has learnt no shapes after these steps.
                # Half of the pictures' size leaves time for twice the steps, and shapes are learnt sooner.
                "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "head_width": 64},
                # With two layers a caption's words melt into one name for the whole scene, and no class is found again.
                "text_cfg": {"context_length": 24, "width": 64, "heads": 4, "layers": 1},
            },
            words=True,
        ),
        crop=CropSettings(area=(1.0, 1.0)),  # a crop may cut off what the caption counts or places
        curriculum=CurriculumSettings(shape="linear", share=0.5, epochs=_TINY_EPOCHS),
        epochs=_TINY_EPOCHS,
        warmup_epochs=1,
        training=TrainingSettings(
            steps=1,  # of the epochs
            batch_size=192,  # in a smaller batch colours and places alone tell most pictures apart
            learning_rate=2e-3,
            decay="cosine",
            weight_decay=0.5,
            betas=(0.9, 0.98),
            clip=1.0,
            tensorboard=False,
        ),
    ),
)

# ViT-S/16 is SynthCLIP's smaller encoder (its ablation).
_VIT_S_16 = DualEncoderConfig(
    architecture={
        "embed_dim": 384,
        "vision_cfg": {
            "timm_model_name": "vit_small_patch16_224",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 224,
        },
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
    }
)
# The two ends that are named of the paper's ensemble, and two that stand for what is not known; SynthCLIP's settings
# for SD 1.5 (guidance 2, 50 DDIM steps, 512 pixels), the model cards' for the others.
_SD_15 = GeneratorSettings(
    name="sd_1_5",
    kind="diffusers",
    source="stable-diffusion-v1-5/stable-diffusion-v1-5",
    sampling={"steps": 50, "guidance": 2.0, "width": 512, "height": 512, "precision": "fp16", "nsfw": "off"},
)
_SDXL_TURBO = GeneratorSettings(
    name="sdxl_turbo",
    kind="diffusers",
    source="stabilityai/sdxl-turbo",
    sampling={
        "steps": 4, "guidance": 0.0, "width": 512, "height": 512, "precision": "fp16", "variant": "fp16", "nsfw": "off",
    },
)  # fmt: skip
_PIXART = GeneratorSettings(
    name="pixart_alpha",
    kind="diffusers",
    source="PixArt-alpha/PixArt-XL-2-512x512",
    sampling={"steps": 20, "guidance": 4.5, "width": 512, "height": 512, "precision": "fp16", "nsfw": "off"},
)
_SD_21 = GeneratorSettings(
    name="sd_2_1",
    kind="diffusers",
    source="stabilityai/stable-diffusion-2-1-base",
    sampling={"steps": 50, "guidance": 7.5, "width": 512, "height": 512, "precision": "fp16", "nsfw": "off"},
)
_PROMPTED = CaptionSettings(
    prompt=POLYGEN_PROMPT, checks=CheckSettings(concept=True, meta=True, repetition=True, max_tokens=None)
)

SMALL = TINY.model_copy(
    update={
        "seeds": 1,
        "generators": (_SD_15, _SDXL_TURBO),
        "budget": 20_000,
        "batch_views": None,  # batches of this size hold captions enough
        "writer": WriterSettings(kind="transformers"),
        "negatives": NegativeChoice(by="rules"),
        "caption_count": 60_000,  # a model this small writes many that are not accepted
        "captions": _PROMPTED,
        "clip": ClipSettings(
            model=_VIT_S_16,
            curriculum=CurriculumSettings(shape="linear", share=0.5, epochs=_PAPER_EPOCHS),
            epochs=_PAPER_EPOCHS,
            warmup_epochs=1,
            training=clip_presets.PRESETS["synthclip"].training.model_copy(update={"batch_size": 512}),
        ),
        "tests": SuiteSettings(source="folders", episodes=5000),
        "examination": ExaminationSettings(captions=500),
        "render": RenderSettings(shard_rows=1000, batch_rows=16),
    }
)

PAPER = SMALL.model_copy(
    update={
        "generators": (_SD_15, _SD_21, _PIXART, _SDXL_TURBO),  # four: StableRep's m in the first author's code
        "budget": 30_000_000,  # SynthCLIP's largest
        "writer": WriterSettings(
            kind="server", model="mistralai/Mistral-7B-Instruct-v0.2", base_url="http://127.0.0.1:8000/v1"
        ),  # SynthCLIP §3.1: temperature 0.7, top-p 0.95
        "negatives": NegativeChoice(
            by="editor", model="meta-llama/Llama-3.1-8B-Instruct", base_url="http://127.0.0.1:8001/v1"
        ),
        "caption_count": 33_000_000,  # a tenth more than the single arms draw
        "clip": ClipSettings(
            model=clip_presets.PRESETS["synthclip"].model,
            curriculum=clip_presets.PRESETS["paper"].curriculum,  # p to 0.5 over the epochs: the first author's code
            crop=clip_presets.PRESETS["synthclip"].crop,
            epochs=_PAPER_EPOCHS,
            warmup_epochs=1,
            training=clip_presets.PRESETS["synthclip"].training,  # batch 4096, AdamW 5e-4 and 0.5
        ),
        "examination": ExaminationSettings(captions=5000),
    }
)

PRESETS: dict[str, PolygenSettings] = {"tiny": TINY, "small": SMALL, "paper": PAPER}


def preset(name: str) -> PolygenSettings:
    """
    Raises:
        InputError: there is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def load_preset(name: str, file: Path | None = None, overrides: Sequence[str] = ()) -> PolygenSettings:
    """A preset with a YAML file and `a.b=c` overrides laid over it, every stage's seed resolved.

    Raises:
        InputError: as `preset` and `load_settings`.
    """
    base: dict[str, Any] = preset(name).to_dict()
    return load_settings(PolygenSettings, base, file, overrides).with_seeds()
