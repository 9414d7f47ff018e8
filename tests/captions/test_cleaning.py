"""Tidying: quotes and blanks change, words do not."""

from __future__ import annotations

import pytest

from pairsmith.captions.cleaning import clean, strip_prefix, whole_sentences, words


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        ("  a  dog\n\n on\ta bench \u00a0here ", "a dog on a bench here"),
        ("“This is an image of a dog’s bowl.”", "This is an image of a dog's bowl."),
        ('"A sign reads "stop" in red"', '"A sign reads "stop" in red"'),
        ('"A dog."', "A dog."),
        ("**This is** a dog", "This is a dog"),
        ("*a dog*", "a dog"),
        ('**Caption:** "A dog."', "A dog."),
        ("Image description: A dog.", "A dog."),
        ("The caption of a book: red.", "The caption of a book: red."),
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


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("A dog sits. It is red.", 50, "A dog sits. It is red."),
        ("A dog sits. It is red. And then it", 50, "A dog sits. It is red."),
        ("A dog sits. It is red. It runs.", 6, "A dog sits. It is red."),
        ("A dog sits. It is red. It runs.", 5, "A dog sits."),
        ("A dog in St. Louis, Mo. Mr. X. Smith sits", 50, "A dog in St. Louis, Mo."),
        ('He said "stop!" and ran', 50, 'He said "stop!"'),
        ("It costs 3.50 in all", 50, "It costs 3.50 in all"),
        ("A dog that has no end", 50, "A dog that has no end"),
        ("Too many words. Here.", 2, "Too many words. Here."),
        ("", 5, ""),
    ],
)
def test_whole_sentences(text: str, most: int, kept: str) -> None:
    assert whole_sentences(text, most) == kept
