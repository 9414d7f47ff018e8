"""How many pictures a second each family of generators draws, at equal size: the same grid, depth, width and guidance.

Masked (24 refinement steps or as many as there are tokens), flow matching (24 steps), autoregressive with and without
its cache of keys and values, and a transformer of the same depth and width in a pipeline of diffusers (PixArt-alpha, 24
steps). All read text features made beforehand and have random weights, which change no time. Tokens become pixels by a
decoder whose time is told apart and added; the pipeline's own decoder is within its time. The families run in turn, the
best of the rounds counts, and before any time is told the cache must have given the tokens that are drawn without it.

    OMP_NUM_THREADS=1 python benchmarks/bench_generators.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel

from pairsmith.generators import TINY, MaskedGenerator, SamplingSettings
from pairsmith.generators.autoregressive import TINY as AUTOREGRESSIVE
from pairsmith.generators.autoregressive import (
    AutoregressiveGenerator,
    AutoregressiveSamplingSettings,
    sample_raster,
)
from pairsmith.generators.flow import TINY as FLOW
from pairsmith.generators.flow import FlowGenerator, FlowSamplingSettings
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.tokenizer.presets import TINY as TOKENIZER

PIXELS_A_TOKEN = 16
STEPS = 24


def pipeline_of(grid: int) -> PixArtAlphaPipeline:
    """A PixArt of the tiny generators' depth and width, with one patch (2 x 2 latents of 8 pixels) for each token."""
    transformer = PixArtTransformer2DModel(
        sample_size=2 * grid,
        patch_size=2,
        num_layers=TINY.layers,
        num_attention_heads=TINY.heads,
        attention_head_dim=TINY.width // TINY.heads,
        cross_attention_dim=TINY.width,
        caption_channels=TINY.text_dim,
        in_channels=4,
        out_channels=8,
        norm_type="ada_norm_single",
        use_additional_conditions=False,
    )
    decoder = AutoencoderKL(
        block_out_channels=(16, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=PIXELS_A_TOKEN * grid,
    )
    pipeline = PixArtAlphaPipeline(None, None, decoder.eval(), transformer.eval(), DPMSolverMultistepScheduler())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def families(grid: int, rows: int) -> tuple[dict[str, Callable[[], Any]], Callable[[], Any]]:
    """What draws `rows` pictures, by name, and what decodes their tokens."""
    torch.manual_seed(0)
    size: dict[str, Any] = {"grid": grid}
    generators = [
        MaskedGenerator(TINY.model_copy(update=size)),
        FlowGenerator(FLOW.model_copy(update=size)),
        AutoregressiveGenerator(AUTOREGRESSIVE.model_copy(update=size)),
    ]
    for generator in generators:
        generator.set_codebook(torch.randn(TINY.codebook_size, 64))
        generator.eval()
    masked, flow, autoregressive = generators
    tokenizer = VQTokenizer(TOKENIZER.model.model_copy(update={"image_size": PIXELS_A_TOKEN * grid})).eval()
    assert tokenizer.config.num_tokens == grid**2
    text = torch.randn(rows, TINY.max_text, TINY.text_dim)
    mask = torch.ones(rows, TINY.max_text, dtype=torch.bool)
    seeds, tokens = range(rows), torch.randint(0, tokenizer.config.codebook_size, (rows, grid**2))
    raster = AutoregressiveSamplingSettings(block_rows=rows)
    pipeline = pipeline_of(grid)

    def diffuse() -> Any:
        return pipeline(
            prompt=None,
            negative_prompt=None,
            prompt_embeds=text,
            prompt_attention_mask=mask.long(),
            negative_prompt_embeds=torch.zeros_like(text),
            negative_prompt_attention_mask=mask.long(),
            num_inference_steps=STEPS,
            height=PIXELS_A_TOKEN * grid,
            width=PIXELS_A_TOKEN * grid,
            use_resolution_binning=False,
            output_type="np",
        ).images

    return {
        "masked": lambda: masked.draw(text, mask, SamplingSettings(steps=STEPS, block_rows=rows), seeds),
        "flow": lambda: flow.draw(text, mask, FlowSamplingSettings(steps=STEPS, block_rows=rows), seeds),
        "autoregressive": lambda: sample_raster(autoregressive, text, mask, raster, seeds),
        "autoregressive, no cache": lambda: sample_raster(autoregressive, text, mask, raster, seeds, cached=False),
        "diffusers pipeline": diffuse,
    }, lambda: tokenizer.decode(tokens)


@torch.no_grad()
def measure(grid: int, rows: int, rounds: int) -> None:
    """Print a table for one size."""
    drawn, decode = families(grid, rows)
    cached, plain = drawn["autoregressive"](), drawn["autoregressive, no cache"]()
    assert torch.equal(cached, plain), "the cache changed the tokens"
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, call in [*drawn.items(), ("decode", decode)]:
            start = time.perf_counter()
            call()
            best[name] = min(best.get(name, float("inf")), (time.perf_counter() - start) / rows)
    decoding = best.pop("decode")
    print(
        f"\n{grid} x {grid} tokens, {PIXELS_A_TOKEN * grid} pixels, {rows} rows together; "
        f"decoding {1000 * decoding:.1f} ms a picture; tokens with and without the cache are equal"
    )
    print(f"{'family':26}{'ms a picture':>14}{'images/s':>10}{'with decoding':>15}{'of masked':>11}")
    seconds = {name: value + decoding * (name != "diffusers pipeline") for name, value in best.items()}
    for name, value in best.items():
        print(
            f"{name:26}{1000 * value:14.1f}{1 / value:10.2f}{1 / seconds[name]:15.2f}"
            f"{seconds['masked'] / seconds[name]:11.2f}"
        )
    gain = best["autoregressive, no cache"] / best["autoregressive"]
    print(f"the cache makes drawing {gain:.1f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, nargs="+", default=[4, 16], help="tokens a side")
    parser.add_argument("--rows", type=int, default=8, help="pictures drawn together")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for grid in options.grids:
        measure(grid, options.rows, options.rounds)


if __name__ == "__main__":
    main()
