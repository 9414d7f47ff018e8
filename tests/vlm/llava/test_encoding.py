from __future__ import annotations

import pytest
import torch
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs.conversations import Exchange
from pairsmith.vlm.batch import IGNORED
from pairsmith.vlm.llava.encoding import TextEncoder, collate
from pairsmith.vlm.llava.prompts import Piece, write_plain, write_vicuna
from tests.vlm.llava.tiny import byte_tokenizer, siglip_tower, tiny_llava

TALK = (Exchange("What is it?\n<image>", "A dog."), Exchange("Big?", "No."))


def encoder(model, processor, max_length: int = 500) -> TextEncoder:
    return TextEncoder(processor.tokenizer, model.config.image_token_id, model.config.image_seq_length, max_length)


@pytest.mark.parametrize("select", ["patch", "cls_patch", "siglip"])
@pytest.mark.parametrize("style", ["plain", "vicuna_v1"])
def test_ids_are_those_of_the_saved_processor(style: str, select: str) -> None:
    tower = siglip_tower() if select == "siglip" else None
    model, processor = tiny_llava(tower, select="cls_patch" if select == "cls_patch" else "patch")
    pieces = write_plain([Exchange("<image>", "a dog")]) if style == "plain" else write_vicuna(TALK, "</s>")
    found = encoder(model, processor).encode(pieces)
    image = Image.new("RGB", (20, 11))
    expected = processor(images=[image], text="".join(piece.text for piece in pieces), return_tensors="pt")
    assert found.input_ids == expected["input_ids"][0].tolist()
    assert found.input_ids.count(model.config.image_token_id) == {"cls_patch": 5}.get(select, 4)
    with torch.no_grad():  # as many features as image tokens, or the model refuses
        model(**expected)


def test_answers_and_end_tokens_are_all_that_is_trained() -> None:
    model, processor = tiny_llava()
    tokenizer = processor.tokenizer
    row = encoder(model, processor).encode(write_vicuna(TALK, "</s>"))
    trained = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label != IGNORED]
    assert all(label in (IGNORED, token) for token, label in zip(row.input_ids, row.labels, strict=True))
    assert "".join(tokenizer.convert_ids_to_tokens(trained)) == "▁A▁dog.</s>▁No.</s>"
    plain = encoder(model, processor).encode(write_plain([Exchange("<image>", "a dog")]))
    trained = [label for label in plain.labels if label != IGNORED]
    assert "".join(tokenizer.convert_ids_to_tokens(trained)) == "▁a▁dog\n"  # Llama's caption, line end and no end token
    assert plain.input_ids[0] == tokenizer.bos_token_id


def test_what_does_not_fit_is_cut_and_no_picture_in_two() -> None:
    model, processor = tiny_llava()
    image = model.config.image_token_id
    pieces = [Piece("<image>", False), Piece("abcdef", True), Piece("<image>", False), Piece("g", True)]
    whole = encoder(model, processor).encode(pieces)
    assert (whole.images, whole.cut) == (2, False)
    for limit in range(6, len(whole.input_ids)):
        row = encoder(model, processor, limit).encode(pieces)
        assert row.cut
        assert len(row.input_ids) <= limit
        assert row.input_ids == whole.input_ids[: len(row.input_ids)]
        assert row.input_ids.count(image) == 4 * row.images


def test_padding_and_pieces_of_a_batch() -> None:
    model, processor = tiny_llava()
    make = encoder(model, processor).encode
    rows = [make([Piece("<image>", False), Piece(text, True)]) for text in ("a", "abcd", "ab")]
    rows.insert(1, make([Piece("text", True)]))
    pixels = torch.arange(3.0)[:, None, None, None].expand(3, 3, 16, 16)
    batch = collate(rows, pixels, processor.tokenizer.pad_token_id)
    assert batch.attention_mask.sum(1).tolist() == list(batch.lengths) == [len(row.input_ids) for row in rows]
    assert (batch.labels[batch.attention_mask == 0] == IGNORED).all()
    piece = batch.rows(1, 3)
    assert piece.pixel_values[:, 0, 0, 0].tolist() == [1.0]  # of the text row none, of the other its own
    assert piece.input_ids.shape[1] == len(rows[2].input_ids)
    assert batch.rows(0, 1).input_ids.shape[1] == len(rows[0].input_ids)  # no wider than it needs to be


def test_tokenizers_that_cannot_serve_are_refused() -> None:
    tokenizer = byte_tokenizer()
    with pytest.raises(InputError, match="max_length"):
        TextEncoder(tokenizer, 99, 576, 400)
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="end token"):
        TextEncoder(tokenizer, 99, 4, 400)
