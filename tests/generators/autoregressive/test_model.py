"""The decoder: what a token may see, the caption as prefix, the cache, sizes, saving and loading."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from pairsmith.errors import InputError
from pairsmith.generators.autoregressive import PAPER, PRESETS, TINY, AutoregressiveConfig, AutoregressiveGenerator
from pairsmith.generators.autoregressive.cache import KeyValueCache
from pairsmith.generators.autoregressive.rotary import places, rotate, turns
from tests.generators.autoregressive.models import CONFIG, TIED, make_autoregressive
from tests.generators.conftest import make_text

CONFIGS = [CONFIG, TIED]


def _tokens(rows: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 11, (rows, 16), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS)
def test_a_token_reaches_the_logits_after_it_and_none_before(config: AutoregressiveConfig) -> None:
    model = make_autoregressive(config)
    context = model.encode_text(*make_text(3))
    inputs = model.shifted(_tokens(3))
    logits = model(inputs, context)
    assert logits.shape == (3, 16, 11)
    for place in (1, 6, 15):
        changed = inputs.clone()
        changed[:, place] = (changed[:, place] + 1) % 11
        other = model(changed, context)
        assert torch.equal(other[:, :place], logits[:, :place])
        assert not torch.allclose(other[:, place], logits[:, place], atol=1e-3)
        assert place == 15 or not torch.allclose(other[:, 15], logits[:, 15], atol=1e-5)


def test_the_start_and_all_tokens_but_the_last_are_the_inputs() -> None:
    model = make_autoregressive()
    shifted = model.shifted(_tokens(2))
    assert (shifted[:, 0] == 11).all()
    assert torch.equal(shifted[:, 1:], _tokens(2)[:, :-1])
    with pytest.raises(InputError, match="17 inputs for a picture of 16 tokens"):
        model(torch.zeros(2, 17, dtype=torch.int64), model.encode_text(*make_text(2)))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("steps", [[1] * 16, [5, 1, 10], [16]])
def test_logits_with_the_cache_equal_those_without(config: AutoregressiveConfig, steps: list[int]) -> None:
    model = make_autoregressive(config)
    context = model.encode_text(*make_text(4))
    inputs = model.shifted(_tokens(4))
    expected = model(inputs, context)
    cache = KeyValueCache(context, 16)
    found = torch.cat([model.advance(part, cache) for part in inputs.split(steps, dim=1)], dim=1)
    assert torch.allclose(found, expected, atol=1e-5, rtol=1e-5)
    assert cache.length == 6 + 16


@pytest.mark.parametrize("config", CONFIGS)
def test_padding_of_captions_does_not_matter(config: AutoregressiveConfig) -> None:
    model = make_autoregressive(config)
    text, text_mask = make_text(4)
    inputs = model.shifted(_tokens(4))
    expected = model(inputs, model.encode_text(text, text_mask))
    junk = torch.where(text_mask[..., None], text, torch.full_like(text, 50.0))
    assert torch.allclose(model(inputs, model.encode_text(junk, text_mask)), expected, atol=1e-5)
    for row in range(4):
        length = int(text_mask[row].sum())
        cut = model.encode_text(text[row : row + 1, :length], text_mask[row : row + 1, :length])
        assert torch.allclose(model(inputs[row : row + 1], cut)[0], expected[row], atol=1e-5)
        cached = model.advance(inputs[row : row + 1], KeyValueCache(cut, 16))
        assert torch.allclose(cached[0], expected[row], atol=1e-5)


def test_words_and_their_order_and_place_count() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(2)
    text_mask[:] = True
    inputs = model.shifted(torch.full((2, 16), 3))
    logits = model(inputs, model.encode_text(text, text_mask))
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)
    assert not torch.allclose(model(inputs, model.encode_text(text.flip(1), text_mask)), logits, atol=1e-3)
    assert logits[0, 1:].std(dim=0).min() > 1e-4  # equal tokens at different places


@pytest.mark.parametrize("config", CONFIGS)
def test_a_dropped_caption_is_the_null_context_and_an_empty_one_is_finite(config: AutoregressiveConfig) -> None:
    model = make_autoregressive(config)
    text, text_mask = make_text(2)
    inputs = model.shifted(_tokens(2))
    dropped = model(inputs, model.encode_text(text, text_mask, torch.tensor([True, False])))
    null = model(inputs, model.null_context(2, 6))
    kept = model(inputs, model.encode_text(text, text_mask))
    assert torch.allclose(dropped[0], null[0], atol=1e-5)
    assert torch.allclose(dropped[1], kept[1], atol=1e-5)
    assert not torch.allclose(null, kept, atol=1e-3)
    assert torch.isfinite(model(inputs, model.encode_text(text, torch.zeros_like(text_mask)))).all()


def test_what_is_no_text_is_refused() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(2)
    with pytest.raises(InputError, match="text features have shape"):
        model.encode_text(text[..., :5], text_mask)
    with pytest.raises(InputError, match="text mask must be bool"):
        model.encode_text(text, text_mask.float())


def test_rotary_scores_depend_on_distances_in_both_directions() -> None:
    points = places(6, 4)
    assert points[:7].tolist() == [[-7 + i, -7 + i] for i in range(7)]  # six words, then the start
    assert points[7 + 6].tolist() == [1, 2]
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=generator)

    def score(first: list[float], second: list[float]) -> float:
        angles = [turns(torch.tensor([point]), 8) for point in (first, second)]
        turned = [rotate(vector, a.cos(), a.sin()) for vector, a in zip((query, key), angles, strict=True)]
        return float((turned[0] * turned[1]).sum())

    base = score([1, 2], [3, 1])
    assert score([5, 9], [7, 8]) == pytest.approx(base, abs=1e-5)
    assert abs(score([1, 2], [4, 1]) - base) > 1e-3
    assert abs(score([1, 2], [3, 2]) - base) > 1e-3
    assert score([0, 0], [0, 0]) == pytest.approx(float((query * key).sum()), abs=1e-5)


@pytest.mark.parametrize("config", CONFIGS)
def test_it_is_kept_in_a_folder_of_its_own_kind(config: AutoregressiveConfig, tmp_path: Path) -> None:
    model = make_autoregressive(config)
    model.save_pretrained(tmp_path)
    loaded = AutoregressiveGenerator.from_pretrained(tmp_path)
    assert not loaded.training
    assert loaded.config == config
    assert loaded.fingerprint() == model.fingerprint()
    text, inputs = make_text(3), model.shifted(_tokens(3))
    assert torch.equal(loaded(inputs, loaded.encode_text(*text)), model(inputs, model.encode_text(*text)))
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace("autoregressive-generator", "masked-generator"))
    with pytest.raises(InputError, match="not the settings file of an autoregressive generator"):
        AutoregressiveGenerator.from_pretrained(tmp_path)


def test_free_and_tied_codes_say_what_they_lack() -> None:
    with pytest.raises(InputError, match="free token embeddings"):
        make_autoregressive().set_codebook(torch.randn(11, 5))
    model = AutoregressiveGenerator(TIED)
    with pytest.raises(InputError, match="set_codebook"):
        model(torch.zeros(1, 16, dtype=torch.int64), model.encode_text(*make_text(1)))
    with pytest.raises(ValidationError, match="multiple of 4 times the heads"):
        AutoregressiveConfig(width=12, heads=2)


def test_the_paper_preset_is_llamagens_table() -> None:
    table = {"layers": 12, "heads": 12, "width": 768, "mlp_width": 2048, "codebook_size": 16384, "grid": 16}
    assert {name: getattr(PAPER, name) for name in table} == table
    assert (PAPER.max_text, PAPER.dropout, PAPER.text_projection) == (120, 0.1, "mlp")
    with torch.device("meta"):
        models = {name: AutoregressiveGenerator(config) for name, config in PRESETS.items()}
    sizes = {
        name: sum(weight.numel() for part, weight in model.named_parameters() if not part.startswith("conditioner"))
        for name, model in models.items()
    }
    # The paper's 111M have a class embedding of 1001 vectors; ours has one start vector, and a head with biases.
    assert sizes["paper"] + 1000 * 768 - 16384 == pytest.approx(110.9e6, rel=2e-3)
    assert sizes["paper"] > sizes["small"] > sizes["tiny"]
    # Tied to the codebook and nothing else: no weight of the tiny preset has a row for each code.
    assert not any(TINY.codebook_size in weight.shape for weight in models["tiny"].parameters())
