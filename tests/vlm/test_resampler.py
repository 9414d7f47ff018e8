"""The Perceiver resampler."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from pairsmith.errors import InputError
from pairsmith.vlm.config import ResamplerConfig
from pairsmith.vlm.resampler import PerceiverResampler, ResamplerLayer, pooling_matrix

CONFIG = ResamplerConfig(layers=2, heads=2, width=8, latents=3, mlp_width=16)


def test_layer_follows_the_formula_of_the_perceiver() -> None:
    torch.manual_seed(0)
    layer = ResamplerLayer(CONFIG.model_copy(update={"heads": 1}), dropout=0.0)
    for norm in (layer.feature_norm, layer.latent_norm):
        torch.nn.init.normal_(norm.weight)  # unlike norms, so that a mix-up shows
    latents, features = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    source = torch.cat([layer.feature_norm(features), layer.latent_norm(latents)], 1)
    key, value = (source @ layer.key_value.weight.T).split(8, -1)
    query = layer.latent_norm(latents) @ layer.query.weight.T
    attended = (query @ key.transpose(1, 2) / 8**0.5).softmax(-1) @ value
    expected = latents + attended @ layer.output.weight.T
    expected = expected + layer.feed_forward(expected)
    assert torch.allclose(layer(latents, features), expected, atol=1e-6)


def test_images_are_resampled_one_by_one() -> None:
    torch.manual_seed(0)
    resampler = PerceiverResampler(CONFIG, 6, dropout=0.0)
    features = torch.randn(2, 3, 5, 6)  # 3 images a sample
    media = resampler(features)
    assert media.shape == (2, 9, 8)
    for image in range(3):
        alone = resampler(features[:, image : image + 1])
        assert torch.allclose(media[:, image * 3 : image * 3 + 3], alone, atol=1e-6)


def test_media_times_tell_equal_images_apart() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 1, 5, 8).expand(1, 2, 5, 8)
    plain = PerceiverResampler(CONFIG, 8, dropout=0.0)(features)
    assert torch.equal(plain[:, :3], plain[:, 3:])
    resampler = PerceiverResampler(CONFIG.model_copy(update={"media_times": 2}), 8, dropout=0.0)
    timed = resampler(features)
    assert not torch.allclose(timed[:, :3], timed[:, 3:], atol=1e-4)
    with pytest.raises(InputError, match="media_times"):
        resampler(torch.randn(1, 3, 5, 8))


@pytest.mark.parametrize(("inputs", "outputs"), [(16, 8), (256, 64), (9, 4), (4, 6)])
def test_pooling_is_average_pooling(inputs: int, outputs: int) -> None:
    features = torch.randn(2, inputs, 5, generator=torch.Generator().manual_seed(0))
    expected = functional.adaptive_avg_pool1d(features.transpose(1, 2), outputs).transpose(1, 2)
    assert torch.allclose(pooling_matrix(inputs, outputs, features) @ features, expected, atol=1e-6)


def test_latents_from_media_start_at_the_pooled_features() -> None:
    torch.manual_seed(0)
    resampler = PerceiverResampler(CONFIG.model_copy(update={"latents_from_media": True}), 8, dropout=0.0)
    for layer in resampler.layers:  # silence the layers: what is left is the start
        layer.output.weight.data.zero_()
        layer.feed_forward[3].weight.data.zero_()
    features = torch.randn(1, 1, 6, 8)
    start = resampler.latents + features[0, 0].unflatten(0, (3, 2)).mean(1)
    assert torch.allclose(resampler(features)[0], resampler.norm(start), atol=1e-6)
