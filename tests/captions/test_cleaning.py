"""Tidying: quotes and blanks change, words do not."""

from __future__ import annotations

import pytest

from pairsmith.captions.cleaning import clean, strip_prefix, words


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        ("  a  dog\n\n on\ta bench \u00a0here ", "a dog on a bench here"),
        ("“This is an image of a dog’s bowl.”", "This is an image of a dog's bowl."),
        ('"A sign reads "stop" in red"', '"A sign reads "stop" in red"'),
        ('"A dog."', "A dog."),
        ("**This is** a dog", "This is a dog"),
        ("*a dog*", "a dog"),
        ("zero\u200bwidth\x00 and cafe\u0301", "zerowidth and café"),
        ("and so on…", "and so on..."),
        ("", ""),
        ('"', '"'),
    ],
)
def test_clean(raw: str, tidy: str) -> None:
    assert clean(raw) == tidy
    assert clean(tidy) == tidy


def test_words() -> None:
    assert words("A well-lit dog's bowl, 2 cafés -- and_more!") == [
        "a", "well-lit", "dog's", "bowl", "2", "cafés", "and", "more",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("This is an image of a dog on grass.", "A dog on grass."),
        ("this is an image of: two dogs.", "Two dogs."),
        ("This is an image of", "This is an image of"),
        ("This is an image often seen.", "This is an image often seen."),
        ("A dog.", "A dog."),
    ],
)
def test_strip_prefix(text: str, stripped: str) -> None:
    assert strip_prefix(text, "This is an image of") == stripped
    assert strip_prefix(text, "") == text
