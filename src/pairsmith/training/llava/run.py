"""One stage of LLaVA's training, from data to a folder that `transformers` opens.

OUT/model/          the trained LLaVA with its processor
    training/       checkpoints and logs; a stopped run goes on from here
    failed.jsonl    records that could not be used, each with its reason
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pairsmith.errors import InputError
from pairsmith.fingerprints import language_model_fingerprint
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.conversations import ConversationFile, Failure, PairConversations
from pairsmith.pairs.feed import Feed
from pairsmith.pairs.scores import read_selection
from pairsmith.pairs.store import PairStore
from pairsmith.training.checkpoint import load_weights
from pairsmith.training.distributed import read_ranks
from pairsmith.training.llava.order import GroupedOrder
from pairsmith.training.llava.settings import LlavaSettings
from pairsmith.training.llava.source import Conversations, LlavaSource
from pairsmith.training.logging import Progress
from pairsmith.training.loop import TrainResult, train
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.llava import LlavaTask
from pairsmith.vlm.llava.assembly import set_aspect, set_conversation
from pairsmith.vlm.llava.saving import is_saved, save_llava
from pairsmith.vlm.llava.tuning import add_lora, merge_lora

MODEL, TRAINING, FAILED = "model", "training", "failed.jsonl"

MakeModel = Callable[[], tuple[Any, Any]]
"""Makes the LLaVA and the processor that a run starts from; each call gives the same weights."""


@dataclass(frozen=True)
class LlavaRun:
    """What a stage came to.

    Attributes:
        model: folder of the trained LLaVA.
        rows: that were trained on.
        failures: records that could not be used.
        trained: parameters that were trained.
        result: of the training loop.
    """

    model: Path
    rows: int
    failures: Sequence[Failure]
    trained: int
    result: TrainResult


def open_data(
    data: Path, settings: LlavaSettings, images: Path | None = None, selection: str | None = None
) -> Conversations:
    """The rows to train on.

    Args:
        data: a pair store (stage 1), or a JSON file in LLaVA's format (either stage).
        settings: of the stage.
        images: folder of the JSON's pictures; None: the folder of the file.
        selection: of a store's pairs, see `selected_positions`.

    Raises:
        InputError: data that do not fit the stage.
    """
    if not data.is_dir():
        if selection is not None:
            raise InputError(f"--selection chooses pairs of a store; {data} is a file, which is taken whole")
        return ConversationFile(data, images or _image_folder(data), settings.check)
    if settings.style != "plain":
        raise InputError(
            f"{data}: stage 2 learns conversations, a JSON file in LLaVA's format; `pairsmith export --format llava` "
            "makes one of a store"
        )
    store = PairStore(data)
    return PairConversations(store, None if selection is None else selected_positions(store, selection))


def selected_positions(store: PairStore, selection: str) -> np.ndarray:
    """Positions of chosen pairs, int64 [n].

    Args:
        store: whose pairs.
        selection: the name of one of the store's selections, or a file of ids: Parquet with a column `id`, a JSON
            list, or lines of text.

    Raises:
        InputError: no such file or selection, or an id that the store does not have.
    """
    path = Path(selection)
    if not path.is_file():
        return read_selection(store, selection).positions(store)
    try:
        if path.suffix == ".parquet":
            ids = pq.read_table(path, columns=["id"]).column("id").to_pylist()
        elif path.suffix == ".json":
            ids = json.loads(path.read_text())
        else:
            ids = path.read_text().split()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: no list of ids can be read from it ({error})") from error
    if not isinstance(ids, list) or not ids or not all(isinstance(name, str) for name in ids):
        raise InputError(f"{path}: a selection is a list of ids")
    return store.positions(ids)


def train_llava(
    settings: LlavaSettings,
    data: Conversations,
    make_model: MakeModel,
    out: Path,
    progress: Progress | None = None,
) -> LlavaRun:
    """Train a stage, or go on with one; a finished one returns at once.

    Args:
        settings: of the stage.
        data: the rows.
        make_model: what to start from.
        out: folder of the run.
        progress: shown the steps.

    Raises:
        InputError: `out` holds a run with other settings or data.
    """
    out.mkdir(parents=True, exist_ok=True)
    ranks = read_ranks()
    training = settings.resolved(len(data))
    task, processor, identity = _prepare(settings, make_model, training)
    if ranks.rank == 0 and not (out / FAILED).is_file():  # other failures are other data, which the run refuses
        _write_failures(out / FAILED, data.failures)
    source = LlavaSource(
        data,
        task.model,
        processor,
        style=settings.style,
        system=settings.system,
        max_length=settings.max_length,
        workers=settings.workers,
    )
    feed = Feed(source, training.batch_size, training.seed, ranks.rank, ranks.world)
    if settings.group:
        share = training.batch_size // ranks.world
        micro_batches = -(-share // min(training.micro_batch or share, share))
        feed.order = GroupedOrder(
            data.lengths, data.pictured, training.batch_size, training.seed, ranks.world, micro_batches
        )
    inputs = {"data": data.fingerprint, "model": identity}
    trained = sum(item.parameter.numel() for item in task.parameters("main"))
    result = train(task, feed, training, out / TRAINING, progress=progress, inputs=inputs)
    folder = out / MODEL
    if ranks.rank == 0 and not is_saved(folder):
        if ranks.world > 1:  # weights may be in pieces, which only the checkpoint holds whole
            task, processor, _ = _prepare(settings, make_model, training)
            load_weights(out / TRAINING, task.modules)
        merge_lora(task.model)
        save_llava(task.model, processor, folder, settings.save_dtype)
    return LlavaRun(folder, len(data), data.failures, trained, result)


def _prepare(settings: LlavaSettings, make_model: MakeModel, training: TrainingSettings) -> tuple[LlavaTask, Any, str]:
    """The task, the processor, and the fingerprint of what the run starts from."""
    model, processor = make_model()
    identity = language_model_fingerprint(model)
    set_aspect(processor, settings.aspect)
    set_conversation(processor, settings.system)
    if settings.tuning == "lora":
        add_lora(model, settings.lora, training.seed)
    text = {key: getattr(settings, key) for key in ("style", "max_length", "aspect", "group")}
    extra = {"text": text, "system": settings.system}
    if settings.tuning == "lora":
        extra["lora"] = settings.lora.to_dict()
    task = LlavaTask(
        model,
        settings.tuning,
        projector_rate=settings.projector_rate(),
        checkpointing=settings.checkpointing,
        identity=extra,
    )
    return task, processor, identity


def _image_folder(data: Path) -> Path:
    """Beside the file, where `pairsmith export --format llava` puts them, else the file's own folder."""
    return data.parent / "images" if (data.parent / "images").is_dir() else data.parent


def _write_failures(path: Path, failures: Sequence[Failure]) -> None:
    with atomic_file(path) as file:
        for failure in failures:
            line = {"id": failure.id, "status": "failed", "reason": failure.reason}
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
