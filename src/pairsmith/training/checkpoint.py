"""Checkpoints: folders that appear whole, are read without pickle, and are the same for every way of running.

    step_00000100/model.safetensors    the tensors of the task's modules, as "module.path"
                  optimizer.pt         phase -> parameter name -> moments (tensors only)
                  ema.safetensors      parameter name -> moving average, if one is kept
                  state.json           step, settings, versions, sums of the log, and the size of each file above

A folder is written beside its place, synced and renamed. Sharded weights are gathered first: a run may go on with
another `parallel` or another number of processes.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import pairsmith
from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs.atomic import sync_folder
from pairsmith.settings import first_difference
from pairsmith.training.distributed import copy_into, gather_full

FORMAT_VERSION = 1
MODEL, OPTIMIZER, AVERAGE, STATE = "model.safetensors", "optimizer.pt", "ema.safetensors", "state.json"
TEMPORARY = ".tmp"  # ends the name of a folder that is still being written
_FOLDER = re.compile(r"step_(\d{8,})$")


def checkpoint_name(step: int) -> str:
    """Name of the folder written after `step` steps."""
    return f"step_{step:08d}"


# === Module tensors ===


def named_state(modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, Tensor]]:
    """("module.path", tensor) of all persistent tensors, sharing memory with the modules."""
    for name, module in modules.items():
        for path, tensor in module.state_dict(keep_vars=False).items():
            yield f"{name}.{path}", tensor


def load_into(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], wanted: set[str], source: Path) -> None:
    """Copy saved tensors into modules.

    Raises:
        InputError: the file does not hold exactly the `wanted` names, or one has another shape.
    """
    if wanted != set(tensors):
        name = sorted(wanted ^ set(tensors))[0]
        problem = "is missing" if name in wanted else "is not part of this task"
        raise InputError(f"{source}: tensor {name!r} {problem}; the checkpoint belongs to another model")
    for name, target in named_state(modules):
        if name not in wanted:
            continue
        if tensors[name].shape != target.shape:
            raise InputError(
                f"{source}: tensor {name!r} has shape {tuple(tensors[name].shape)}, the model {tuple(target.shape)}"
            )
        copy_into(target, tensors[name])


def load_weights(out: Path, modules: Mapping[str, nn.Module], *, average: bool = True) -> int:
    """Load the newest weights of a run into modules of a task, anywhere, without training.

    Args:
        out: folder of the run.
        modules: any of the task's modules, by their names in the task.
        average: take the moving average where one was kept.

    Returns:
        The step of the weights.

    Raises:
        InputError: the run has no whole checkpoint, or the modules are not the saved ones.
    """
    found = latest_checkpoint(Path(out))
    if found is None:
        raise InputError(f"{out}: there is no whole checkpoint here; train first")
    names = {name for name, _ in named_state(modules)}
    state = read_state(found)
    not_kept = state.get("not_kept")  # older checkpoints do not say: there, what the file lacks
    files = [found / MODEL] + ([found / AVERAGE] if average and (found / AVERAGE).is_file() else [])
    for file in files:  # the average second: it holds the trained tensors only
        tensors = {name: value for name, value in load_file(file).items() if name.split(".", 1)[0] in modules}
        if not_kept is None or file.name == AVERAGE:
            wanted = names & set(tensors) or names
        else:
            wanted = names - set(not_kept)
        load_into(modules, tensors, wanted, file)
    return int(state["step"])


# === Folders ===


def write_checkpoint(
    out: Path,
    step: int,
    *,
    model: Mapping[str, Tensor],
    optimizer: Mapping[str, Any],
    average: Mapping[str, Tensor] | None,
    state: Mapping[str, Any],
    keep: int,
) -> Path:
    """Write a checkpoint in `out`/checkpoints, then remove all but the `keep` newest.

    Args:
        out: folder of the run.
        step: steps done.
        model: "module.path" -> CPU tensor.
        optimizer: phase -> parameter name -> moments.
        average: parameter name -> CPU tensor, or None.
        state: plain JSON values.
        keep: checkpoints to leave, this one included.

    Raises:
        InputError: the disk is full or the folder cannot be written; older checkpoints are untouched.
    """
    folder = out / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / checkpoint_name(step)
    temporary = folder / f"{final.name}{TEMPORARY}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        save_file(dict(model), temporary / MODEL)
        with (temporary / OPTIMIZER).open("wb") as file:  # torch's own file writer hides why it failed
            torch.save(dict(optimizer), file)
        if average is not None:
            save_file(dict(average), temporary / AVERAGE)
        sizes = {path.name: path.stat().st_size for path in sorted(temporary.iterdir())}
        whole_state = {"format_version": FORMAT_VERSION, **state, "versions": _versions(), "files": sizes}
        (temporary / STATE).write_text(json.dumps(whole_state, indent=1))
        for path in temporary.iterdir():
            sync_file(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise InputError(
            f"{final}: the checkpoint cannot be written ({_reason(error)}); older checkpoints are kept: "
            "free space and run again"
        ) from error
    sync_folder(temporary)
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    sync_folder(folder)
    _prune(folder, keep)
    return final


def sync_file(path: Path) -> None:
    """Make a file's content outlast a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def latest_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint of the run in `out`; torn ones are passed over."""
    for _, path in sorted(_folders(Path(out) / "checkpoints"), reverse=True):
        if _is_whole(path):
            return path
    return None


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The state.json of a checkpoint."""
    state: dict[str, Any] = json.loads((checkpoint / STATE).read_text())
    return state


def read_optimizer(checkpoint: Path) -> dict[str, Any]:
    """Phase -> parameter name -> moments."""
    states: dict[str, Any] = torch.load(checkpoint / OPTIMIZER, map_location="cpu", weights_only=True)
    return states


def check_same_run(checkpoint: Path, state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """
    Raises:
        InputError: the checkpoint was made with another setting, model or input, which is named.
    """
    if state.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{checkpoint}: format {state.get('format_version')!r} is not {FORMAT_VERSION}")
    difference = first_difference(state["identity"], dict(identity))
    if difference:
        raise InputError(
            f"{checkpoint.parent.parent} holds a run with another {difference}; use the same or another folder"
        )


def full_state(modules: Mapping[str, nn.Module], wanted: set[str], write: bool) -> dict[str, Tensor]:
    """Whole CPU copies of the `wanted` tensors; all ranks call it together, those that do not `write` get nothing."""
    copies: dict[str, Tensor] = {}
    for name, tensor in named_state(modules):
        if name in wanted:
            if not isinstance(tensor, Tensor):
                raise PairsmithError(f"state {name!r} is no tensor and cannot be saved")
            copy = gather_full(tensor)
            if write:
                copies[name] = copy
    return copies


def _folders(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    return [(int(match[1]), path) for path in folder.iterdir() if (match := _FOLDER.match(path.name))]


def _is_whole(path: Path) -> bool:
    try:
        files = read_state(path)["files"]
        return all((path / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, KeyError):
        return False


def _prune(folder: Path, keep: int) -> None:
    whole = [path for _, path in sorted(_folders(folder)) if _is_whole(path)]
    for path in folder.iterdir():
        ours = _FOLDER.match(path.name.removesuffix(TEMPORARY)) and path.is_dir() and not path.is_symlink()
        if ours and path not in whole[-keep:]:
            shutil.rmtree(path)


def _reason(error: BaseException) -> str:
    """What the system said, which the writers' own errors follow."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _reason(error.__context__) if error.__context__ is not None else str(error)


def _versions() -> dict[str, str]:
    return {"pairsmith": pairsmith.__version__, "torch": torch.__version__, "python": platform.python_version()}
