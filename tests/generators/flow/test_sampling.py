from __future__ import annotations

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators.flow import FlowSamplingSettings, FlowSettings, flow_loss, sample_latents
from tests.generators.conftest import make_text
from tests.generators.flow.models import CONFIG, make_flow


@pytest.mark.parametrize("prediction", ["velocity", "data", "codes"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_row_is_bitwise_the_same_in_any_batch(prediction: str, guidance: float) -> None:
    model = make_flow(CONFIG.model_copy(update={"prediction": prediction}))
    text, text_mask = make_text(7)
    settings = FlowSamplingSettings(steps=3, guidance=guidance, block_rows=4)
    seeds = [5, 6, 7, 8, 9, 10, 2**62]
    together = sample_latents(model, text, text_mask, settings, seeds)
    for row in range(7):
        alone = sample_latents(model, text[row : row + 1], text_mask[row : row + 1], settings, seeds[row : row + 1])
        assert torch.equal(alone[0], together[row])
    shorter = int(text_mask[:2].sum(dim=1).max())  # less padding changes nothing
    cut = sample_latents(model, text[:2, :shorter], text_mask[:2, :shorter], settings, seeds[:2])
    assert torch.equal(cut, together[:2])
    assert not torch.equal(sample_latents(model, text, text_mask, settings, seeds[::-1]), together)
    tokens = model.draw(text, text_mask, settings, seeds)
    assert torch.equal(tokens, model.nearest_tokens(together))


def test_a_straight_flow_is_followed_exactly_whatever_the_steps() -> None:
    """With a constant velocity v the end is noise - v."""
    model = make_flow(noisy=False)
    with torch.no_grad():
        model.output.bias.copy_(torch.arange(5.0))
    text, text_mask = make_text(2)
    ends = [
        sample_latents(model, text, text_mask, FlowSamplingSettings(steps=steps, shift=shift, guidance=1), [1, 2])
        for steps, shift in ((1, 1.0), (7, 1.0), (7, 3.0))
    ]
    noise = torch.stack([torch.randn(16, 5, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)])
    for end in ends:
        assert torch.allclose(end, noise - torch.arange(5.0), atol=1e-5)


def test_guidance_one_is_the_caption_alone_and_more_goes_further() -> None:
    model = make_flow()
    text, text_mask = make_text(3)
    seeds = [1, 2, 3]
    draw = {
        scale: sample_latents(model, text, text_mask, FlowSamplingSettings(steps=1, guidance=scale), seeds)
        for scale in (0.0, 1.0, 3.0)
    }
    # In a single step the end is linear in the guidance: e(s) = e(0) + s (e(1) - e(0)).
    assert torch.allclose(draw[3.0], draw[0.0] + 3 * (draw[1.0] - draw[0.0]), atol=1e-4)
    other = sample_latents(model, text.flip(0), text_mask.flip(0), FlowSamplingSettings(steps=1, guidance=0.0), seeds)
    assert torch.allclose(other, draw[0.0], atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    model = make_flow()
    text, text_mask = make_text(3)
    with pytest.raises(InputError, match="2 seeds for 3 captions"):
        sample_latents(model, text, text_mask, FlowSamplingSettings(steps=1), [1, 2])
    empty = sample_latents(model, text[:0], text_mask[:0], FlowSamplingSettings(steps=1), [])
    assert empty.shape == (0, 16, 5)
    with torch.no_grad():
        model.output.bias.fill_(torch.nan)
    with pytest.raises(InputError, match="not finite"):
        sample_latents(model, text, text_mask, FlowSamplingSettings(steps=1), [1, 2, 3])


@pytest.mark.parametrize("prediction", ["velocity", "data", "codes"])
def test_four_pairs_are_learned_and_painted(prediction: str) -> None:
    config = CONFIG.model_copy(update={"width": 32, "mlp_width": 64, "prediction": prediction})
    model = make_flow(config, noisy=False).train()
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(4, 6, 12, generator=generator)
    text_mask = torch.arange(6) < torch.tensor([[2], [4], [6], [3]])
    tokens = torch.randint(0, 11, (4, 16), generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    batch = torch.arange(4).repeat(8)
    for _ in range(200):
        loss, count, _ = flow_loss(model, tokens[batch], text[batch], text_mask[batch], FlowSettings(), generator)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    rows = torch.arange(4).repeat(4)
    painted = model.draw(text[rows], text_mask[rows], FlowSamplingSettings(steps=8, guidance=1.5), range(16))
    assert float((painted == tokens[rows]).float().mean()) > 0.6  # by chance 1 in 11
