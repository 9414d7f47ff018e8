"""Parts of an unfinished score: kept by whoever makes them, read back, and gone once the score is written."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.execution.parts import Parts, ScoredRows
from pairsmith.pairs.remote import as_folder


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_parts_are_read_back_and_removed(tmp_path: Path, where: str) -> None:
    folder = tmp_path / ".clip" if where == "disk" else as_folder(f"memory://bucket-{uuid.uuid4().hex}/.clip")
    parts = Parts(folder, {"model": "x"})
    parts.add(ScoredRows(["a", "b"], np.array([1.0, 0.0]), [None, "no picture"]))
    parts.add(ScoredRows(["c"], np.array([3.0]), [None]))
    parts.release()
    again = Parts(folder, {"model": "x"})
    assert [(rows.ids, rows.reasons) for rows in again.read()] == [(["a", "b"], [None, "no picture"]), (["c"], [None])]
    again.release()
    other = Parts(folder, {"model": "y"})
    with pytest.raises(InputError, match="an unfinished score with other settings: model"):
        list(other.read())
    other.release()
    again.remove()
    assert list(folder.glob("*.parquet")) == []
