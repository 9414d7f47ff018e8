"""Models that look like the right ones and are not."""

from __future__ import annotations

import shutil

from pairsmith.recipes.synth2.models import load_language_model


def save_other_lm(models, folder):
    """A language model of the same width with other weights."""
    shutil.copytree(models / "lm", folder)
    lm, _ = load_language_model(folder)
    lm.base_model.layers[0].mlp.up_proj.weight.data.mul_(2)
    lm.save_pretrained(folder)
    return folder
