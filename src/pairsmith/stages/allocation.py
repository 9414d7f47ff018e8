"""Which caption is drawn by which generators, written down before anything is drawn.

A budget of pictures can be spent on many captions drawn once or on few drawn by several generators; what is compared
must cost the same to the picture. So the plan is a file of drawings (caption, generator, turn), made by pure functions
from captions, settings and seed. A caption's hard negative is drawn by the same generators as the caption itself: what
tells the two apart is then their content alone.

A plan may have tens of millions of drawings, so it is held in columns; `Drawing` objects are made of slices alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import atomic_file
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings, canonical_json, fingerprint
from pairsmith.stages.candidate_captions import NO_AXIS, CandidateCaptions, plan_order, read_candidates
from pairsmith.stages.dealing import NOBODY, deal, numbered, quotas
from pairsmith.stages.turns import Turns, find_positions

_SETTINGS_KEY, _INPUT_KEY = b"pairsmith.settings", b"pairsmith.captions"
_FILE_SCHEMA = pa.schema({"caption": pa.string(), "generator": pa.string(), "turn": pa.int32(), "negative": pa.bool_()})
_NAMES = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = _FILE_SCHEMA.set(1, pa.field("generator", _NAMES))
_BLOCK = 1 << 20  # drawings at a time


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

    def generators(self) -> list[str]:
        """All names, in alphabetical order."""
        return sorted({*self.weights, *(name for weights in self.by_axis.values() for name in weights)})


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
        table: all pictures, caption by caption; `caption` string, the id of its row, `generator` string as numbers in a
            dictionary of `settings.generators()`, `turn` int32, `negative` bool; [budget] rows.
        settings: how they came about.
        captions: fingerprint of the store of captions.
    """

    table: pa.Table
    settings: AllocationSettings
    captions: str

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def drawings(self, start: int = 0, stop: int | None = None) -> list[Drawing]:
        """The drawings numbered `start` to `stop`, without it; by default all."""
        part = self.table.slice(start, None if stop is None else max(0, stop - start))
        return [Drawing(*values) for values in zip(*(column.to_pylist() for column in part.columns), strict=True)]

    def numbers(self) -> NDArray[np.int32]:
        """Each drawing's generator as a place in `settings.generators()`, int32 [len(self)]."""
        chunks = [chunk.indices.to_numpy() for chunk in self.table.column("generator").chunks]
        return np.concatenate([np.zeros(0, np.int32), *chunks])

    def counts(self) -> dict[str, int]:
        """Pictures of each generator that draws any."""
        names = self.settings.generators()
        found = np.bincount(self.numbers(), minlength=len(names)).tolist()
        return {name: count for name, count in zip(names, found, strict=True) if count}

    def by(self, generator: str) -> pa.Table:
        """The drawings of one generator, in the order of the plan; none where the plan does not know it."""
        names = self.settings.generators()
        if generator not in names:
            return self.table.slice(0, 0)
        return self.table.filter(pa.array(self.numbers() == names.index(generator)))

    def caption_ids(self, generator: str | None = None, *, negative: bool | None = None) -> pa.Array:
        """The different captions that are drawn, string [n], in the order of the plan.

        Args:
            generator: only those that it draws.
            negative: True for hard negatives alone, False for none of them.
        """
        table = self.table if generator is None else self.by(generator)
        if negative is not None:
            table = table.filter(pc.equal(table.column("negative"), negative))
        return pc.unique(table.column("caption"))

    def fingerprint(self) -> str:
        """16 hex digits that stand for the plan."""
        return fingerprint([self.settings.to_dict(), self.captions])

    def turns(self, store: PairStore, generator: str) -> Turns:
        """What one generator is to draw, in the order of the store.

        Raises:
            InputError: the plan was made for another store, or gives this generator nothing.
        """
        if store.fingerprint != self.captions:
            raise InputError(f"{store.folder} is not the store of captions that the allocation was made for")
        own = self.by(generator)
        if not own.num_rows:
            raise InputError(f"the allocation gives {generator!r} nothing to draw; it has {', '.join(self.counts())}")
        return Turns.sort(find_positions(store, own.column("caption")), own.column("turn").to_numpy())

    def save(self, path: Path) -> None:
        """Write a Parquet file, a block of drawings at a time, renamed into place."""
        marks = {_SETTINGS_KEY: canonical_json(self.settings).encode(), _INPUT_KEY: self.captions.encode()}
        schema = _FILE_SCHEMA.with_metadata(marks)
        with atomic_file(path) as file, pq.ParquetWriter(file, schema) as writer:
            for start in range(0, len(self), _BLOCK):
                writer.write_table(self.table.slice(start, _BLOCK).cast(schema))

    @classmethod
    def load(cls, path: Path) -> Allocation:
        """
        Raises:
            InputError: no such file, or not an allocation.
        """
        try:
            with pq.ParquetFile(path, read_dictionary=["generator"]) as file:
                marks: Mapping[bytes, bytes] = file.schema_arrow.metadata or {}
                settings = AllocationSettings.model_validate(json.loads(marks[_SETTINGS_KEY]))
                names = settings.generators()
                blocks = [_read_block(block, names) for block in file.iter_batches(_BLOCK)]
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise InputError(f"{path}: is no allocation; make one with `pairsmith plan images`") from error
        return cls(pa.concat_tables([_SCHEMA.empty_table(), *blocks]), settings, marks[_INPUT_KEY].decode())


def _read_block(block: pa.RecordBatch, names: list[str]) -> pa.Table:
    """Rows of a file as a part of a plan.

    Raises:
        KeyError: a column is missing.
        ValueError: a value is missing, or a generator is none of `names`.
    """
    caption, generator, turn, negative = (block.column(name) for name in _SCHEMA.names)
    known = pa.array(names, pa.string())
    numbers = pc.index_in(generator.cast(pa.string()), value_set=known)
    columns = [caption, pa.DictionaryArray.from_arrays(numbers, known), turn, negative]
    if any(column.null_count for column in columns):
        raise ValueError("a drawing lacks a value")
    return pa.table(columns, names=_SCHEMA.names).cast(_SCHEMA)


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
    sides = 2 if settings.negatives else 1
    if settings.budget % sides:
        raise InputError(f"a budget of {settings.budget} pictures cannot be shared by captions and their negatives")
    candidates = read_candidates(store, list(settings.by_axis), negatives=settings.negatives)
    if settings.negatives and not len(candidates):
        raise InputError(
            f"{store.folder} has no rows of hard negatives; make them with `pairsmith negatives` and then "
            "`pairsmith negative-rows`"
        )
    slots = settings.budget // sides
    wanted = -(-slots // settings.views)
    if wanted > len(candidates):
        what = "captions with a negative beside them" if settings.negatives else "captions"
        raise InputError(
            f"a budget of {settings.budget} pictures asks for {wanted} {what}, and {store.folder} has "
            f"{len(candidates)}; take a budget of at most {len(candidates) * settings.views * sides}, or more views"
        )
    chosen = candidates.take(plan_order(candidates.ids, settings.seed, wanted))
    del candidates
    dealt = _generators(chosen.axes, slots, settings)
    step = max(1, _BLOCK // (sides * settings.views))
    blocks = [_block(chosen, dealt, slice(start, start + step), settings) for start in range(0, wanted, step)]
    return Allocation(pa.concat_tables(blocks), settings, store.fingerprint)


def _generators(axes: NDArray[np.int32], slots: int, settings: AllocationSettings) -> NDArray[np.int32]:
    """Who draws each caption. Each axis with weights of its own is shared out by itself.

    Args:
        axes: int32 [C], places in `settings.by_axis`, or `NO_AXIS`.
        slots: pictures of the C captions together; the last one gets what is left.
        settings: of the plan.

    Returns:
        int32 [C, views], places in `settings.generators()`, and `NOBODY` at the end of the last caption.
    """
    names = settings.generators()
    dealt = np.full((len(axes), settings.views), NOBODY, np.int32)
    groups = {NO_AXIS: (None, settings.weights), **dict(enumerate(settings.by_axis.items()))}
    for number, (axis, weights) in groups.items():
        members = np.flatnonzero(axes == number)
        if not len(members):
            continue
        short = dealt.size - slots if members[-1] == len(axes) - 1 else 0
        shares = quotas(weights, len(members) * settings.views - short)
        rng = numpy_generator(settings.seed, f"axis {axis}", "allocation")
        own = deal(list(shares.values()), settings.views, rng)  # [M, views], places in `shares`
        places = np.array([*(names.index(name) for name in shares), NOBODY], np.int32)
        dealt[members] = places[own]  # NOBODY is the last place
    return dealt


def _block(chosen: CandidateCaptions, dealt: NDArray[np.int32], part: slice, settings: AllocationSettings) -> pa.Table:
    """The drawings of some of the chosen captions: of each those of its own row, then those of its negative's."""
    own = dealt[part]  # [B, views]
    rows = [ids[part] for ids in (chosen.ids, chosen.negatives) if ids is not None]
    shape = (len(own), len(rows), settings.views)
    drawn = np.broadcast_to((own != NOBODY)[:, None], shape)
    places = np.arange(len(own))[:, None, None] + len(own) * np.arange(len(rows))[:, None]  # [B, sides, 1]
    names = settings.generators()
    turns = numbered(own, len(names))
    caption, generator, turn, negative = (
        pa.array(np.broadcast_to(values, shape)[drawn])
        for values in (places, own[:, None], turns[:, None], np.arange(len(rows), dtype=np.bool_)[:, None])
    )
    columns = [
        pa.concat_arrays(rows).take(caption).cast(pa.string()),
        pa.DictionaryArray.from_arrays(generator, pa.array(names, pa.string())),
        turn,
        negative,
    ]
    return pa.table(columns, schema=_SCHEMA)


def distinct_generators(allocation: Allocation) -> float:
    """Mean number of different generators a caption."""
    pairs = sum(len(allocation.caption_ids(name)) for name in allocation.counts())
    return pairs / len(allocation.caption_ids())
