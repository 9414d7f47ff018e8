"""Duplicates: what counts as the same, and that the first wins."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.captions.duplicates import caption_key, first_occurrences


def test_what_counts_as_the_same() -> None:
    same = ["A dog's ice-cream, melting.", "a DOGS ice cream melting", "A  dog’s íce cream; melting!"]
    assert len({caption_key(text) for text in same}) == 1
    assert caption_key("a red dog") != caption_key("a reddog")
    assert caption_key("a dog and a cat") != caption_key("a cat and a dog")


def test_the_first_wins() -> None:
    assert first_occurrences(["b", "a", "B.", "a!", "c", "b"]).tolist() == [0, 1, 0, 1, 4, 0]
    assert first_occurrences([]).tolist() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a dog", "A dog.", "two dogs", "cat", "Cat!", "ö", "o"]), max_size=30))
def test_agrees_with_a_plain_loop(captions: list[str]) -> None:
    seen: dict[str, int] = {}
    expected = [seen.setdefault(caption_key(text), at) for at, text in enumerate(captions)]
    assert first_occurrences(iter(captions)).tolist() == expected
