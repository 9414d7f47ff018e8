"""How LLaVA-1.5 writes a conversation, and which part of the text it learns.

    plain       <image>A DOG ON GRASS\\n                                          stage 1: the caption and its line end
    vicuna_v1   SYSTEM USER: <image>\\nQUESTION ASSISTANT: ANSWER</s>USER: ...    stage 2: answers and end tokens

LLaVA cuts the text at the markers and tokenises the pieces apart; here the whole text is tokenised with the marker as
a special token, exactly as the saved processor does when the model is used. The two differ only for tokenizers that
put a word-start sign before the first word of a text alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pairsmith.errors import InputError
from pairsmith.pairs.conversations import MARKER, Exchange

Style = Literal["plain", "vicuna_v1"]

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
"""The system message of Vicuna v1.1, which LLaVA-1.5 uses."""


@dataclass(frozen=True)
class Piece:
    """A part of the text, and whether its tokens carry loss."""

    text: str
    trained: bool


def write_plain(exchanges: Sequence[Exchange]) -> list[Piece]:
    """Stage 1: the question is the picture alone, whatever it says in words.

    Raises:
        InputError: not one question with one picture.
    """
    if len(exchanges) != 1 or exchanges[0].question.count(MARKER) != 1:
        raise InputError("the plain format of stage 1 takes one picture and one answer; train such rows in stage 2")
    return [Piece(MARKER, False), Piece(exchanges[0].answer + "\n", True)]


def write_vicuna(exchanges: Sequence[Exchange], eos: str, system: str = SYSTEM) -> list[Piece]:
    """Stage 2: every question is followed by its answer and the end token, and those are learnt."""
    pieces = []
    for number, exchange in enumerate(exchanges):
        start = f"{system} " if number == 0 and system else ""
        pieces.append(Piece(f"{start}USER: {place_markers(exchange.question)} ASSISTANT:", False))
        pieces.append(Piece(f" {exchange.answer}{eos}", True))
    return pieces


def write_prompt(question: str, system: str = SYSTEM) -> str:
    """The text of stage 2 up to where the first answer begins."""
    return write_vicuna([Exchange(question, "")], "", system)[0].text


def place_markers(question: str) -> str:
    """The question with its markers first, each on a line of its own."""
    markers = question.count(MARKER)
    if not markers:
        return question
    return (f"{MARKER}\n" * markers + question.replace(MARKER, "").strip()).strip()


def chat_template(eos: str, system: str = SYSTEM) -> str:
    """The Jinja template that writes `vicuna_v1`, for contents that are texts or lists of pictures and texts."""
    start = json.dumps(f"{system} " if system else "")
    return (
        "{{ " + start + " }}"
        "{% for message in messages %}"
        "{% if message['role'] == 'user' %}{{ 'USER: ' }}{% else %}{{ 'ASSISTANT: ' }}{% endif %}"
        "{% if message['content'] is string %}{{ message['content'] }}"
        "{% else %}"
        "{% for item in message['content'] if item['type'] == 'image' %}{{ '" + MARKER + "\\n' }}{% endfor %}"
        "{% for item in message['content'] if item['type'] == 'text' %}{{ item['text'] }}{% endfor %}"
        "{% endif %}"
        "{% if message['role'] == 'user' %}{{ ' ' }}{% else %}{{ " + json.dumps(eos) + " }}{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
    )
