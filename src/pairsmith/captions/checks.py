"""Checks of a written caption: each a small function from a text to the reason against it, or None.

A reason is `code` or `code: detail`; the code, before the colon, is what is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from pairsmith.captions.cleaning import words
from pairsmith.captions.nouns import mentions
from pairsmith.captions.prompts import Prompt
from pairsmith.captions.settings import CheckSettings

CountTokens = Callable[[str], int]

_REFUSAL = re.compile(
    r"\b(?:i'?m|i am|we'?re) (?:really |very |so )?(?:sorry|afraid|unable|not able)\b"
    r"|\bi (?:can'?t|cannot|can not|won'?t|couldn'?t|do not|don'?t) "
    r"(?:help|assist|create|generate|provide|write|see|view|have)\b"
    r"|\bi apologi[sz]e\b|\bas an? (?:ai|artificial intelligence|(?:large )?language model|text-based)\b"
    r"|\bi(?:'?m| am) (?:just |only )?an? (?:ai|language model|assistant)\b|\bunable to (?:fulfill|comply|assist)\b",
    re.IGNORECASE,
)
_META = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely|great)\b[,!.:]"
    r"|\bhere(?:'?s| is| are) (?:a|an|the|my|your|one|some|another) (?:[\w-]+ ){0,4}"
    r"(?:caption|description|example|sentence)"
    r"|\b(?:caption|description|answer|output|response)\s*:"
    r"|\b(?:the|this|my|your|following|requested) caption\b|\b[34]\d words\b|\bword count\b|\bwords long\b"
    r"|\bhuman-annotated\b"
    r"|\b(?:let me know|feel free to|hope this helps|would you like me|as (?:you )?requested)\b"
    r"|<\|?\w+\|?>|\[[a-z][a-z _-]*\]",
    re.IGNORECASE,
)
_ENDING = re.compile(r"[.!?][\"')\]]*$")
# Words that no sentence ends with, though a full stop may follow them in a text that was broken off.
_DANGLING = {"a", "an", "the", "of", "with", "and", "or", "to", "in", "on", "at", "by", "for", "from", "its", "their"}


def empty(text: str) -> str | None:
    """There is no word in it."""
    return None if words(text) else "empty"


def refusal(text: str) -> str | None:
    """The model excuses itself."""
    found = _REFUSAL.search(text)
    return f"refusal: {found.group()!r}" if found else None


def meta_text(text: str) -> str | None:
    """The model talks about the task, or leaves a placeholder or a special token."""
    found = _META.search(text)
    return f"meta text: {found.group()!r}" if found else None


def missing_prefix(text: str, prefix: str) -> str | None:
    """The text does not begin as it was asked to, in either case."""
    expected = words(prefix)
    return None if words(text)[: len(expected)] == expected else f"prefix missing: not {prefix!r}"


def outside_band(text: str, fewest: int, most: int) -> str | None:
    """Too few or too many words."""
    count = len(words(text))
    if count < fewest:
        return f"too short: {count} words of at least {fewest}"
    if count > most:
        return f"too long: {count} words of at most {most}"
    return None


def concept_missing(text: str, concept: str) -> str | None:
    """The concept is not named, in either number, as one word or two."""
    parts = [part for word in words(text) for part in word.removesuffix("'s").split("-")]
    wanted = [part for word in words(concept) for part in word.split("-")]
    return None if mentions(parts, wanted) else f"concept missing: {concept!r}"


def repetitive(text: str) -> str | None:
    """A word three times on end, a run of four words three times, or mostly the same few words."""
    spoken = words(text)
    for at in range(len(spoken) - 2):
        if spoken[at] == spoken[at + 1] == spoken[at + 2]:
            return f"repetition: {spoken[at]!r}"
    runs = Counter(zip(*(spoken[shift:] for shift in range(4)), strict=False))
    for run, count in runs.items():
        if count >= 3:
            return f"repetition: {' '.join(run)!r}"
    if len(spoken) >= 20 and len(set(spoken)) < 0.4 * len(spoken):
        return f"repetition: {len(set(spoken))} different words of {len(spoken)}"
    return None


def unfinished(text: str) -> str | None:
    """The text does not end as a sentence does."""
    if not _ENDING.search(text):
        return "unfinished: no full stop"
    last = words(text)[-1:]
    return f"unfinished: ends with {last[0]!r}" if last and last[0] in _DANGLING else None


def too_many_tokens(text: str, count_tokens: CountTokens, most: int) -> str | None:
    """More tokens than the reading model takes: it would see the caption cut off."""
    count = count_tokens(text)
    return f"too many tokens: {count} of at most {most}" if count > most else None


def check_caption(
    text: str, prompt: Prompt, concept: str | None, settings: CheckSettings, count_tokens: CountTokens | None = None
) -> str | None:
    """The first reason against a cleaned caption, from the gravest on; None when it is good.

    Args:
        text: the caption, its prefix still there.
        prompt: what was asked for.
        concept: what it should name, if anything.
        settings: which checks count.
        count_tokens: counts the reading model's tokens; needed for `settings.max_tokens`.
    """
    checks: list[Callable[[], str | None]] = [lambda: empty(text)]
    if settings.meta:
        checks += [lambda: refusal(text), lambda: meta_text(text)]
    if prompt.prefix:
        checks.append(lambda: missing_prefix(text, prompt.prefix))
    if settings.repetition:
        checks.append(lambda: repetitive(text))
    if prompt.sentence:
        checks.append(lambda: unfinished(text))
    checks.append(lambda: outside_band(text, prompt.min_words, prompt.max_words))
    if settings.concept and concept:
        checks.append(lambda: concept_missing(text, concept))
    if settings.max_tokens is not None and count_tokens is not None:
        most = settings.max_tokens
        checks.append(lambda: too_many_tokens(text, count_tokens, most))
    return next((reason for check in checks if (reason := check()) is not None), None)


def reason_code(reason: str) -> str:
    """The part of a reason that is counted: what stands before the colon."""
    return reason.partition(":")[0]
