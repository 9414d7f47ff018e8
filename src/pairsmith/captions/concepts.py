"""Banks of concepts: what captions are asked for, one concept a row.

The packaged bank stands in for the classes of ImageNet-21k (Synth² §3.1): about 7,700 names of visible things from
WordNet's nouns, made by `tools/make_concepts.py`. A user's own bank is a text file or a CSV file.
"""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import accumulate
from pathlib import Path

import numpy as np

from pairsmith.errors import InputError
from pairsmith.seeds import row_seed
from pairsmith.settings import fingerprint

logger = logging.getLogger(__name__)

_PACKAGED = "concepts.txt"


class ConceptBank:
    """Concepts with weights, drawn per row.

    Args:
        names: distinct names; blanks around and inside them are tidied.
        weights: one a name, 0 or more and not all 0; None draws uniformly, as the paper does.
        source: what to call the bank in messages.
        domains: one a name, such as "medical"; empty where a concept has none.

    Raises:
        InputError: no names, an empty or repeated name, or weights or domains that do not fit.
    """

    def __init__(
        self,
        names: Iterable[str],
        weights: Sequence[float] | None = None,
        source: str = "concepts",
        domains: Sequence[str] | None = None,
    ) -> None:
        self.source = source
        self.names: tuple[str, ...] = tuple(" ".join(name.split()) for name in names)
        self.weights: tuple[float, ...] = (
            (1.0,) * len(self.names) if weights is None else tuple(float(weight) for weight in weights)
        )
        self.domains: tuple[str, ...] = tuple(domains) if domains is not None else ("",) * len(self.names)
        if len(self.domains) != len(self.names):
            raise InputError(f"{source}: {len(self.names)} concepts, but {len(self.domains)} domains")
        if not self.names:
            raise InputError(f"{source}: there are no concepts")
        if "" in self.names:
            raise InputError(f"{source}: concept {self.names.index('') + 1} is empty")
        if len(set(self.names)) < len(self.names):
            twice = next(name for at, name in enumerate(self.names) if name in self.names[:at])
            raise InputError(f"{source}: the concept {twice!r} stands there twice")
        if len(self.weights) != len(self.names):
            raise InputError(f"{source}: {len(self.names)} concepts, but {len(self.weights)} weights")
        for name, weight in zip(self.names, self.weights, strict=True):
            if not (math.isfinite(weight) and weight >= 0):
                raise InputError(f"{source}: the weight of {name!r} must be 0 or more, not {weight}")
        self._cumulative = np.array(list(accumulate(self.weights)))  # [C]
        if self._cumulative[-1] <= 0:
            raise InputError(f"{source}: all weights are 0")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of names, weights and domains: what a stage records as its input."""
        parts = [list(self.names), list(self.weights)]
        return fingerprint([*parts, list(self.domains)] if any(self.domains) else parts)

    @property
    def uniform(self) -> bool:
        """Whether all concepts have the same weight."""
        return len(set(self.weights)) == 1

    def only(self, domains: Iterable[str]) -> ConceptBank:
        """The concepts of some domains.

        Raises:
            InputError: a domain that no concept has.
        """
        wanted = set(domains)
        unknown = sorted(wanted - set(self.domains))
        if unknown:
            known = ", ".join(sorted(set(self.domains) - {""})) or "none"
            raise InputError(f"no concept has the domain {unknown[0]!r}; the bank's domains: {known}")
        rows = [at for at, domain in enumerate(self.domains) if domain in wanted]
        return ConceptBank(
            [self.names[at] for at in rows],
            [self.weights[at] for at in rows],
            domains=[self.domains[at] for at in rows],
            source=self.source,
        )

    def save(self, path: Path | str) -> None:
        """Write the bank as a CSV file that `from_file` reads."""
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["concept", "weight", "domain"])
            writer.writerows(zip(self.names, (f"{weight:g}" for weight in self.weights), self.domains, strict=True))

    def sample(self, run_seed: int, row_id: str) -> str:
        """The concept of a row: a draw by weight that depends on nothing but the arguments and the bank."""
        share = row_seed(run_seed, row_id, "concept") / 2**63  # in [0, 1]
        index = int(np.searchsorted(self._cumulative, share * self._cumulative[-1], side="right"))
        return self.names[min(index, self._last_drawable())]

    def _last_drawable(self) -> int:
        """The last concept with a weight: rounding may carry a share to 1, past the end."""
        return int(np.searchsorted(self._cumulative, self._cumulative[-1], side="left"))

    @classmethod
    def packaged(cls) -> ConceptBank:
        """The built-in bank, uniform."""
        text = resources.files("pairsmith.captions").joinpath("data", _PACKAGED).read_text(encoding="utf-8")
        return cls([line for line in text.splitlines() if line and not line.startswith("#")], source=_PACKAGED)

    @classmethod
    def from_file(cls, path: Path | str) -> ConceptBank:
        """A bank from a user's file.

        Text files hold one concept a line, optionally followed by a tab and a weight, and by another tab and a domain;
        empty lines and lines that begin with `#` are passed over. CSV files (`.csv`) hold a concept, an optional weight
        and an optional domain, and may begin with a heading line such as `concept,weight,domain`. A concept that comes
        again is dropped with a warning.

        Raises:
            InputError: an unreadable or empty file, a weight that is no number; the line is named.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as UTF-8 text ({error})") from error
        rows = _csv_rows(text, path) if path.suffix.lower() == ".csv" else _text_rows(text)
        weights: dict[str, float] = {}
        domains: list[str] = []
        for number, fields in rows:
            name = " ".join(fields[0].split())
            if len(fields) > 3:
                raise InputError(
                    f"{path}, line {number}: a concept and at most a weight and a domain, not {len(fields)} fields"
                )
            if not name:
                raise InputError(f"{path}, line {number}: a weight without a concept")
            weighted = len(fields) >= 2 and (len(fields) == 2 or bool(fields[1].strip()))
            weight = _weight(fields[1], f"{path}, line {number}") if weighted else 1.0
            if name in weights:
                logger.warning("%s, line %d: the concept %r comes again and is dropped", path, number, name)
                continue
            weights[name] = weight
            domains.append(fields[2].strip() if len(fields) == 3 else "")
        if not weights:
            raise InputError(f"{path}: there are no concepts in this file; write one a line")
        return cls(weights, list(weights.values()), source=str(path), domains=domains)


def _text_rows(text: str) -> list[tuple[int, list[str]]]:
    return [
        (number, line.rstrip().split("\t"))
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]


def _csv_rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        rows = [(reader.line_num, fields) for fields in reader if any(field.strip() for field in fields)]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error})") from error
    if rows and [field.strip().lower() for field in rows[0][1]] in (
        ["concept"],
        ["concept", "weight"],
        ["concept", "weight", "domain"],
    ):
        return rows[1:]
    return rows


def _weight(text: str, where: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        raise InputError(f"{where}: the weight {text.strip()!r} is not a number") from None
    if not (math.isfinite(weight) and weight >= 0):
        raise InputError(f"{where}: the weight must be 0 or more, not {text.strip()}")
    return weight
