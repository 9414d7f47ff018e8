from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from pairsmith.errors import InputError
from pairsmith.vlm.llava.answering import answer
from pairsmith.vlm.llava.loading import load_llava, load_parts, load_vision_tower
from pairsmith.vlm.llava.saving import is_saved, save_language_model, save_llava
from tests.vlm.llava.tiny import byte_tokenizer, clip_tower, tiny_llava, tiny_lm

PICTURES = [partial(Image.new, "RGB", size, colour) for size, colour in (((20, 10), "red"), ((9, 30), "blue"))]


def test_a_saved_llava_is_one_of_plain_transformers(tmp_path: Path) -> None:
    model, processor = tiny_llava(aspect="pad")
    expected = answer(model, processor, PICTURES, ["What?", "Who is it?"], max_new_tokens=6)
    folder = tmp_path / "model"
    assert not is_saved(folder)
    save_llava(model, processor, folder)
    assert is_saved(folder)
    assert list(tmp_path.iterdir()) == [folder]
    loaded, reader = AutoModelForImageTextToText.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    assert isinstance(loaded, LlavaForConditionalGeneration)
    assert isinstance(reader, LlavaProcessor)
    assert reader.image_processor.do_pad
    assert reader.tokenizer.padding_side == "left"
    assert reader.tokenizer.chat_template == reader.chat_template == processor.chat_template
    state = loaded.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert answer(loaded.eval(), reader, PICTURES, ["What?", "Who is it?"], max_new_tokens=6) == expected
    ours, _ = load_llava(folder)
    assert torch.equal(ours.lm_head.weight, loaded.lm_head.weight)


@pytest.mark.parametrize("side", ["left", "right"])
def test_answers_do_not_depend_on_their_batch(side: str) -> None:
    model, processor = tiny_llava()
    processor.tokenizer.padding_side = side  # as somebody else's folder may say
    questions = ["What?", "Who is it, and why is it here?"]
    together = answer(model, processor, PICTURES, questions, max_new_tokens=6)
    assert together == answer(model, processor, PICTURES, questions, max_new_tokens=6, batch_size=1)


def test_the_language_model_alone_gives_the_llavas_logits(tmp_path: Path) -> None:
    model, processor = tiny_llava()
    save_language_model(model, processor, tmp_path / "lm")
    lm = AutoModelForCausalLM.from_pretrained(tmp_path / "lm")
    words = AutoTokenizer.from_pretrained(tmp_path / "lm")("USER: What?", return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(lm(**words).logits, model(**words).logits)


def test_a_smaller_number_type_halves_the_file(tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        save_llava(*tiny_llava(), tmp_path / dtype, dtype)
    whole, half = ((tmp_path / dtype / "model.safetensors").stat().st_size for dtype in ("float32", "bfloat16"))
    assert half < 0.6 * whole
    assert load_llava(tmp_path / "bfloat16")[0].dtype == torch.float32


def test_parts_are_loaded_from_folders(tmp_path: Path) -> None:
    clip_tower().save_pretrained(tmp_path / "tower")
    tiny_llava()[1].image_processor.save_pretrained(tmp_path / "tower")
    tokenizer = byte_tokenizer()
    tiny_lm(len(tokenizer)).save_pretrained(tmp_path / "lm")
    tokenizer.save_pretrained(tmp_path / "lm")
    parts = load_parts(tmp_path / "tower", tmp_path / "lm")
    assert len(parts.hf_tokenizer) == len(tokenizer)
    assert parts.image_mean[0] == pytest.approx(0.48145466)
    with pytest.raises(InputError, match="vision tower"):
        load_vision_tower(tmp_path / "nothing")
    with pytest.raises(InputError, match="vision tower"):
        load_vision_tower(tmp_path / "lm")
    with pytest.raises(InputError, match="not a LLaVA"):
        load_llava(tmp_path / "lm")
