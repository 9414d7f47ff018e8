from __future__ import annotations

import copy

import pytest
import torch
from PIL import Image
from transformers import GPTJConfig, GPTJForCausalLM

from pairsmith.errors import InputError
from pairsmith.vlm.llava.assembly import assemble, set_aspect
from pairsmith.vlm.llava.loading import Parts
from tests.vlm.llava.tiny import byte_tokenizer, clip_tower, siglip_tower, tiny_llava, tiny_lm, tiny_parts


def test_parts_go_in_unchanged_and_new_rows_are_the_mean_of_the_old() -> None:
    parts = tiny_parts()
    before = {
        name: copy.deepcopy(part.state_dict()) for name, part in vars(parts).items() if hasattr(part, "state_dict")
    }
    old = len(parts.hf_tokenizer)
    model, processor = assemble(parts)
    state = model.state_dict()
    for name, value in before["vision_tower"].items():
        assert torch.equal(state[f"model.vision_tower.{name}"], value)
    for name, value in before["language_model"].items():
        place = name if name.startswith("lm_head") else f"model.language_model.{name.removeprefix('model.')}"
        assert torch.equal(state[place][: len(value)], value)
        if len(state[place]) > len(value):
            assert len(state[place]) == len(processor.tokenizer) == old + 1
            assert torch.allclose(state[place][old], value.mean(0), atol=1e-6)


def test_the_projector_is_two_layers_with_gelu_and_follows_the_seed() -> None:
    one, again, other = (tiny_llava(seed=seed)[0].model.multi_modal_projector for seed in (1, 1, 2))
    assert torch.equal(one.linear_1.weight, again.linear_1.weight)
    assert not torch.equal(one.linear_1.weight, other.linear_1.weight)
    features = torch.randn(2, 4, 16)
    expected = one.linear_2(torch.nn.functional.gelu(one.linear_1(features)))
    assert torch.allclose(one(features), expected)


@pytest.mark.parametrize("layer", [-2, -1])
def test_features_are_the_patches_of_the_chosen_layer(layer: int) -> None:
    model, _ = tiny_llava(feature_layer=layer)
    pixels = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        states = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states
        expected = model.model.multi_modal_projector(states[layer][:, 1:])
        found = torch.stack(list(model.get_image_features(pixel_values=pixels).pooler_output))
    assert torch.allclose(found, expected)


def test_tied_embeddings_stay_tied() -> None:
    model, _ = assemble(tiny_parts(tie_word_embeddings=True))
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight


def test_a_class_token_that_is_not_there_cannot_be_kept() -> None:
    with pytest.raises(InputError, match="class token"):
        tiny_llava(siglip_tower(), select="cls_patch")


def test_a_language_model_that_llavas_classes_cannot_hold_is_refused() -> None:
    tokenizer = byte_tokenizer()
    biased = GPTJForCausalLM(
        GPTJConfig(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, rotary_dim=4, n_positions=64)
    )
    with pytest.raises(InputError, match="bias"):
        assemble(Parts(clip_tower(), biased, tokenizer))
    scaled = tiny_lm(len(tokenizer))
    plain = scaled.forward

    def forward(*args, **kwargs):
        output = plain(*args, **kwargs)
        output.logits = output.logits * 0.5
        return output

    scaled.forward = forward
    with pytest.raises(InputError, match="more to its logits"):
        assemble(Parts(clip_tower(), scaled, byte_tokenizer()))


def test_pad_keeps_all_of_a_wide_picture_between_bands_of_the_mean_colour() -> None:
    _, processor = tiny_llava()
    wide = Image.new("RGB", (32, 16), (255, 0, 0))
    wide.paste((0, 0, 255), (0, 0, 8, 16))  # its left quarter
    set_aspect(processor, "pad")
    padded = processor.image_processor(wide, return_tensors="pt")["pixel_values"][0]  # [3, 16, 16]
    assert padded.shape == (3, 16, 16)
    assert padded[:, :3].abs().max() < 0.06  # the mean is 0 after normalisation
    assert padded[:, -3:].abs().max() < 0.06
    assert padded[2, 8, 1] > 1 > padded[2, 8, 8]  # blue is there
    set_aspect(processor, "crop")
    cropped = processor.image_processor(wide, return_tensors="pt")["pixel_values"][0]
    assert (cropped[2] < 0).all()  # and here it is cut off
