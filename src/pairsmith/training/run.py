"""One process's part of a training run: its steps, log lines, evaluations and checkpoints, and how it goes on.

What belongs to a single step stands in `step`, what belongs to files in `checkpoint` and `logging`.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file

from pairsmith.errors import InputError, PairsmithError
from pairsmith.settings import fingerprint
from pairsmith.training import checkpoint as checkpoints
from pairsmith.training.batches import pin_batch
from pairsmith.training.distributed import Ranks, from_first
from pairsmith.training.logging import EVALUATIONS_NAME, LOG_NAME, Line, Progress, RunLog, read_lines
from pairsmith.training.meter import Meter, means
from pairsmith.training.optimizer import load_optimizer_state, optimizer_state
from pairsmith.training.prefetch import Prefetcher
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.step import Stepper, seed_step
from pairsmith.training.task import Task
from pairsmith.training.throughput import Stopwatch, count_flops, peak_flops, peak_memory

logger = logging.getLogger(__name__)

Evaluate = Callable[[int], Mapping[str, Any] | None]
"""Steps done -> named results. All ranks call it together; what rank 0 returns is recorded."""


class BatchSource(Protocol):
    """Where batches come from.

    `batch` runs in a thread, ahead of its use: it must depend on the step alone and leave torch's global generators
    alone. Where the source has attributes `batch_size`, `rank` or `world`, they are compared with the run's.
    """

    def batch(self, step: int) -> Any:
        """This rank's rows of step number `step` (from 0)."""


@dataclass(frozen=True)
class TrainResult:
    """What a run has come to; after resuming, of all its processes together."""

    step: int
    """Steps done."""
    history: list[Line]
    """The lines of log.jsonl."""
    evaluations: list[Line]
    """The lines of evaluations.jsonl: {"step", ...}."""
    steps_per_second: float | None
    """Median over the log's intervals, first steps left out; None if no step was timed."""
    seconds: float
    """Wall time, of evaluations and checkpoints too."""


class Run:
    """One process's part of a run.

    Args:
        task, feed, settings: what is trained, on what, and how.
        out: folder of the run.
        ranks, device: of this process.
        identity: what a run must share with the one it continues, in JSON types.

    Raises:
        InputError: `out` holds a run of another identity.
    """

    def __init__(
        self,
        task: Task,
        feed: BatchSource,
        settings: TrainingSettings,
        out: Path,
        ranks: Ranks,
        device: torch.device,
        identity: dict[str, Any],
    ) -> None:
        self.task, self.feed, self.settings, self.out = task, feed, settings, out
        self.ranks, self.device, self.identity = ranks, device, identity
        self.first = ranks.rank == 0
        names = {name for name, _ in checkpoints.named_state(task.modules)}
        self.kept = {name for name in names if task.keeps(name)}
        self.not_kept = sorted(names - self.kept)
        self.found: Path | None = from_first(checkpoints.latest_checkpoint(out), ranks)
        self.state: dict[str, Any] = {}
        if self.found:
            self.state = checkpoints.read_state(self.found)
            checkpoints.check_same_run(self.found, self.state, identity)
        self.start: int = self.state.get("step", 0)
        self.flops: int | None = self.state.get("flops_per_step")
        self.line_start: int = self.state.get("line_start", 0)

    def finished(self) -> TrainResult | None:
        """The result of a run that has all its steps, with the final weights loaded; else None."""
        if self.start > self.settings.steps:
            raise InputError(f"{self.out} has trained {self.start} steps already, more than {self.settings.steps}")
        if not self.found or self.start < self.settings.steps:
            return None
        checkpoints.load_weights(self.out, self.task.modules)
        return _result(
            self.start,
            read_lines(self.out / LOG_NAME, self.start),
            read_lines(self.out / EVALUATIONS_NAME, self.start),
            self.state["seconds"],
        )

    def train(self, evaluate: Evaluate | None, evaluate_every: int | None, progress: Progress | None) -> TrainResult:
        """All steps that are left."""
        settings, steps = self.settings, self.settings.steps
        self.meter = Meter()
        self.stepper = Stepper(self.task, settings, self.ranks, self.device, self.meter)
        missing = {item.name for items in self.stepper.parameters.values() for item in items} - self.kept
        if missing:
            raise PairsmithError(f"{type(self.task).__name__} trains {min(missing)!r} but does not keep it")
        self._restore()
        if settings.compile:
            for module in self.task.blocks() or self.task.modules.values():
                module.compile()
        self._train_mode(True)
        self.out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self.log = stack.enter_context(
                RunLog(self.out, self.start, write=self.first, tensorboard=settings.tensorboard, progress=progress)
            )
            if progress and self.first:
                stack.callback(progress.end)
                progress.begin(self.start, steps)
            batches = stack.enter_context(Prefetcher(self._make_batch, self.start, steps))
            self.watch = Stopwatch(self.device)
            self.waited = 0.0
            for step in range(self.start, steps):
                self._step(batches, step)
                done, last = step + 1, step + 1 == steps
                if progress and self.first:
                    progress.advance(done)
                log_now = last or done % settings.log_every == 0
                evaluate_now = evaluate is not None and (last or (evaluate_every and done % evaluate_every == 0))
                save_now = last or (settings.checkpoint_every and done % settings.checkpoint_every == 0)
                if not (log_now or evaluate_now or save_now):
                    continue
                self.watch.pause()
                self.stepper.check()
                if log_now:
                    self._write_line(done, batches)
                if evaluate_now and evaluate:
                    self._evaluate(evaluate, done)
                if save_now:
                    self._save(done)
                self.watch.resume()
            if self.stepper.average:
                self.stepper.average.copy_to_weights()
            return _result(steps, self.log.training.lines, self.log.evaluations.lines, self._seconds())

    def _make_batch(self, step: int) -> Any:
        batch = self.feed.batch(step)
        return pin_batch(batch) if self.device.type == "cuda" else batch

    def _step(self, batches: Prefetcher, step: int) -> None:
        batch = batches.next_batch()
        if self.flops is None:  # the count is saved, so that no resumed run takes another path through a step
            self.flops = count_flops(lambda: self.stepper.step(batch, step)) * self.ranks.world
        else:
            self.stepper.step(batch, step)
        self.watch.step_done()

    def _write_line(self, done: int, batches: Prefetcher) -> None:
        settings = self.settings
        totals = self.meter.totals(self.ranks)
        tokens, _ = totals.pop("tokens", (0.0, 0.0))
        steps = done - self.line_start
        waited, self.waited = batches.waited - self.waited, batches.waited
        rate = self.watch.steps_per_second()
        line: Line = {"step": done, "samples_seen": done * settings.batch_size, **means(totals)}
        line["learning_rate"] = self.stepper.learning_rate(done - 1)
        line["seconds"] = round(self._seconds(), 3)
        line["data_wait_seconds"] = round(waited / steps, 6)
        line["peak_memory_bytes"] = peak_memory(self.device)
        line["steps_per_second"] = rate
        if rate:
            line["rows_per_second"] = rate * settings.batch_size
            if tokens:
                line["tokens_per_second"] = rate * tokens / steps
            if self.flops:
                line["flops_per_second"] = rate * self.flops
                peak = peak_flops(torch.cuda.get_device_name(self.device)) if self.device.type == "cuda" else None
                if peak:
                    line["utilisation"] = line["flops_per_second"] / (peak * self.ranks.world)
        self.log.add_training(line)
        self.meter.reset()
        self.line_start = done

    def _evaluate(self, evaluate: Evaluate, done: int) -> None:
        seed_step(self.settings.seed, done, self.ranks, self.device, "evaluation")
        self._train_mode(False)
        with torch.no_grad(), ExitStack() as stack:
            if self.stepper.average:
                stack.enter_context(self.stepper.average.in_place())
            stack.enter_context(self.stepper.shared.evaluating())
            found = evaluate(done)
        self._train_mode(True)
        self.log.add_evaluation({"step": done, **(found or {})})

    def _save(self, done: int) -> None:
        model = checkpoints.full_state(self.task.modules, self.kept, self.first)
        optimizer = {
            phase: optimizer_state(self.stepper.optimizers[phase], items)
            for phase, items in self.stepper.parameters.items()
        }
        average = self.stepper.average.state() if self.stepper.average else None
        totals = self.meter.totals(self.ranks)
        if self.first:
            self.log.sync()
            state = {
                "step": done,
                "samples_seen": done * self.settings.batch_size,
                "seed": self.settings.seed,
                "identity": self.identity,
                "identity_fingerprint": fingerprint(self.identity),
                "settings": self.settings.to_dict(),
                "world": self.ranks.world,
                "seconds": self._seconds(),
                "flops_per_step": self.flops,
                "line_start": self.line_start,
                "totals": totals,
                "not_kept": self.not_kept,
            }
            checkpoints.write_checkpoint(
                self.out, done, model=model, optimizer=optimizer, average=average, state=state, keep=self.settings.keep
            )
        self.meter.reset(totals if self.first else None)
        from_first(None, self.ranks)

    def _restore(self) -> None:
        if not self.found:
            return
        logger.info("%s: going on after step %d", self.out, self.start)
        path = self.found / checkpoints.MODEL
        checkpoints.load_into(self.task.modules, load_file(path), self.kept, path)
        states = checkpoints.read_optimizer(self.found)
        for phase, items in self.stepper.parameters.items():
            load_optimizer_state(self.stepper.optimizers[phase], items, states[phase])
        if self.stepper.average:
            self.stepper.average.load(load_file(self.found / checkpoints.AVERAGE))
        self.meter.reset(self.state["totals"] if self.first else None)

    def _train_mode(self, training: bool) -> None:
        for module in self.task.modules.values():
            module.train(training)

    def _seconds(self) -> float:
        return float(self.state.get("seconds", 0.0)) + self.watch.elapsed()


def _result(step: int, history: list[Line], evaluations: list[Line], seconds: float) -> TrainResult:
    rates = [line["steps_per_second"] for line in history if line.get("steps_per_second")]
    return TrainResult(step, list(history), list(evaluations), statistics.median(rates) if rates else None, seconds)
