"""Which of two sets a judge prefers, pair against pair, without being told which set is which.

Every comparison is asked twice with the order swapped. A set wins it when both answers name it; answers that contradict
each other, or a tie in either, make a tie. How often the order alone decided is told beside the result, since judges
favour a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pairsmith.captions.writer import Request, WriteFailure, Writer
from pairsmith.curation.data_sets import DataSet
from pairsmith.curation.scores.judge import picture_bytes
from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE, Interval, mean_interval
from pairsmith.pairs import decode_image
from pairsmith.seeds import numpy_generator, row_seed

PROMPT = (
    "Here are two pictures with a caption each. The first picture is A, the second is B.\nCaption of A: [first]\n"
    "Caption of B: [second]\n\nWhich of the two is the better pair of picture and caption: the better picture, "
    "described more truly? Answer with one word: A, B or tie."
)
_FIRST_WORD = re.compile(r"\W*(?:answer\W+)?(?:a )?(tie|a|b)\b(?!')", re.IGNORECASE)
_LETTER = re.compile(r"\b([AB])\b")
_ASKED = 64  # requests handed over at a time

Verdict = Literal["first", "second", "tie"]


@dataclass(frozen=True)
class Preference:
    """What a judge preferred.

    Attributes:
        wins, losses, ties: comparisons that the first set won, lost, or that were even; ties include `swayed`.
        swayed: comparisons in which both answers named the same place, so the order alone decided.
        failed: comparisons without two readable answers; they count nowhere else.
        share: wins plus half of the ties, over all that were judged, with its 95 % interval.
    """

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    swayed: int
    failed: int
    share: Interval


def match_pairs(
    first: DataSet, second: DataSet, most: int, how: Literal["caption", "random"], seed: int = 0
) -> list[tuple[int, int]]:
    """Positions of rows that are compared: (in the first store, in the second), at most `most`, drawn by the seed.

    Args:
        how: "caption" matches rows with the very same caption; "random" draws a row of each set.

    Raises:
        InputError: no two rows share a caption.
    """
    generator = numpy_generator(seed, f"{first.name}/{second.name}", "preference")
    if how == "random":
        size = min(most, len(first), len(second))
        return [
            (int(one), int(other))
            for one, other in zip(
                generator.permutation(first.positions)[:size],
                generator.permutation(second.positions)[:size],
                strict=True,
            )
        ]
    captions = second.store.column("caption").to_pylist()
    there: dict[str, list[int]] = {}
    for at in second.positions:
        there.setdefault(captions[at], []).append(int(at))
    mine = first.store.column("caption").to_pylist()
    pairs = []
    for at in generator.permutation(first.positions):
        if others := there.get(mine[at]):
            pairs.append((int(at), others.pop(0)))
        if len(pairs) == most:
            break
    if not pairs:
        raise InputError(
            f"{first.name!r} and {second.name!r} share no caption: compare rows at random instead of by caption"
        )
    return pairs


def prefer(
    first: DataSet,
    second: DataSet,
    writer: Writer,
    pairs: Sequence[tuple[int, int]],
    *,
    side: int = 512,
    seed: int = 0,
    progress: Callable[[int, int, int], None] | None = None,
) -> Preference:
    """Ask a judge about pairs of rows.

    Args:
        first, second: the sets.
        writer: a judge that sees pictures.
        pairs: from `match_pairs`.
        side: longer side of the pictures that are sent, in pixels.
        seed: of the bootstrap.
        progress: called with (comparisons done, all, failed).

    Raises:
        InputError: nothing to compare, or not one comparison was answered.
        WriterUnavailable: nobody answers.
    """
    if not pairs:
        raise InputError("there are no pairs to compare")
    outcomes: list[float] = []
    wins = losses = ties = swayed = failed = 0
    step = max(1, _ASKED // 2)
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        sides = [(_shown(first, one, side), _shown(second, other, side)) for one, other in part]
        askable = [at for at, (one, other) in enumerate(sides) if one is not None and other is not None]
        requests = [request for at in askable for request in _both_orders(sides[at])]
        answers = writer.write(requests) if requests else []
        failed += len(part) - len(askable)
        for forward, backward in zip(answers[::2], answers[1::2], strict=True):
            one, other = read_verdict(forward), read_verdict(backward)
            if one is None or other is None:
                failed += 1
                continue
            if one == "first" and other == "second":
                wins += 1
                outcomes.append(1.0)
            elif one == "second" and other == "first":
                losses += 1
                outcomes.append(0.0)
            else:
                ties += 1
                swayed += one == other != "tie"
                outcomes.append(0.5)
        if progress is not None:
            progress(start + len(part), len(pairs), failed)
    if not outcomes:
        raise InputError(f"not one of {failed:,} comparisons got two answers that name A, B or tie")
    share = mean_interval(np.array(outcomes), seed, bounds=SHARE)
    return Preference(first.name, second.name, wins, losses, ties, int(swayed), failed, share)


def read_verdict(answer: str | WriteFailure) -> Verdict | None:
    """What an answer names: its first word where that is a verdict, else the only letter in it; None without one."""
    text = answer.text if isinstance(answer, WriteFailure) else answer
    begin = _FIRST_WORD.match(text)
    letters = set(_LETTER.findall(text))
    if begin is not None and begin[1].lower() == "tie":
        return "tie"
    if begin is not None:
        return "first" if begin[1].lower() == "a" else "second"
    if len(letters) == 1:
        return "first" if letters == {"A"} else "second"
    return None


def _shown(one: DataSet, position: int, side: int) -> tuple[bytes, str] | None:
    """A row's picture as it is sent, and its caption; None where there is no readable picture."""
    pair = one.store.pair(position)
    try:
        return picture_bytes(decode_image(pair.image or b""), side, "jpeg"), pair.caption
    except InputError:
        return None


def _both_orders(sides: tuple[tuple[bytes, str] | None, tuple[bytes, str] | None]) -> list[Request]:
    one, other = sides
    assert one is not None
    assert other is not None
    requests = []
    for (picture, caption), (second_picture, second_caption) in ((one, other), (other, one)):
        prompt = _prompt(caption, second_caption)
        requests.append(Request(prompt, row_seed(0, prompt, "preference"), images=(picture, second_picture)))
    return requests


def _prompt(first: str, second: str) -> str:
    """The question; in one pass, so that a caption that says "[second]" is not filled in."""
    texts = {"first": first, "second": second}
    return re.sub(r"\[(first|second)\]", lambda found: texts[found[1]], PROMPT)
