"""The report of a run, whatever its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.recipes.run_files import read_settings
from pairsmith.report.polygen import write_polygen_report
from pairsmith.report.synth2 import write_synth2_report
from pairsmith.report.synthvlm import write_synthvlm_report

REPORTS: dict[str, Callable[[Path], Path]] = {
    "synth2": write_synth2_report,
    "synthvlm": write_synthvlm_report,
    "polygen": write_polygen_report,
}


def write_report(out: Path) -> Path:
    """Write `report.html` into a run's folder: one file that needs nothing beside it.

    Args:
        out: the folder of a run, finished or not.

    Returns:
        The path of the page.

    Raises:
        InputError: no run was begun there, of a recipe that is not known, or one of its files cannot be read.
    """
    recipe = read_settings(Path(out)).get("recipe", "synth2")
    if recipe not in REPORTS:
        raise InputError(f"{out} holds a run of {recipe!r}, which has no report; there are {', '.join(REPORTS)}")
    return REPORTS[recipe](Path(out))
