"""Tidying what a language model wrote, without changing the words that stay."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "`": "'", "…": "..."}
)
# What chat models put before a caption: "Caption:", "**Image description:** ".
_LABEL = re.compile(
    r"^(?:(?:the|my|image|photo|example|short) ){0,3}(?:caption|description|answer)\s*:\s*", re.IGNORECASE
)
# A sentence's end, unless it is that of a short form or an initial.
_SENTENCE_END = re.compile(r"(?<!\b[A-Za-z])(?<!\b(?:Mr|Ms|Dr|St|vs))(?<!\b(?:Mrs|etc))[.!?]+[\"')\]]*(?=\s|$)")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def clean(text: str) -> str:
    """The text on one line, with plain quotes, without a label before it or quotes or asterisks around it all.

    Control and zero-width characters go, composed letters are joined (NFC), runs of blanks become one.
    """
    text = unicodedata.normalize("NFC", text).translate(_PLAIN)
    text = "".join(" " if char.isspace() else char for char in text if char.isspace() or char.isprintable())
    text = " ".join(text.split())
    text = _unquoted(_LABEL.sub("", _unquoted(text).replace("**", "").strip(), count=1))
    return text.strip()


def _unquoted(text: str) -> str:
    while len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'*_" and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def whole_sentences(text: str, most: int) -> str:
    """The sentences at the beginning that have at most `most` words together; the text as it is if there are none.

    What a model adds after an answer of the length asked for, or could not end any more, goes.
    """
    best = ""
    for found in _SENTENCE_END.finditer(text):
        part = text[: found.end()]
        if len(words(part)) > most:
            break
        best = part
    return best or text


def words(text: str) -> list[str]:
    """The words in lower case; "man's" and "well-lit" are one word each."""
    return [word.lower() for word in _WORD.findall(text)]


def strip_prefix(text: str, prefix: str) -> str:
    """The text without its opening and with a capital again: "This is an image of a dog." gives "A dog.".

    A text that begins otherwise, or is nothing but its opening, comes back as it is.
    """
    if not prefix or not text.lower().startswith(prefix.lower()):
        return text
    rest = text[len(prefix) :].lstrip(" ,:")
    if not rest or text[len(prefix)].isalnum():
        return text
    return rest[0].upper() + rest[1:]
