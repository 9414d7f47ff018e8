"""A small bank of concepts, and what a scripted writer answers to it."""

from __future__ import annotations

from pathlib import Path

from pairsmith.captions import ConceptBank, Request, WriteFailure

BANK = ConceptBank(["dog", "cat", "racing car", "owl", "tree"])
COLOURS = ("red", "blue", "green", "old", "small", "big")


def good_caption(request: Request) -> str:
    """A good answer to the paper's prompt, of its seed."""
    concept = request.prompt.partition("object: ")[2].partition(".")[0]
    colours = [COLOURS[request.seed // 7**place % 6] for place in range(6)]
    return (
        f"{request.start} a {colours[0]} {concept} number {request.seed % 9973} beside a {colours[1]} bench and a "
        f"{colours[2]} wall. A {colours[3]} path leads to a {colours[4]} gate, and there is a {colours[5]} sky."
    )


def moody_answer(request: Request) -> str | WriteFailure:
    """Good, bad or nothing, by the seed."""
    mood = request.seed % 5
    if mood == 0:
        return WriteFailure("HTTP 500: oops")
    if mood == 1:
        return "I'm sorry, I cannot do that."
    if mood == 2:
        return WriteFailure("unfinished: no end within 9 tokens", "This is an image of a")
    return good_caption(request)


def shard_bytes(folder: Path) -> dict[str, bytes]:
    """The shards of a store by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*.parquet"))}
