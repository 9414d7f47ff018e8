"""Greedy, beam and sampled decoding."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.vlm import GenerationSettings, VisionLanguageModel, caption, media_mask
from pairsmith.vlm.generation import sample_nucleus
from tests.vlm.conftest import CODES, make_lm
from tests.vlm.test_language_model import FAMILIES, make_family

MakeVLM = Callable[..., VisionLanguageModel]
EOS = 1
MODES = ["greedy", "beam", "sample"]


@pytest.fixture
def prompts() -> tuple[torch.Tensor, torch.Tensor]:
    """Three prompts of 1, 3 and 4 tokens, left-padded."""
    ids = torch.tensor([[EOS, EOS, EOS, 5], [EOS, 9, 3, 7], [6, 2, 8, 4]])
    return ids, torch.tensor([[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1]])


def generate(model: VisionLanguageModel, prompts: Any, tokens: torch.Tensor, **changes: Any) -> Any:
    use_cache = changes.pop("use_cache", True)
    seeds = changes.pop("seeds", [11, 12, 13])
    settings = GenerationSettings(**{"max_new_tokens": 8, **changes})
    ids, mask = prompts
    return model.generate(ids, mask, tokens=tokens, settings=settings, eos_id=EOS, seeds=seeds, use_cache=use_cache)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_cache_changes_nothing(family: str, mode: str, make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    model = make_vlm(lm=make_family(family))
    cached = generate(model, prompts, tokens, mode=mode)
    plain = generate(model, prompts, tokens, mode=mode, use_cache=False)
    assert torch.equal(cached.ids, plain.ids)
    assert torch.allclose(cached.log_probability, plain.log_probability, atol=1e-4)
    assert len(set(map(tuple, cached.ids.tolist()))) == 3  # not one text for all


@pytest.mark.parametrize("mode", MODES)
def test_rows_do_not_influence_one_another(mode: str, make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    model = make_vlm()
    ids, mask = prompts
    together = generate(model, prompts, tokens, mode=mode)
    for row, start in enumerate((3, 1, 0)):  # alone and without pads
        alone = generate(
            model,
            (ids[row : row + 1, start:], mask[row : row + 1, start:]),
            tokens[row : row + 1],
            mode=mode,
            seeds=[11 + row],
        )
        length = int(together.lengths[row])
        assert alone.ids[0].tolist() == together.ids[row, :length].tolist()
        assert alone.log_probability.item() == pytest.approx(together.log_probability[row].item(), abs=1e-4)


def test_greedy_takes_the_likeliest_token_of_the_full_forward_pass(make_vlm: MakeVLM, tokens: torch.Tensor) -> None:
    model = make_vlm()
    text = torch.tensor([[0], [0], [0]])
    generated = generate(model, (text, None), tokens)
    score = torch.zeros(3, dtype=torch.float64)
    for step in range(generated.ids.shape[1]):
        logits = model(text, tokens=tokens).logits[:, -1].double()
        running = step < generated.lengths
        expected = torch.where(running, logits.argmax(-1), EOS)
        assert torch.equal(generated.ids[:, step], expected)
        score += torch.where(running, logits.log_softmax(-1).amax(-1), 0.0)
        text = torch.cat([text, expected[:, None]], 1)
    assert torch.allclose(generated.log_probability, score, atol=1e-4)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_one_beam_is_greedy(length_penalty: float, make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    for seed in range(5):
        model = make_vlm(lm=make_lm(seed, vocab_size=5))  # few words: texts end early
        prompt = (prompts[0] % 5, prompts[1])
        greedy = generate(model, prompt, tokens)
        beam = generate(model, prompt, tokens, mode="beam", beams=1, length_penalty=length_penalty)
        assert torch.equal(greedy.ids, beam.ids)
        assert torch.equal(greedy.lengths, beam.lengths)
        assert torch.allclose(greedy.log_probability, beam.log_probability)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_wide_beam_finds_the_best_of_all_texts(
    seed: int, length_penalty: float, make_vlm: MakeVLM, tokens: torch.Tensor
) -> None:
    words, steps = 4, 3
    model = make_vlm(lm=make_lm(seed, vocab_size=words, initializer_range=0.2))
    texts = [
        text
        for length in range(1, steps + 1)
        for text in itertools.product(range(words), repeat=length)
        if EOS not in text[:-1] and (text[-1] == EOS or length == steps)
    ]
    padded = torch.tensor([[0, *text, *[0] * (steps - len(text))] for text in texts])
    best = []
    for row in range(3):
        media = model.media(tokens=tokens[row : row + 1]).expand(len(texts), -1, -1)
        logits = model(padded, media=media).logits.double().log_softmax(-1)  # causal: pads behind a text are harmless
        gained = logits[:, :-1].gather(-1, padded[:, 1:, None]).squeeze(-1)
        scores = [row[: len(text)].sum() / len(text) ** length_penalty for row, text in zip(gained, texts, strict=True)]
        best.append(texts[int(torch.stack(scores).argmax())])
    found = generate(
        model,
        (torch.zeros(3, 1, dtype=torch.long), None),
        tokens,
        mode="beam",
        beams=len(texts),
        max_new_tokens=steps,
        length_penalty=length_penalty,
    )
    for row in range(3):
        assert tuple(found.ids[row, : found.lengths[row]].tolist()) == best[row]


def test_beams_are_at_least_as_likely_as_greedy(make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    gains = []
    for seed in range(4):
        model = make_vlm(lm=make_lm(seed))
        beam = generate(model, prompts, tokens, mode="beam", beams=6)
        gains.append(beam.log_probability - generate(model, prompts, tokens).log_probability)
    assert torch.cat(gains).mean() > 0
    assert (torch.cat(gains) > 0).any()


def test_text_ends_at_the_end_token_and_is_filled_up(make_vlm: MakeVLM, tokens: torch.Tensor) -> None:
    model = make_vlm(lm=make_lm(vocab_size=4))
    ids = torch.zeros(3, 1, dtype=torch.long)
    for mode in MODES:
        settings = GenerationSettings(mode=mode, max_new_tokens=12)
        out = model.generate(ids, tokens=tokens, settings=settings, eos_id=EOS, pad_id=3, seeds=[1, 2, 3])
        ended = 0
        for row in range(3):
            text = out.ids[row, : out.lengths[row]].tolist()
            ended += text[-1] == EOS
            assert EOS not in text[:-1]
            assert text[-1] == EOS or len(text) == 12
            assert (out.ids[row, out.lengths[row] :] == 3).all()
        assert mode != "sample" or ended > 0


def test_samples_depend_on_the_rows_seed_alone(make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    model = make_vlm()
    same_prompt = (prompts[0][2:].expand(3, -1), None)
    same_tokens = tokens[:1].expand(3, -1)
    torch.manual_seed(0)
    out = generate(model, same_prompt, same_tokens, mode="sample", seeds=[5, 6, 5]).ids
    assert torch.equal(out[0], out[2])
    assert not torch.equal(out[0], out[1])
    torch.manual_seed(1)
    again = generate(model, same_prompt, same_tokens, mode="sample", seeds=[6, 5, 7]).ids
    assert torch.equal(again[0], out[1])
    assert torch.equal(again[1], out[0])
    with pytest.raises(InputError, match="3 rows, 2 seeds"):
        generate(model, prompts, tokens, mode="sample", seeds=[1, 2])


def test_low_temperature_and_small_mass_are_greedy(make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    model = make_vlm()
    greedy = generate(model, prompts, tokens).ids
    assert torch.equal(generate(model, prompts, tokens, mode="sample", temperature=1e-4).ids, greedy)
    assert torch.equal(generate(model, prompts, tokens, mode="sample", top_p=1e-6).ids, greedy)
    assert not torch.equal(generate(model, prompts, tokens, mode="sample").ids, greedy)


def test_nucleus_inverts_the_cumulative_distribution() -> None:
    logits = torch.tensor([0.2, 0.5, 0.1, 0.2], dtype=torch.float64).log().expand(6, -1)
    uniform = torch.tensor([0.0, 0.49, 0.51, 0.69, 0.71, 0.999], dtype=torch.float64)
    assert sample_nucleus(logits, 1.0, uniform).tolist() == [1, 1, 0, 0, 3, 2]
    # the smallest set of mass 0.6 is {1, 0}; its masses 5/7 and 2/7
    assert sample_nucleus(logits, 0.6, uniform).tolist() == [1, 1, 1, 1, 1, 0]
    draws = torch.rand(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    frequency = sample_nucleus(logits[:1].expand(20_000, -1), 1.0, draws).bincount(minlength=4) / 20_000
    assert torch.allclose(frequency.double(), logits[0].exp(), atol=0.02)


@pytest.mark.parametrize("mode", ["greedy", "beam"])
def test_new_text_sees_the_image_that_the_prompts_end_sees(mode: str, make_vlm: MakeVLM) -> None:
    model = make_vlm()
    first, second, other = torch.randint(0, CODES, (3, 1, 16), generator=torch.Generator().manual_seed(0))
    prompt = torch.tensor([[0, 5, 9]])
    mask = media_mask(torch.tensor([[0, 1, 2]]), images=2, latents=3)
    settings = GenerationSettings(mode=mode, max_new_tokens=6)
    scores = []
    for images in ((first, second), (first, other)):
        both = torch.stack(images, 1)
        given = {"tokens": both, "media_mask": mask, "settings": settings, "eos_id": EOS}
        out = model.generate(prompt, **given)
        assert torch.equal(model.generate(prompt, **given, use_cache=False).ids, out.ids)
        count = int(out.lengths[0])
        whole = torch.cat([prompt, out.ids[:, :count]], 1)
        time = torch.tensor([[0, 1, 2, *[2] * count]])  # new text goes on behind the second image
        logits = model(whole, tokens=both, media_mask=media_mask(time, images=2, latents=3)).logits.double()
        expected = logits.log_softmax(-1)[0, 2:-1].gather(-1, out.ids[0, :count, None]).sum().item()
        assert out.log_probability.item() == pytest.approx(expected, abs=1e-4)
        scores.append(expected)
    assert abs(scores[0] - scores[1]) > 1e-3


def test_generation_leaves_the_mode_as_it_was(make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    model = make_vlm(dropout=0.5)
    out = generate(model, prompts, tokens).ids
    assert not model.training
    model.train()
    assert torch.equal(generate(model, prompts, tokens).ids, out)
    assert model.training
    assert not model.language_model.original.training


def test_text_longer_than_the_positions_is_refused(make_vlm: MakeVLM, prompts: Any, tokens: torch.Tensor) -> None:
    generate(make_vlm(), prompts, tokens, max_new_tokens=29)  # 4 + 28 fed back = 32
    with pytest.raises(InputError, match="do not fit the language model's 32 positions"):
        generate(make_vlm(), prompts, tokens, max_new_tokens=30)


def test_captions_are_texts_without_special_tokens(make_vlm: MakeVLM, tokens: torch.Tensor, hf_tokenizer: Any) -> None:
    model = make_vlm(lm=make_lm(vocab_size=13))
    settings = GenerationSettings(max_new_tokens=5)
    texts = caption(model, hf_tokenizer, tokens=tokens, prompt=["what is it", "", "a"], settings=settings)
    assert len(texts) == 3
    assert all(len(text.split()) <= 5 and "<" not in text and text == text.strip() for text in texts)
    assert caption(model, hf_tokenizer, tokens=tokens[1:2], settings=settings) == texts[1:2]
    assert caption(model, hf_tokenizer, media=model.media(tokens=tokens[1:2]), settings=settings) == texts[1:2]


def test_captions_go_on_from_the_models_own_prompt(make_vlm: MakeVLM, tokens: torch.Tensor, hf_tokenizer: Any) -> None:
    model = make_vlm(lm=make_lm(vocab_size=13))
    settings = GenerationSettings(max_new_tokens=5)
    prompted = caption(model, hf_tokenizer, tokens=tokens, prompt="what is it", settings=settings)
    bare = caption(model, hf_tokenizer, tokens=tokens, settings=settings)
    assert prompted != bare
    model.config = model.config.model_copy(update={"caption_prompt": "what is it"})
    assert caption(model, hf_tokenizer, tokens=tokens, settings=settings) == prompted
    assert caption(model, hf_tokenizer, tokens=tokens, prompt="", settings=settings) == bare
