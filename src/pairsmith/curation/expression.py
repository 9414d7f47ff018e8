"""Sums of scores as text: `clip + 0.5 * ssim`, and thresholds as `ssim > 0.5`. Read by a small parser, never evaluated.

Numbers, names of scores, + - * / and parentheses; a threshold compares two such sums by one of > >= < <=. A name with
other characters than letters, digits, '_' and '.' stands in backquotes: `clip-l14` as a name, clip-l14 as a difference.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError

Floats = NDArray[np.float64]

_LONGEST = 500  # characters; also bounds how deeply parentheses can nest
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|`(?P<quoted>[^`]+)`|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign>[<>]=?|[-+*/()]))"
)
_ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[[Floats, Floats], NDArray[np.bool_]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip

Node = Callable[[Mapping[str, Floats]], Floats]


@dataclass(frozen=True, eq=False)
class Expression:
    """A sum of scores.

    Attributes:
        text: as it was written.
        names: the scores in it, in order of appearance.
    """

    text: str
    names: tuple[str, ...]
    _value: Node

    def value(self, scores: Mapping[str, Floats]) -> Floats:
        """The sum for every row: scores [N] by name -> [N]; NaN or infinite where a score is, or by division."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.asarray(self._value(scores), np.float64)


@dataclass(frozen=True, eq=False)
class Threshold:
    """A comparison of two sums."""

    text: str
    names: tuple[str, ...]
    _holds: Callable[[Mapping[str, Floats]], NDArray[np.bool_]]

    def holds(self, scores: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """Whether it holds, bool [N]; a missing score holds nothing."""
        return self._holds(scores)


def parse_expression(text: str) -> Expression:
    """Read a sum.

    Raises:
        InputError: it is none; the message shows where it goes wrong.
    """
    parser = _Parser(text)
    node = parser.sum()
    parser.expect_end("an operator")
    if not parser.names:
        raise InputError(f"{text!r} names no score: write a sum as in clip + 0.5 * ssim")
    return Expression(text, tuple(parser.names), node)


def parse_threshold(text: str) -> Threshold:
    """Read a comparison.

    Raises:
        InputError: it is none.
    """
    parser = _Parser(text)
    first = parser.sum()
    sign = parser.next_sign(_COMPARISONS)
    if sign is None:
        raise parser.error("one of > >= < <=")
    second = parser.sum()
    parser.expect_end("the end")
    if not parser.names:
        raise InputError(f"{text!r} names no score: write a threshold as in ssim > 0.5")
    compare = _COMPARISONS[sign]

    def holds(scores: Mapping[str, Floats]) -> NDArray[np.bool_]:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.asarray(compare(first(scores), second(scores)))

    return Threshold(text, tuple(parser.names), holds)


class _Parser:
    """Recursive descent: a sum of products of signed numbers, names and parentheses."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise InputError(f"an expression of {len(text)} characters is too long; {_LONGEST} are enough for any sum")
        self._text = text
        self._at = 0
        self._depth = 0
        self.names: dict[str, None] = {}

    def sum(self) -> Node:
        node = self._product()
        while (sign := self.next_sign(("+", "-"))) is not None:
            node = _apply(sign, node, self._product())
        return node

    def next_sign(self, signs: object) -> str | None:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found["sign"] is None or found["sign"] not in signs:  # type: ignore[operator]
            return None
        self._at = found.end()
        return found["sign"]

    def expect_end(self, wanted: str) -> None:
        if self._text[self._at :].strip():
            raise self.error(wanted)

    def error(self, wanted: str) -> InputError:
        rest = self._text[self._at :].strip()
        where = f"at {rest!r}" if rest else "at its end"
        return InputError(f"{self._text!r} cannot be read {where}: {wanted} is wanted there")

    def _product(self) -> Node:
        node = self._signed()
        while (sign := self.next_sign(("*", "/"))) is not None:
            node = _apply(sign, node, self._signed())
        return node

    def _signed(self) -> Node:
        negative = False
        while (sign := self.next_sign(("+", "-"))) is not None:
            negative ^= sign == "-"
        node = self._atom()
        return (lambda scores: -node(scores)) if negative else node

    def _atom(self) -> Node:
        found = _TOKEN.match(self._text, self._at)
        if found is not None and found["number"] is not None:
            self._at = found.end()
            number = np.float64(found["number"])
            return lambda scores: np.asarray(number)
        if found is not None and (name := found["quoted"] or found["name"]):
            self._at = found.end()
            self.names[name] = None
            return lambda scores: scores[name]
        if self.next_sign(("(",)) is not None:
            self._depth += 1
            if self._depth > 50:
                raise InputError(f"{self._text!r} has too many parentheses inside each other")
            node = self.sum()
            if self.next_sign((")",)) is None:
                raise self.error("')'")
            self._depth -= 1
            return node
        raise self.error("a number, the name of a score or '('")


def _apply(sign: str, first: Node, second: Node) -> Node:
    operation = _ARITHMETIC[sign]
    return lambda scores: operation(first(scores), second(scores))
