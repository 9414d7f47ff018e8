"""Stage: captions to synthetic images, as tokens, as pictures or as both (Synth² §3.2.2, SynthVLM §3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pairsmith.execution import run_stage
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.settings import canonical_json
from pairsmith.stages.allocation import Allocation
from pairsmith.stages.joined_allocation import JoinedAllocation
from pairsmith.stages.renderer import Drawing, Renderer

Progress = Callable[[int, int, int], None]


def render_captions(
    captions: PairStore,
    renderer: Renderer,
    out: Path,
    *,
    repeat: int = 1,
    allocation: Allocation | JoinedAllocation | None = None,
    shard_rows: int = 1000,
    batch_rows: int = 64,
    progress: Progress | None = None,
) -> PairStore:
    """Draw every "ok" caption.

    Args:
        captions: rows with captions.
        renderer: the generator at work, whatever its kind.
        out: folder of the new store. A row's `group` is the caption's id, so that renderings of one caption belong
            together; its picture depends on caption, generator, settings and seed alone.
        repeat: pictures a caption, each with a seed of its own.
        allocation: what this generator is to draw, of one plan or of several at once, instead of every caption
            `repeat` times.
        shard_rows, batch_rows: rows a shard, and captions drawn at a time.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: an allocation of other captions or without this generator, and as `run_stage`.
    """
    identity, name = renderer.identity(), renderer.name
    settings_text = canonical_json(identity.sampling)
    items = [(position, turn) for position in range(len(captions)) for turn in range(repeat)]
    inputs = {"captions": captions.fingerprint, **identity.inputs}
    if allocation is not None:
        items = allocation.turns(captions, name)
        inputs["allocation"] = allocation.fingerprint()

    def blank(item: tuple[int, int]) -> Pair:
        position, turn = item
        pair = captions.pair(position)
        key = pair_id(pair.caption, name, identity.revision, settings_text, turn)
        return replace(
            pair,
            id=f"{key[:24]}{pair.id[:8]}",
            group=pair.id,
            generator=name,
            seed=renderer.seed,
            settings=settings_text,
            tokens=None,
            image=None,
            image_path=None,
        )

    def fill(pair: Pair, drawing: Drawing) -> Pair:
        if drawing.changed:
            pair = replace(pair, settings=canonical_json({**identity.sampling, **drawing.changed}))
        if drawing.failure:
            return replace(pair, status="failed", reason=drawing.failure)
        return replace(pair, tokens=drawing.tokens, image=drawing.image, reason=drawing.note)

    def make_rows(batch: Sequence[tuple[int, int]]) -> list[Pair]:
        blanks = [blank(item) for item in batch]
        drawings = renderer.draw(
            [pair.caption for pair in blanks], [pair.group for pair in blanks], [turn for _, turn in batch]
        )
        return [fill(pair, drawing) for pair, drawing in zip(blanks, drawings, strict=True)]

    return run_stage(
        out,
        items,
        make_rows,
        settings={"stage": "render", **identity.settings, "repeat": repeat, "name": name},
        inputs=inputs,
        shard_rows=shard_rows,
        batch_rows=batch_rows,
        num_tokens=identity.num_tokens,
        tokenizer=identity.tokenizer,
        describe=blank,
        progress=progress,
    )
