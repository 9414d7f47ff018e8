from __future__ import annotations

import pytest
import torch
from torch import nn

from pairsmith.tokenizer.decoder import Decoder
from pairsmith.tokenizer.encoder import Encoder
from tests.tokenizer.conftest import small_config


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 8), (4, 4)])
def test_any_size_that_is_a_multiple_goes_both_ways(height: int, width: int) -> None:
    config = small_config()
    latents = Encoder(config)(torch.rand(2, 3, height, width))
    assert latents.shape == (2, 6, height // 4, width // 4)
    assert Decoder(config)(latents).shape == (2, 3, height, width)


def test_both_have_the_same_number_of_blocks_a_level_and_the_stem_has_no_bias() -> None:
    config = small_config(blocks=3)
    encoder, decoder = Encoder(config), Decoder(config)
    assert [len(level) for level in encoder.levels] == [len(level) for level in decoder.levels] == [3, 3, 3]
    assert len(encoder.middle) == len(decoder.middle) == 3
    assert encoder.stem.bias is None
    assert encoder.head.kernel_size == (1, 1)


def test_no_attention_so_a_far_pixel_reaches_a_latent_only_through_the_norms() -> None:
    """With the norms taken out, the receptive field is bounded: a corner pixel leaves the far corner's latent alone."""
    encoder = Encoder(small_config(image_size=128))  # with torch's own initial weights: no layer is 0
    for module in encoder.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.Identity())
    pixels = torch.rand(1, 3, 128, 128)
    changed = pixels.clone()
    changed[:, :, 0, 0] = 1.0 - changed[:, :, 0, 0]
    before, after = encoder(pixels), encoder(changed)
    assert not torch.equal(before[:, :, 0, 0], after[:, :, 0, 0])
    assert torch.equal(before[:, :, -1, -1], after[:, :, -1, -1])


def test_the_decoder_may_be_larger_than_the_encoder() -> None:
    plain = Decoder(small_config())
    large = Decoder(small_config(decoder_channels=16, decoder_blocks=2))
    assert large.head.in_channels == 2 * plain.head.in_channels
    assert len(large.middle) == 2
