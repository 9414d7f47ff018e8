"""Stage: captions to synthetic images, as tokens, as pictures or as both (Synth² §3.2.2, SynthVLM §3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.execution import ALONE, Execution, MakeRows, RowFactory, run_stage
from pairsmith.execution.tally import Progress
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.pairs.schema import table_to_pairs
from pairsmith.settings import canonical_json
from pairsmith.stages.allocation import Allocation
from pairsmith.stages.joined_allocation import JoinedAllocation
from pairsmith.stages.renderer import Drawing, Renderer, RendererRecipe


def render_captions(
    captions: PairStore,
    renderer: Renderer | RendererRecipe,
    out: Path,
    *,
    repeat: int = 1,
    allocation: Allocation | JoinedAllocation | None = None,
    shard_rows: int = 1000,
    batch_rows: int = 64,
    execution: Execution = ALONE,
    progress: Progress | None = None,
) -> PairStore:
    """Draw every "ok" caption.

    Args:
        captions: rows with captions.
        renderer: the generator at work, whatever its kind; or how to open it, which several workers need.
        out: folder of the new store. A row's `group` is the caption's id, so that renderings of one caption belong
            together; its picture depends on caption, generator, settings and seed alone.
        repeat: pictures a caption, each with a seed of its own.
        allocation: what this generator is to draw, of one plan or of several at once, instead of every caption
            `repeat` times.
        shard_rows, batch_rows: rows a shard, and captions drawn at a time.
        execution: workers, each with a generator of its own; rank; failures.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: an allocation of other captions or without this generator, an open generator for several workers,
            and as `run_stage`.
    """
    recipe = None if hasattr(renderer, "draw") else renderer
    if recipe is None and not execution.here:
        raise InputError("every worker opens the generator itself: give a GeneratorRecipe, not a renderer")
    opened: Renderer = recipe.open() if recipe is not None else renderer  # type: ignore[assignment]
    identity = opened.identity()
    job = _Job(captions, opened.name, opened.seed, identity.revision, identity.sampling)
    inputs = {"captions": captions.fingerprint, **identity.inputs}
    items: Sequence[tuple[int, int]]
    if allocation is None:
        items = [(position, turn) for position in range(len(captions)) for turn in range(repeat)]
    else:
        items = allocation.turns(captions, job.name)
        inputs["allocation"] = allocation.fingerprint()
    make_rows: MakeRows | RowFactory = partial(job.draw, opened)
    if recipe is not None and not execution.here:
        del opened  # it was needed for its identity alone, and the workers want its memory
        make_rows = RowFactory(partial(_open, job, recipe))
    return run_stage(
        out,
        items,
        make_rows,
        settings={"stage": "render", **identity.settings, "repeat": repeat, "name": job.name},
        inputs=inputs,
        shard_rows=shard_rows,
        batch_rows=batch_rows,
        num_tokens=identity.num_tokens,
        tokenizer=identity.tokenizer,
        execution=execution,
        describe=job.describe,
        progress=progress,
    )


@dataclass(frozen=True)
class _Job:
    """All that decides a row besides the weights: captions, and name, seed, revision and settings of the generator."""

    captions: PairStore
    name: str
    seed: int
    revision: str
    sampling: Mapping[str, Any]

    def describe(self, item: tuple[int, int]) -> Pair:
        """The row of (position of a caption, turn), where it could not be drawn."""
        position, turn = item
        return self.blank(self.captions.pair(position), turn)

    def blank(self, pair: Pair, turn: int) -> Pair:
        """The row of a caption's picture number `turn` before it is drawn."""
        settings = canonical_json(self.sampling)
        key = pair_id(pair.caption, self.name, self.revision, settings, turn)
        return replace(
            pair,
            id=f"{key[:24]}{pair.id[:8]}",
            group=pair.id,
            generator=self.name,
            seed=self.seed,
            settings=settings,
            tokens=None,
            image=None,
            image_path=None,
        )

    def draw(self, renderer: Renderer, batch: Sequence[tuple[int, int]]) -> list[Pair]:
        """The rows of a batch."""
        captions = table_to_pairs(self.captions.take([position for position, _ in batch]))
        blanks = [self.blank(pair, turn) for pair, (_, turn) in zip(captions, batch, strict=True)]
        drawings = renderer.draw(
            [pair.caption for pair in blanks], [pair.group for pair in blanks], [turn for _, turn in batch]
        )
        return [self._fill(pair, drawing) for pair, drawing in zip(blanks, drawings, strict=True)]

    def _fill(self, pair: Pair, drawing: Drawing) -> Pair:
        if drawing.changed:
            pair = replace(pair, settings=canonical_json({**self.sampling, **drawing.changed}))
        if drawing.failure:
            return replace(pair, status="failed", reason=drawing.failure)
        return replace(pair, tokens=drawing.tokens, image=drawing.image, reason=drawing.note)


def _open(job: _Job, recipe: RendererRecipe) -> MakeRows:
    """In a worker."""
    return partial(job.draw, recipe.open())
