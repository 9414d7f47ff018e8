"""CMMD against the arithmetic of the published port."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.cmmd import cmmd


@pytest.mark.parametrize("name", ["small", "ill_conditioned", "identical", "shift_only"])
def test_golden_features(shared: Path, name: str) -> None:
    folder = shared / "goldens" / "frechet_cmmd"
    expected = json.loads((folder / "expected.json").read_text())[name]
    with np.load(folder / f"{name}.npz") as arrays:
        value = cmmd(arrays["x"], arrays["y"])
    assert value == pytest.approx(expected["cmmd_on_l2_normalised_float64"], rel=1e-7, abs=1e-9)
    assert value == pytest.approx(expected["cmmd_on_l2_normalised_float32"], rel=1e-3, abs=1e-9)


def test_blocks_lengths_and_order_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(30, 5)), generator.normal(1.0, 1.0, size=(20, 5))
    value = cmmd(first, second)
    assert cmmd(second, first) == pytest.approx(value, rel=1e-9)
    assert cmmd(3 * first, second[::-1]) == pytest.approx(value, rel=1e-9)
    monkeypatch.setattr(sys.modules["pairsmith.evaluation.cmmd"], "_ROWS", 7)
    assert cmmd(first, second) == pytest.approx(value, rel=1e-9)


def test_opposite_points_by_hand() -> None:
    assert cmmd([[1.0, 0.0]], [[-1.0, 0.0]]) == pytest.approx(1000 * (2 - 2 * np.exp(-4 / 200)))


def test_bad_embeddings_are_refused() -> None:
    good = np.eye(3)
    with pytest.raises(InputError, match="row 1 of the second embeddings is zero or not finite"):
        cmmd(good, np.array([[1.0, 0, 0], [0, 0, 0]]))
    with pytest.raises(InputError, match="row 0 of the first"):
        cmmd(good * np.nan, good)
    with pytest.raises(InputError, match="width 3 and 2"):
        cmmd(good, np.eye(2))
    with pytest.raises(InputError, match="at least one row"):
        cmmd(np.zeros((0, 3)), good)
