"""Fingerprints: equal for equal weights, others for others."""

from __future__ import annotations

import torch

from pairsmith.fingerprints import language_model_fingerprint, tensors_fingerprint
from tests.vlm.conftest import make_lm


def test_a_language_model_in_a_smaller_number_type_is_the_same() -> None:
    assert language_model_fingerprint(make_lm()) == language_model_fingerprint(make_lm().bfloat16())
    assert language_model_fingerprint(make_lm()) != language_model_fingerprint(make_lm(seed=1))


def test_tensors_are_told_apart_by_text_name_type_shape_and_every_bit() -> None:
    values = torch.arange(6, dtype=torch.float32)
    found = {
        tensors_fingerprint("a", {"x": values, "y": values}),
        tensors_fingerprint("b", {"x": values, "y": values}),
        tensors_fingerprint("a", {"x": values, "z": values}),
        tensors_fingerprint("a", {"x": values, "y": values.reshape(2, 3)}),
        tensors_fingerprint("a", {"x": values, "y": values.view(torch.int32)}),
        tensors_fingerprint("a", {"x": values, "y": torch.nextafter(values, values + 1)}),
    }
    assert len(found) == 6


def test_neither_order_nor_layout_matters() -> None:
    square = torch.arange(6.0).reshape(2, 3)
    turned = square.T.contiguous().T
    assert tensors_fingerprint("a", {"x": square, "y": square}) == tensors_fingerprint("a", {"y": turned, "x": turned})
