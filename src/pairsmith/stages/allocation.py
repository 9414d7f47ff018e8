"""Which caption is drawn by which generators, written down before anything is drawn.

A budget of pictures can be spent on many captions drawn once or on few drawn by several generators; what is compared
must cost the same to the picture. So the plan is a file of drawings (caption, generator, turn), made by pure functions
from captions, settings and seed. A caption's hard negative is drawn by the same generators as the caption itself: what
tells the two apart is then their content alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.seeds import numpy_generator, row_seed
from pairsmith.settings import Settings, canonical_json, fingerprint

_SETTINGS_KEY, _INPUT_KEY = b"pairsmith.settings", b"pairsmith.captions"


class AllocationSettings(Settings):
    """How a budget of pictures is spent."""

    budget: int = Field(gt=0, description="pictures in all, of captions and of negatives")
    views: int = Field(
        default=1, gt=0, description="pictures of each caption (m), by different generators as far as there are any"
    )
    weights: dict[str, float] = Field(min_length=1, description="generator -> its share of the pictures, in any unit")
    by_axis: dict[str, dict[str, float]] = Field(
        default={}, description="other weights for captions of an axis: axis -> generator -> share"
    )
    negatives: bool = Field(
        default=False, description="draw each caption's hard negative too, by the same generators; needs its row"
    )
    seed: int = Field(default=0, ge=0, description="chooses captions and who draws what")

    @model_validator(mode="after")
    def _positive(self) -> AllocationSettings:
        for where, weights in [("weights", self.weights), *self.by_axis.items()]:
            if not weights or min(weights.values()) < 0 or not sum(weights.values()) > 0:
                raise ValueError(f"{where}: shares must be 0 or more, and one of them above")
        return self


@dataclass(frozen=True)
class Drawing:
    """One picture to be made: of the caption row `caption`, by `generator`; `turn` counts its pictures of it from 0."""

    caption: str
    generator: str
    turn: int
    negative: bool = False


@dataclass(frozen=True)
class Allocation:
    """A plan.

    Attributes:
        drawings: all pictures, caption by caption.
        settings: how they came about.
        captions: fingerprint of the store of captions.
    """

    drawings: tuple[Drawing, ...]
    settings: AllocationSettings
    captions: str

    def counts(self) -> dict[str, int]:
        """Pictures of each generator."""
        found = Counter(drawing.generator for drawing in self.drawings)
        return {name: found[name] for name in sorted(found)}

    def fingerprint(self) -> str:
        """16 hex digits that stand for the plan."""
        return fingerprint([self.settings.to_dict(), self.captions])

    def turns(self, store: PairStore, generator: str) -> list[tuple[int, int]]:
        """What one generator is to draw, in the order of the store: (position of the caption, turn).

        Raises:
            InputError: the plan was made for another store, or gives this generator nothing.
        """
        if store.fingerprint != self.captions:
            raise InputError(f"{store.folder} is not the store of captions that the allocation was made for")
        own = [drawing for drawing in self.drawings if drawing.generator == generator]
        if not own:
            raise InputError(f"the allocation gives {generator!r} nothing to draw; it has {', '.join(self.counts())}")
        positions = store.positions(drawing.caption for drawing in own)
        return sorted((int(position), drawing.turn) for position, drawing in zip(positions, own, strict=True))

    def save(self, path: Path) -> None:
        """Write a Parquet file, renamed into place."""
        table = pa.table(
            {
                name: pa.array([getattr(drawing, name) for drawing in self.drawings], kind)
                for name, kind in _SCHEMA.items()
            }
        )
        marks = {_SETTINGS_KEY: canonical_json(self.settings).encode(), _INPUT_KEY: self.captions.encode()}
        with atomic_file(path) as file:
            pq.write_table(table.replace_schema_metadata(marks), file)

    @classmethod
    def load(cls, path: Path) -> Allocation:
        """
        Raises:
            InputError: no such file, or not an allocation.
        """
        try:
            table = pq.read_table(path)
            marks: Mapping[bytes, bytes] = table.schema.metadata or {}
            settings = AllocationSettings.model_validate(json.loads(marks[_SETTINGS_KEY]))
            columns = [table.column(name).to_pylist() for name in _SCHEMA]
            drawings = tuple(Drawing(*values) for values in zip(*columns, strict=True))
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise InputError(f"{path}: is no allocation; make one with `pairsmith plan images`") from error
        return cls(drawings, settings, marks[_INPUT_KEY].decode())


_SCHEMA: dict[str, Any] = {
    "caption": pa.string(),
    "generator": pa.string(),
    "turn": pa.int32(),
    "negative": pa.bool_(),
}


def allocate(store: PairStore, settings: AllocationSettings) -> Allocation:
    """Spend a budget on the captions of a store, to the very picture.

    Captions are taken in an order of their own (a hash of seed and id), so a smaller budget takes a part of what a
    larger one takes. Where views do not divide the budget, the last caption gets fewer.

    Args:
        store: captions; with `negatives`, one of `stages.negative_rows`, where every negative is a row beside its base.
        settings: of the plan.

    Raises:
        InputError: too few captions for the budget, or, with negatives, a budget that is odd.
    """
    columns = [store.column(name).to_pylist() for name in ("id", "caption", "negative", "negative_kind", "axis")]
    rows = list(zip(*columns, strict=True))
    sides = 2 if settings.negatives else 1
    if settings.budget % sides:
        raise InputError(f"a budget of {settings.budget} pictures cannot be shared by captions and their negatives")
    shown: dict[tuple[str, str], str] = {
        (negative, caption): row_id for row_id, caption, negative, kind, _ in rows if kind == BASE_KIND
    }
    bases = [
        (row_id, axis or "", shown.get((caption, negative or "")))
        for row_id, caption, negative, kind, axis in rows
        if kind != BASE_KIND
    ]
    if settings.negatives:
        bases = [base for base in bases if base[2] is not None]
        if not bases:
            raise InputError(
                f"{store.folder} has no rows of hard negatives; make them with `pairsmith negatives` and then "
                "`pairsmith negative-rows`"
            )
    slots = settings.budget // sides
    wanted = -(-slots // settings.views)
    if wanted > len(bases):
        what = "captions with a negative beside them" if settings.negatives else "captions"
        raise InputError(
            f"a budget of {settings.budget} pictures asks for {wanted} {what}, and {store.folder} has {len(bases)}; "
            f"take a budget of at most {len(bases) * settings.views * sides}, or more views"
        )
    chosen = sorted(bases, key=lambda base: row_seed(settings.seed, base[0], "allocation"))[:wanted]
    views = [min(settings.views, slots - place * settings.views) for place in range(wanted)]
    drawn = _generators([axis for _, axis, _ in chosen], views, settings)
    drawings: list[Drawing] = []
    for (row_id, _, negative), own in zip(chosen, drawn, strict=True):
        for name, negative_side in ((row_id, False), (negative, True)):
            if name is not None and (settings.negatives or not negative_side):
                drawings += [Drawing(name, generator, turn, negative_side) for generator, turn in _numbered(own)]
    return Allocation(tuple(drawings), settings, store.fingerprint)


def quotas(weights: Mapping[str, float], count: int) -> dict[str, int]:
    """`count` pictures shared by weight, the rest by largest remainder; generators in the order given."""
    whole = sum(weights.values())
    exact = {name: count * weight / whole for name, weight in weights.items()}
    found = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in by_remainder[: count - sum(found.values())]:
        found[name] += 1
    return found


def _generators(axes: Sequence[str], views: Sequence[int], settings: AllocationSettings) -> list[list[str]]:
    """The generators of each caption. Each axis with weights of its own is shared out by itself."""
    result: list[list[str]] = [[] for _ in axes]
    for group in dict.fromkeys(axis if axis in settings.by_axis else None for axis in axes):
        members = [n for n, axis in enumerate(axes) if (axis if axis in settings.by_axis else None) == group]
        weights = settings.weights if group is None else settings.by_axis[group]
        rng = numpy_generator(settings.seed, f"axis {group}", "allocation")
        left = quotas(weights, sum(views[number] for number in members))
        for number in members:
            for _ in range(views[number]):
                own = result[number]
                open_ = [name for name in left if left[name]]
                fresh = [name for name in open_ if name not in own] or open_
                # Who has most left to draw comes next, so that nobody is left over; of equals, one by chance.
                most = max(left[name] for name in fresh)
                best = [name for name in fresh if left[name] == most]
                name = best[int(rng.integers(len(best)))]
                own.append(name)
                left[name] -= 1
    return result


def _numbered(generators: Iterable[str]) -> list[tuple[str, int]]:
    """Each generator with the number of its earlier pictures of the same caption."""
    seen: Counter[str] = Counter()
    found = []
    for name in generators:
        found.append((name, seen[name]))
        seen[name] += 1
    return found


def distinct_generators(allocation: Allocation) -> float:
    """Mean number of different generators a caption."""
    by_caption: dict[str, set[str]] = {}
    for drawing in allocation.drawings:
        by_caption.setdefault(drawing.caption, set()).add(drawing.generator)
    return float(np.mean([len(names) for names in by_caption.values()]))
