from __future__ import annotations

import torch
from torch.nn import functional

from pairsmith.tokenizer import DiscriminatorConfig
from pairsmith.tokenizer.adversarial import discriminator_loss
from pairsmith.tokenizer.discriminator import BlurPool, PatchDiscriminator

SMALL = DiscriminatorConfig(channels=8, levels=2, most_channels=12, norm_groups=4)


def test_one_verdict_per_patch() -> None:
    assert PatchDiscriminator(SMALL)(torch.rand(3, 3, 16, 24)).shape == (3, 1, 4, 6)


def test_blur_pool_keeps_flat_areas_and_removes_the_finest_pattern() -> None:
    pool = BlurPool(2)
    assert torch.allclose(pool(torch.full((1, 2, 8, 8), 0.7)), torch.full((1, 2, 4, 4), 0.7))
    checkers = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1.0
    inner = pool(checkers.expand(1, 2, 8, 8))[..., 1:, 1:]
    assert torch.allclose(inner, torch.zeros_like(inner), atol=1e-6)


def test_the_seed_decides_the_weights() -> None:
    pixels = torch.rand(1, 3, 16, 16)
    assert torch.equal(PatchDiscriminator(SMALL)(pixels), PatchDiscriminator(SMALL)(pixels))


def test_it_learns_to_tell_sharp_from_blurred() -> None:
    discriminator = PatchDiscriminator(SMALL)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        real = torch.rand(8, 3, 16, 16, generator=generator)
        fake = functional.avg_pool2d(real, 3, stride=1, padding=1)
        loss = discriminator_loss(discriminator(real), discriminator(fake), "hinge")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3
