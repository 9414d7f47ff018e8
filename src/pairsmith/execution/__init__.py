"""Running a stage over the shards of a store: in this process, in workers, on Ray, as one rank of several."""

from pairsmith.execution.budget import FailureBudget, TooManyFailures
from pairsmith.execution.rank import Rank
from pairsmith.execution.settings import ALONE, Execution, WorkerLine
from pairsmith.execution.shard_maker import MakeRows, RowFactory
from pairsmith.execution.stage import run_stage

__all__ = [
    "ALONE",
    "Execution",
    "FailureBudget",
    "MakeRows",
    "Rank",
    "RowFactory",
    "TooManyFailures",
    "WorkerLine",
    "run_stage",
]
