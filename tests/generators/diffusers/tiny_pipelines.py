"""Pipelines of `diffusers` with random weights, small enough to draw 16-pixel pictures in milliseconds.

The classes are the real ones and go through `save_pretrained`; only widths, depths and vocabularies are tiny.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

SIDE = 16  # pixels
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 16


def clip_tokenizer(length: int = 77) -> Any:
    """Every letter is a token, with and without the end-of-word mark."""
    vocabulary = {token: number for number, token in enumerate([*LETTERS, *(f"{letter}</w>" for letter in LETTERS)])}
    vocabulary |= {"<|startoftext|>": len(vocabulary), "<|endoftext|>": len(vocabulary) + 1}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=length)


def t5_tokenizer() -> Any:
    """Every letter is a token, with and without the begin-of-word mark."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in LETTERS] + [(f"▁{letter}", -2.5) for letter in LETTERS]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def clip_text(projection: int | None = None) -> Any:
    config = CLIPTextConfig(
        vocab_size=54,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=projection or WIDTH,
        bos_token_id=52,
        eos_token_id=53,
        pad_token_id=53,
    )
    return (CLIPTextModel(config) if projection is None else CLIPTextModelWithProjection(config)).eval()


def t5_text() -> Any:
    return T5EncoderModel(
        T5Config(vocab_size=60, d_model=WIDTH, d_ff=32, d_kv=8, num_layers=1, num_heads=2, dropout_rate=0.0)
    ).eval()


def autoencoder(channels: int = 4, flow: bool = False) -> Any:
    more: dict[str, Any] = {"shift_factor": 0.1, "use_quant_conv": False, "use_post_quant_conv": False} if flow else {}
    return AutoencoderKL(
        block_out_channels=(8, 16),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=SIDE,
        **more,
    ).eval()


def unet(cross: int, **more: Any) -> Any:
    return UNet2DConditionModel(
        sample_size=SIDE // 2,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross,
        attention_head_dim=2,
        norm_num_groups=4,
        **more,
    ).eval()


def safety_checker(flags: bool) -> Any:
    """A checker that flags everything, or nothing."""
    sizes: dict[str, Any] = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 1}
    config = CLIPConfig(
        projection_dim=8,
        text_config={**sizes, "num_attention_heads": 2, "vocab_size": 54},
        vision_config={**sizes, "num_attention_heads": 2, "image_size": 16, "patch_size": 8},
    )
    checker = StableDiffusionSafetyChecker(config).eval()
    for weights in (checker.concept_embeds_weights, checker.special_care_embeds_weights):
        weights.data.fill_(-2.0 if flags else 2.0)  # a cosine lies between
    return checker


def stable_diffusion(flags: bool | None = False) -> Any:
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=unet(WIDTH),
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None if flags is None else safety_checker(flags),
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        requires_safety_checker=flags is not None,
    )


def _sdxl_parts(times: int) -> dict[str, Any]:
    """Args: times, how many size numbers the UNet is told: 6 for the base, 5 for the refiner."""
    return {
        "vae": autoencoder(),
        "text_encoder_2": clip_text(WIDTH),
        "tokenizer_2": clip_tokenizer(),
        "scheduler": EulerDiscreteScheduler(),
        "unet": unet(
            2 * WIDTH if times == 6 else WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=8 * times + WIDTH,
            transformer_layers_per_block=(1, 1),
            use_linear_projection=True,
        ),
    }


def sdxl() -> Any:
    return StableDiffusionXLPipeline(
        **_sdxl_parts(6), text_encoder=clip_text(), tokenizer=clip_tokenizer(), add_watermarker=False
    )


def sdxl_refiner() -> Any:
    return StableDiffusionXLImg2ImgPipeline(
        **_sdxl_parts(5),
        text_encoder=None,
        tokenizer=None,
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def sd3() -> Any:
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=SIDE // 2,
            patch_size=2,
            in_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_projection_dim=16,
            joint_attention_dim=2 * WIDTH,
            pooled_projection_dim=2 * WIDTH,
            out_channels=4,
            pos_embed_max_size=16,
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(flow=True),
        text_encoder=clip_text(WIDTH),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text(WIDTH),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=T5EncoderModel(
            T5Config(vocab_size=60, d_model=2 * WIDTH, d_ff=32, d_kv=8, num_layers=1, num_heads=2, dropout_rate=0.0)
        ).eval(),
        tokenizer_3=t5_tokenizer(),
    )


def pixart() -> Any:
    return PixArtAlphaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=SIDE // 2,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            cross_attention_dim=16,
            caption_channels=WIDTH,
            in_channels=4,
            out_channels=8,
            norm_type="ada_norm_single",
            use_additional_conditions=False,
        ).eval(),
        scheduler=DPMSolverMultistepScheduler(),
        vae=autoencoder(),
        text_encoder=t5_text(),
        tokenizer=t5_tokenizer(),
    )


PIPELINES: dict[str, Callable[[], Any]] = {"sd15": stable_diffusion, "sdxl": sdxl, "sd3": sd3, "pixart": pixart}


def save(folder: Path, make: Callable[[], Any]) -> Path:
    """Write a pipeline with weights from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        make().save_pretrained(folder)
    return folder
