"""Pipelines have the sizes that their makers state, and a picture's work is the sum of its parts."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.recipes.diffusion_models import PIPELINES
from pairsmith.recipes.diffusion_work import denoiser_model, picture_work
from pairsmith.recipes.work import count_parameters


@pytest.mark.parametrize("sizes", PIPELINES, ids=lambda sizes: sizes.name)
def test_the_denoiser_has_its_published_parameters(sizes):
    assert count_parameters(denoiser_model(sizes)) == pytest.approx(sizes.parameters, rel=1e-3)


def test_work_follows_steps_guidance_and_size():
    source = PIPELINES[0].sources[0]
    plain, guided, wide = (
        picture_work(source, DiffusersSettings(**values))
        for values in (
            {"steps": 10, "guidance": 1.0},
            {"steps": 20, "guidance": 2.0},
            {"steps": 10, "guidance": 1.0, "width": 1024, "height": 1024},
        )
    )
    assert plain.flops == plain.text + 10 * plain.denoiser + plain.decoder
    assert guided.flops == guided.text + 20 * 2 * plain.denoiser + plain.decoder
    # 803 GFLOPs, about 402 G multiplications with addition: what is quoted for a pass of this network at 512 pixels.
    assert plain.denoiser == pytest.approx(803e9, rel=0.01)
    assert wide.denoiser > 4 * plain.denoiser  # attention grows faster than the number of pixels
    assert picture_work(source, DiffusersSettings()).steps == 50
    # CLIP's text tower: 12 layers of 12 * 768^2 weights, 77 tokens, 2 FLOPs each.
    assert plain.text == 2 * 77 * 12 * 12 * 768**2


def test_pictures_need_not_be_square():
    source = PIPELINES[0].sources[0]
    square, wide, high = (
        picture_work(source, DiffusersSettings(width=width, height=height))
        for width, height in ((512, 512), (768, 512), (512, 768))
    )
    assert (wide.width, wide.height) == (768, 512)
    assert wide.flops == high.flops
    assert wide.decoder > 1.5 * square.decoder  # its one attention grows faster than the number of pixels
    assert wide.decoder == pytest.approx(1.5 * square.decoder, rel=0.05)


def test_what_cannot_be_counted_is_named():
    with pytest.raises(InputError, match="someone/else"):
        picture_work("someone/else", DiffusersSettings())
    with pytest.raises(InputError, match="multiples of 32"):
        picture_work(PIPELINES[0].sources[0], DiffusersSettings(width=512, height=520))
