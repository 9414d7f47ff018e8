from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.conversations import MARKER, ConversationFile, Exchange, PairConversations
from tests.pairs.importers.samples import picture


def turns(*texts: str) -> list[dict]:
    return [{"from": ("human", "gpt")[at % 2], "value": text} for at, text in enumerate(texts)]


def write(folder: Path, records: list) -> Path:
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(picture(ord(name[0]), (12, 10), "PNG"))
    (folder / "torn.png").write_bytes(picture(1, (12, 10), "PNG")[:60])
    path = folder / "data.json"
    path.write_text(json.dumps(records))
    return path


BAD = {
    "gone": ({"image": "gone.png", "conversations": turns("<image>\nWhat?", "A dog.")}, "image-missing: gone.png"),
    "out": ({"image": "../a.png", "conversations": turns("<image>\nWhat?", "A dog.")}, "image-path"),
    "absolute": ({"image": "/a.png", "conversations": turns("<image>\nWhat?", "A dog.")}, "image-path"),
    "long": ({"image": "x" * 300, "conversations": turns("<image>\nWhat?", "A dog.")}, "image-missing"),
    "zero": ({"image": "a\0b.png", "conversations": turns("<image>\nWhat?", "A dog.")}, "image-path"),
    "no-marker": ({"image": "a.png", "conversations": turns("What?", "A dog.")}, "markers: 0"),
    "two-markers": ({"image": "a.png", "conversations": turns("<image><image>What?", "A dog.")}, "markers: 2"),
    "text-marker": ({"conversations": turns("<image> What?", "A dog.")}, "markers: 1"),
    "answer-marker": ({"conversations": turns("What?", "An <image>.")}, "markers: an answer"),
    "unanswered": ({"conversations": turns("What?", "A dog.", "Sure?")}, "turns"),
    "two-questions": ({"conversations": [*turns("What?"), *turns("Who?")]}, "turns"),
    "empty": ({"conversations": turns("What?", "  ")}, "turns: a turn is empty"),
    "none": ({"image": "a.png"}, "conversations"),
    "number": ({"image": 3, "conversations": turns("<image>", "A dog.")}, "image: neither"),
}


def test_records_that_cannot_be_used_fail_alone_and_with_their_reason(tmp_path: Path) -> None:
    good = [
        {"id": "one", "image": "a.png", "conversations": turns("<image>\nWhat is it?", "A dog.", "Big?", "No.")},
        {"id": "text", "conversations": [{"from": "gpt", "value": "Hello."}, *turns("Who are you?", "A model.")]},
        {"id": "both", "image": ["a.png", "b.png"], "conversations": turns("<image><image>Same?", "No.")},
    ]
    path = write(tmp_path, [good[0], *({"id": name, **bad} for name, (bad, _) in BAD.items()), *good[1:], 7])
    found = ConversationFile(path, tmp_path)
    assert {failure.id: failure.reason for failure in found.failures}.keys() == {*BAD, str(3 + len(BAD))}
    for failure in found.failures[:-1]:
        assert failure.reason.startswith(BAD[failure.id][1])
    assert found.pictured.tolist() == [True, False, True]
    assert found.lengths.tolist() == [8, 5, 2]
    one, text, both = found.collate([0, 1, 2], [0, 0, 0])
    assert one.exchanges == (Exchange("<image>\nWhat is it?", "A dog."), Exchange("Big?", "No."))
    assert text.exchanges == (Exchange("Who are you?", "A model."),)  # what comes before a question answers nothing
    assert text.pictures == ()
    assert both.pictures == ((tmp_path / "a.png").read_bytes(), (tmp_path / "b.png").read_bytes())


def test_a_torn_picture_is_found_where_pictures_are_decoded(tmp_path: Path) -> None:
    records = [
        {"id": name, "image": name, "conversations": turns("<image>", "A dog.")} for name in ("torn.png", "a.png")
    ]
    path = write(tmp_path, records)
    assert len(ConversationFile(path, tmp_path)) == 2
    found = ConversationFile(path, tmp_path, check="decode")
    assert [failure.id for failure in found.failures] == ["torn.png"]
    assert found.failures[0].reason.startswith("image-damaged: torn.png")


def test_fingerprint_follows_the_file_and_which_records_are_usable(tmp_path: Path) -> None:
    records = [{"id": name, "image": name, "conversations": turns("<image>", "A dog.")} for name in ("a.png", "b.png")]
    path = write(tmp_path, records)
    before = ConversationFile(path, tmp_path).fingerprint
    assert ConversationFile(path, tmp_path).fingerprint == before
    (tmp_path / "b.png").unlink()
    assert ConversationFile(path, tmp_path).fingerprint != before


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '[{"conversations": []}]', "[" * 200_000])
def test_a_file_without_a_usable_record_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"data\.json"):
        ConversationFile(path, tmp_path)


def store(folder: Path) -> PairStore:
    pairs = [
        Pair(
            id=imported_id("t", str(at)), caption=f"caption {at} {MARKER}" + " x" * at, image=picture(at, (9, 9), "PNG")
        )
        for at in range(3)
    ]
    return PairStore.write(folder, pairs, settings={})


def test_pairs_answer_their_picture_with_the_caption(tmp_path: Path) -> None:
    source = PairConversations(store(tmp_path), np.array([2, 0]))
    assert len(source) == 2
    last, first = source.collate([0, 1], [0, 0])
    assert last.exchanges == (Exchange(MARKER, "caption 2  x x"),)  # the marker asks, and is in no answer
    assert first.pictures == (picture(0, (9, 9), "PNG"),)
    assert source.pictured.all()


def test_pairs_without_pictures_are_refused_at_once(tmp_path: Path) -> None:
    written = PairStore.write(tmp_path, [Pair(id=imported_id("t", "0"), caption="a dog")], settings={})
    with pytest.raises(InputError, match="no picture"):
        PairConversations(written)


def test_names_that_no_file_can_hold_do_not_stop_the_others(tmp_path: Path) -> None:
    good = {"id": "one", "image": "a.png", "conversations": turns("<image>\nWhat is it?", "A dog.")}
    found = ConversationFile(write(tmp_path, [good, {"id": "\ud800"}]), tmp_path)
    assert len(found) == len(found.failures) == 1
    assert found.fingerprint
