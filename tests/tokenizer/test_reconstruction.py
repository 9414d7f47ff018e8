from __future__ import annotations

import pytest
import torch

from pairsmith.tokenizer.reconstruction import edge_map, reconstruction_loss


def test_edge_map_is_the_contrast_within_two_pixels() -> None:
    pixels = torch.zeros(1, 3, 9, 9)
    pixels[:, 1, :, 6:] = 0.5  # an edge of contrast 0.5 between columns 5 and 6, in one channel
    expected = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0])
    assert torch.equal(edge_map(pixels), expected.expand(1, 1, 9, 9))


@pytest.mark.parametrize(("kind", "distance"), [("l1", 0.5), ("l2", 0.25)])
def test_errors_at_edges_count_more(kind, distance: float) -> None:
    pixels = torch.zeros(1, 3, 16, 16)
    pixels[..., 8:] = 1.0
    flat, near = pixels.clone(), pixels.clone()
    flat[..., 2] += 0.5  # one column each, far from the edge and beside it
    near[..., 7] += 0.5
    plain = distance / 16
    assert reconstruction_loss(flat, pixels, kind).item() == pytest.approx(plain)
    assert reconstruction_loss(near, pixels, kind).item() == pytest.approx(plain)
    assert reconstruction_loss(flat, pixels, kind, edge_weight=3.0).item() == pytest.approx(plain)
    assert reconstruction_loss(near, pixels, kind, edge_weight=3.0).item() == pytest.approx(4 * plain)


def test_the_loss_of_a_batch_is_the_mean_over_its_pictures() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels, other = torch.rand(2, 4, 3, 8, 8, generator=generator)
    whole = reconstruction_loss(other, pixels, "l1", 2.0)
    parts = [reconstruction_loss(other[i : i + 1], pixels[i : i + 1], "l1", 2.0) for i in range(4)]
    assert torch.allclose(whole, torch.stack(parts).mean())
