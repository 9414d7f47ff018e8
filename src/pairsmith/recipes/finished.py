"""Stages of an earlier start that are finished: passed over before their models are opened.

A stage that is finished returns at once by itself, but some must open a model first, to compare what it is with what
the store was made with. A recipe need not: the settings of its run have not changed, and the inputs are compared here.
"""

from __future__ import annotations

from pathlib import Path

from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import check_outcome
from pairsmith.pairs.reopening import is_complete


def finished_store(folder: Path, **inputs: str) -> PairStore | None:
    """The store of a finished stage; None where the stage is still to be called.

    Args:
        folder: of the store.
        inputs: of the stage by name, their fingerprints; of others the stage itself says what is wrong.

    Raises:
        InputError: its manifest cannot be read.
        NothingMade: none of its rows is "ok".
    """
    if not is_complete(folder):
        return None
    store = PairStore(folder)
    if any(store.manifest.inputs.get(name) != made_of for name, made_of in inputs.items()):
        return None
    return check_outcome(store)
