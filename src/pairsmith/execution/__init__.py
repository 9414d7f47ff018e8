"""Running a stage over the shards of a store."""

from pairsmith.execution.local import MakeRows, RowFactory, run_stage

__all__ = ["MakeRows", "RowFactory", "run_stage"]
