"""Trains the autoregressive generator on pairs of caption and tokens."""

from __future__ import annotations

from pairsmith.generators.autoregressive.objective import autoregressive_loss
from pairsmith.training.tasks.generator import CaptionedTokensTask


class AutoregressiveTask(CaptionedTokensTask):
    """The autoregressive generator's task; its objective is `AutoregressiveSettings`."""

    OBJECTIVE = "objective"
    summed_loss = staticmethod(autoregressive_loss)
