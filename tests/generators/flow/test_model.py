from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators import MaskedGenerator
from pairsmith.generators.flow import PRESETS, FlowGenerator
from tests.generators.conftest import TEST_CONFIG, make_text
from tests.generators.flow.models import CONFIG, make_flow


def inputs(rows: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, 16, 5, generator=generator), torch.tensor([0.9, 0.5, 0.1])[:rows]


def test_a_new_model_predicts_nothing_and_every_block_passes_its_input_on() -> None:
    model = make_flow(noisy=False)
    latents, levels = inputs()
    context = model.encode_text(*make_text(3))
    assert (model(latents, levels, context) == 0).all()
    hidden = torch.randn(3, 16, 16)
    level = model.noise_level(levels)
    assert torch.equal(model.blocks[0](hidden, level, context.keys[0], context.values[0], context.mask), hidden)


def test_text_noise_level_and_place_all_count() -> None:
    model = make_flow()
    latents, levels = inputs()
    text, text_mask = make_text(3)
    velocity = model(latents, levels, model.encode_text(text, text_mask))
    assert velocity.shape == latents.shape
    assert velocity.dtype == torch.float32
    other_text = model(latents, levels, model.encode_text(text.flip(0), text_mask.flip(0)))
    other_level = model(latents, levels.flip(0), model.encode_text(text, text_mask))
    moved = model(latents.roll(1, dims=1), levels, model.encode_text(text, text_mask)).roll(-1, dims=1)
    for other in (other_text, other_level, moved):
        assert not torch.allclose(other, velocity, atol=1e-3)


def test_data_prediction_is_a_velocity_that_leads_to_the_prediction() -> None:
    config = CONFIG.model_copy(update={"prediction": "data", "least_noise": 0.2})
    model, plain = make_flow(config), make_flow()
    latents, levels = inputs()
    context = model.encode_text(*make_text(3))
    predicted = plain(latents, levels, context)  # the same weights; here this is what the last layer gives
    velocity = model(latents, levels, context)
    arrived = latents - levels[:, None, None] * velocity
    assert torch.allclose(arrived[:2], predicted[:2], atol=1e-5)
    assert torch.allclose(velocity[2], (latents[2] - predicted[2]) / 0.2, atol=1e-5)  # below the least noise level


def test_predicted_codes_lead_to_the_mean_code_vector() -> None:
    model = make_flow(CONFIG.model_copy(update={"prediction": "codes"}))
    latents, levels = inputs()
    context = model.encode_text(*make_text(3))
    logits = model.code_logits(latents, levels, context)
    assert logits.shape == (3, 16, 11)
    mean = sum(logits.softmax(-1)[..., code, None] * model.code_vectors()[code] for code in range(11))
    arrived = latents - levels[:, None, None] * model(latents, levels, context)
    assert torch.allclose(arrived, mean, atol=1e-5)


def test_open_gates_let_text_and_places_in_from_the_start() -> None:
    """Places must stand out from noisy latents in a new model, or it hardly learns where things are."""
    model = make_flow(CONFIG.model_copy(update={"gate_start": 0.5}), noisy=False)
    latents, levels = inputs()
    text, text_mask = make_text(3)
    level = model.noise_level(levels)

    def after(text: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        context = model.encode_text(text, text_mask)
        return model.blocks[0](hidden, level, context.keys[0], context.values[0], context.mask)

    positions = (model.row_positions[:, None] + model.column_positions[None]).flatten(0, 1)
    projected = model.input(latents)
    assert positions.std().item() > 0.5 * projected.std().item()
    hidden = projected + positions
    assert not torch.allclose(after(text, hidden), hidden, atol=0.05)
    assert not torch.allclose(after(text, hidden), after(-text, hidden), atol=0.01)


def test_every_code_is_nearest_to_itself_and_latents_have_unit_variance() -> None:
    model = make_flow()
    tokens = torch.randint(0, 11, (40, 16), generator=torch.Generator().manual_seed(0))
    latents = model.latents(tokens)
    assert (model.nearest_tokens(latents) == tokens).all()
    assert (model.nearest_tokens(latents + 0.01 * torch.randn_like(latents)) == tokens).all()
    whitened = model.code_vectors()
    assert torch.allclose(whitened.var(dim=0, unbiased=False), torch.ones(5), atol=1e-4)
    far = torch.randn(2, 16, 5) * 3
    distances = (far[..., None, :] - whitened).square().sum(dim=-1)  # [2, 16, K]
    assert (model.nearest_tokens(far) == distances.argmin(dim=-1)).all()


def test_it_is_kept_in_a_folder_of_its_own_kind(tmp_path: Path) -> None:
    model = make_flow()
    model.save_pretrained(tmp_path / "flow")
    loaded = FlowGenerator.from_pretrained(tmp_path / "flow")
    assert loaded.fingerprint() == model.fingerprint()
    latents, levels = inputs()
    text = make_text(3)
    assert torch.equal(
        loaded(latents, levels, loaded.encode_text(*text)), model(latents, levels, model.encode_text(*text))
    )
    assert (loaded.nearest_tokens(latents) == model.nearest_tokens(latents)).all()  # the codebook comes with it
    MaskedGenerator(TEST_CONFIG).save_pretrained(tmp_path / "masked")
    with pytest.raises(InputError, match="not the settings file of a flow-matching generator"):
        FlowGenerator.from_pretrained(tmp_path / "masked")


def test_a_model_without_a_codebook_says_so() -> None:
    with pytest.raises(InputError, match="set_codebook"):
        FlowGenerator(CONFIG).latents(torch.zeros(1, 16, dtype=torch.long))


def test_presets_have_the_masked_generators_sizes() -> None:
    assert {name: (config.layers, config.width, config.grid) for name, config in PRESETS.items()} == {
        "paper": (12, 768, 16),
        "small": (8, 512, 8),
        "tiny": (4, 192, 4),
    }
