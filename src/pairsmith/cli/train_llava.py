"""`pairsmith train llava`: stage 1 on pairs, stage 2 on conversations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.console import note, plural, say
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, command_settings
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import prepare_torch

if TYPE_CHECKING:
    from pairsmith.cli.progress import Display
    from pairsmith.training.llava.run import LlavaRun
    from pairsmith.training.llava.settings import LlavaSettings


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("llava")(train_llava_command)


def train_llava_command(
    stage: Annotated[
        int,
        typer.Option("--stage", min=1, max=2, help="1: the projector alone; 2: the language model too."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; a run that was stopped goes on in it.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Stage 1: a pair store or LLaVA's JSON; stage 2: LLaVA's JSON. The preset tiny draws scenes instead "
            "where there is none.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", help="Folder that the paths in the JSON start from. [default: `images` beside it, or its own]"
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(
            "--selection",
            help="Of a store only these pairs: a file of ids (Parquet, JSON, lines), or a selection's name.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="LLaVA to start from: the `model` folder of stage 1, a hub id. Stage 2 needs one."
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            help="tiny: drawn scenes, minutes on a CPU; small: SigLIP and SmolLM2, one GPU; paper: LLaVA-1.5's own "
            "settings, eight GPUs; paper-lora: its LoRA variant.",
        ),
    ] = "tiny",
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Train a LLaVA: a vision tower, a projector and a language model.

    Stage 1 teaches the projector to show the language model pictures, on captions; stage 2 teaches both to answer, on
    conversations. OUT/model opens in plain transformers. Records that cannot be used are listed in OUT/failed.jsonl.
    Under torchrun all processes train together; see training.parallel.
    """
    from pairsmith.errors import InputError
    from pairsmith.training.llava.presets import preset as find_preset
    from pairsmith.training.llava.settings import LlavaSettings

    settings = command_settings(LlavaSettings, find_preset(preset, stage).to_dict(), config, overrides, dry_run)
    if stage == 2 and model is None:
        raise InputError("stage 2 starts from a LLaVA: give --model, the `model` folder of a stage 1")
    if data is None and settings.parts.vision_tower != "scenes":
        raise InputError("give --data: a pair store or a JSON file in LLaVA's format")
    if data is not None and not data.exists():
        raise FileNotFoundError(2, "no such file or folder", str(data))
    prepare_torch()
    from pairsmith.training.llava.run import open_data, train_llava

    with open_display() as display:
        if data is None:
            data = _scenes(stage, out, display)
        with display.stage("data"):
            rows = open_data(data, settings, images, selection)
        make_model = _model_maker(settings, model, out, display)
        with display.stage(f"stage {stage}"):
            run = train_llava(settings, rows, make_model, out, display.training(f"LLaVA, stage {stage}"))
    _tell(run, stage, settings, data, model, out)


def _scenes(stage: int, out: Path, display: Display) -> Path:
    """Drawn scenes beside the run, shared by both stages."""
    from pairsmith.recipes.scene_llava.data import INSTRUCTIONS, PAIRS, SceneData, write_data

    folder = out.parent / "scenes"
    with display.stage("drawing scenes"):
        write_data(SceneData(), folder)
    return folder / (PAIRS if stage == 1 else INSTRUCTIONS)


def _model_maker(settings: LlavaSettings, model: str | None, out: Path, display: Display) -> Any:
    from pairsmith.vlm.llava.assembly import assemble
    from pairsmith.vlm.llava.loading import load_llava

    if model is not None:
        return lambda: load_llava(model)
    parts = settings.parts

    def make() -> Any:
        from pairsmith.recipes.scene_llava.parts import load_named_parts

        return assemble(
            load_named_parts(parts.vision_tower, parts.language_model, out / "parts", display.training),
            feature_layer=parts.feature_layer,
            select=parts.select,
            aspect=settings.aspect,
            system=settings.system,
            seed=settings.training.seed,
        )

    return make


def _tell(run: LlavaRun, stage: int, settings: LlavaSettings, data: Path, model: str | None, out: Path) -> None:
    from pairsmith.cli.results import described, write_result
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.training.distributed import read_ranks
    from pairsmith.training.llava.run import FAILED

    if read_ranks().rank:
        return
    name = f"llava.stage_{stage}"
    figures = {
        f"{name}.rows": Metric(run.rows, run.rows),
        f"{name}.failed_rows": Metric(len(run.failures), run.rows + len(run.failures)),
        f"{name}.trained_parameters": Metric(run.trained, 1),
        f"{name}.steps": Metric(run.result.step, 1),
        f"{name}.loss": Metric(run.result.history[-1]["loss"], run.result.history[-1]["samples_seen"]),
    }
    write_result(out, figures, {**settings.to_dict(), "data": described(data), "model": model, "stage": stage})
    say(
        f"Stage {stage}: {plural(run.rows, 'row')}, {plural(run.result.step, 'step')}, "
        f"loss {run.result.history[-1]['loss']:.4g}, {run.trained:,} parameters trained"
    )
    if run.failures:
        note(f"{plural(len(run.failures), 'record')} could not be used; {out / FAILED} says why.")
    say(f"Model: {run.model}")
