"""The recipe killed in several places and started again; run as a script, since it forks."""

from __future__ import annotations

import sys
from pathlib import Path

from pairsmith.recipes.synthvlm import arms, examination
from pairsmith.recipes.synthvlm.recipe import run_synthvlm
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.training.step import Stepper
from tests.recipes.synthvlm.tiny import scene_settings
from tests.training.kills import at_call, forked, outcome

SETTINGS = scene_settings("arms=[selected, real]")


def main(folder: Path) -> None:
    """Write `whole` and `killed`, which was killed four times on its way."""
    run_synthvlm(SETTINGS, folder / "whole")
    places = (
        (TokenRenderer, "draw", 3),
        (examination, "compare_pairs", 1),
        (Stepper, "step", 5),  # in stage 2 of the first arm
        (arms, "look", 3),
    )
    for owner, name, number in places:

        def killed(owner: object = owner, name: str = name, number: int = number) -> None:
            setattr(owner, name, at_call(number, getattr(owner, name)))
            run_synthvlm(SETTINGS, folder / "killed")

        code = outcome(forked(killed))
        assert code == -9, (name, code)
    run_synthvlm(SETTINGS, folder / "killed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
