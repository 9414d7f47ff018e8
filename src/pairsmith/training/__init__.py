"""Training: one loop for every model, written in plain torch.

A model is trained through a `Task`, which names its modules and parameters and gives its summed loss; `train` does the
rest: exact division over micro-batches and ranks, schedule, clipping, checkpoints that resume to the bit, logs.
"""

from __future__ import annotations

from pairsmith.training.checkpoint import latest_checkpoint, load_weights
from pairsmith.training.distributed import Ranks, read_ranks
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train
from pairsmith.training.run import BatchSource, TrainResult
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task, TaskLoss, TrainedParameter, default_parameters

__all__ = [
    "BatchSource",
    "Progress",
    "Ranks",
    "Task",
    "TaskLoss",
    "TrainResult",
    "TrainedParameter",
    "TrainingSettings",
    "default_parameters",
    "latest_checkpoint",
    "load_weights",
    "read_ranks",
    "train",
]
