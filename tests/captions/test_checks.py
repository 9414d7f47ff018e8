"""Checks: what each lets through and what it stops."""

from __future__ import annotations

import pytest

from pairsmith.captions import SYNTH2_CLASS_PROMPT, CheckSettings, Prompt
from pairsmith.captions.checks import (
    check_caption,
    concept_missing,
    empty,
    meta_text,
    missing_prefix,
    outside_band,
    reason_code,
    refusal,
    repetitive,
    too_many_tokens,
    unfinished,
)

GOOD = (
    "This is an image of a brown dog that lies on a green lawn beside a red ball. A white wooden fence stands behind "
    "it, and two trees cast shade over the grass on the left."
)


@pytest.mark.parametrize(("text", "bad"), [("", True), (" ... !", True), ("a", False)])
def test_empty(text: str, bad: bool) -> None:
    assert (empty(text) is not None) is bad


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I am unable to view images.",
        "As an AI language model, I have no eyes.",
        "I cannot create a description of that.",
        "I apologize for the confusion.",
    ],
)
def test_refusals(text: str) -> None:
    assert (refusal(text) or "").startswith("refusal: ")


@pytest.mark.parametrize(
    "text",
    [
        "Sure! This is an image of a dog.",
        "Here is a caption for your image: a dog.",
        "Here's a human-annotated description of a dog.",
        "Caption: a dog.",
        "This is an image of a dog. Let me know if you need more.",
        "This is an image of a dog. (38 words)",
        "This is an image of a [color] dog.",
        "This is an image of a dog.<|im_end|>",
    ],
)
def test_talk_about_the_task(text: str) -> None:
    assert (meta_text(text) or "").startswith("meta text: ")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Sure-footed goats stand on a cliff. Here is a sign, and here are the three words on it.",
        "This is an image of a great dane. A man apologizes to a sorry-looking cat.",
        "This is an image of a bottle whose label describes its 3 ingredients.",
    ],
)
def test_plain_captions_are_neither(text: str) -> None:
    assert refusal(text) is None
    assert meta_text(text) is None


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("This is an image of a dog.", False),
        ("THIS IS an  image of, a dog.", False),
        ("This image is of a dog.", True),
        ("A dog. This is an image of it.", True),
        ("This is an image", True),
        ("This is an image often seen.", True),
    ],
)
def test_prefix(text: str, bad: bool) -> None:
    assert (missing_prefix(text, "This is an image of") is not None) is bad


@pytest.mark.parametrize(("count", "code"), [(4, "too short"), (5, None), (7, None), (8, "too long")])
def test_band_includes_its_ends(count: int, code: str | None) -> None:
    reason = outside_band(" ".join(["dog"] * count), 5, 7)
    assert (reason and reason_code(reason)) == code


@pytest.mark.parametrize(
    ("text", "concept", "bad"),
    [
        ("Two dogs.", "dog", False),
        ("The dog's bowl.", "dog", False),
        ("A Racing-Car.", "racing car", False),
        ("A black-dog statue", "dog", False),
        ("A hotdog.", "dog", True),
        ("A puppy.", "dog", True),
        ("Men in hats", "man", False),
        ("A t-shirt hangs", "T-shirt", False),
    ],
)
def test_concept(text: str, concept: str, bad: bool) -> None:
    assert (concept_missing(text, concept) is not None) is bad


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        (GOOD, False),
        ("a very very old dog", False),
        ("a very very very old dog", True),
        ("there is a dog. " * 2, False),
        ("there is a dog. " * 3, True),
        ("a dog and a cat and a dog and a cow and a dog and the cat and the dog with a dog and a cat", True),
    ],
)
def test_repetition(text: str, bad: bool) -> None:
    assert (repetitive(text) is not None) is bad


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("A dog.", False),
        ('A sign says "stop."', False),
        ("A dog (brown.)", False),
        ("A dog", True),
        ("A dog,", True),
        ("A dog on the.", True),
        ("", True),
    ],
)
def test_unfinished(text: str, bad: bool) -> None:
    assert (unfinished(text) is not None) is bad


def test_tokens() -> None:
    count = lambda text: len(text)  # noqa: E731
    assert too_many_tokens("abcd", count, 4) is None
    assert too_many_tokens("abcde", count, 4) == "too many tokens: 5 of at most 4"


def test_a_good_caption_passes_all() -> None:
    assert check_caption(GOOD, SYNTH2_CLASS_PROMPT, "dog", CheckSettings()) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("I'm sorry, as an AI I see no dog.", "refusal"),
        ("Sure! " + GOOD, "meta text"),
        (GOOD.replace("This is an image of", "Here lies"), "prefix missing"),
        (GOOD.replace("brown dog", "brown brown brown dog"), "repetition"),
        (GOOD[:-1], "unfinished"),
        ("This is an image of a dog.", "too short"),
        (
            GOOD + " Near the dog there are seven blue flowers, nine stones, one bucket, some sand and an old bicycle.",
            "too long",
        ),
        (GOOD.replace("dog", "cat"), "concept missing"),
    ],
)
def test_the_gravest_reason_is_named(text: str, code: str) -> None:
    assert reason_code(check_caption(text, SYNTH2_CLASS_PROMPT, "dog", CheckSettings()) or "") == code


def test_checks_can_be_switched_off() -> None:
    off = CheckSettings(concept=False, meta=False, repetition=False)
    plain = Prompt(name="plain", template="", sentence=False)
    text = "Sure: no no no"
    assert check_caption(text, plain, "dog", CheckSettings()) is not None
    assert check_caption(text, plain, "dog", off) is None
    assert check_caption(GOOD.replace("dog", "cat"), SYNTH2_CLASS_PROMPT, None, CheckSettings()) is None


def test_the_token_limit_needs_a_counter() -> None:
    limited = CheckSettings(max_tokens=5)
    assert check_caption(GOOD, SYNTH2_CLASS_PROMPT, "dog", limited, lambda text: 6) == "too many tokens: 6 of at most 5"
    assert check_caption(GOOD, SYNTH2_CLASS_PROMPT, "dog", limited, lambda text: 5) is None
