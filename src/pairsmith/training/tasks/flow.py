"""Trains the flow-matching generator on pairs of caption and tokens."""

from __future__ import annotations

from pairsmith.generators.flow.objective import flow_loss
from pairsmith.training.tasks.generator import CaptionedTokensTask


class FlowTask(CaptionedTokensTask):
    """The flow-matching generator's task; its objective is `FlowSettings`."""

    OBJECTIVE = "flow"
    summed_loss = staticmethod(flow_loss)
