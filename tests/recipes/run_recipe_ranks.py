"""Runs the recipe's smallest settings on all the processes that torchrun started: `... -m ...run_recipe_ranks OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from pairsmith.recipes.synth2.recipe import run_synth2
from tests.recipes.synth2.tiny import scene_settings

OVERRIDES = ("arms=[baseline, synthetic]", "device=cpu")

if __name__ == "__main__":
    torch.set_num_threads(1)
    run_synth2(scene_settings(*OVERRIDES), Path(sys.argv[1]))
