from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pairsmith.recipes.synth2.measure import draw_test_captions
from pairsmith.recipes.synth2.settings import EvaluationSettings
from tests.stages.models import CAPTIONS, make_captions, make_synthesizer


@pytest.mark.parametrize(("wanted", "drawn"), [(3, 3), (1000, len(CAPTIONS))])
def test_so_many_test_captions_are_drawn_as_the_setting_says(tmp_path: Path, wanted: int, drawn: int) -> None:
    test = make_captions(tmp_path)
    tokens, captions = draw_test_captions(test, make_synthesizer(), wanted)
    assert tokens.shape == (drawn, 16)
    assert captions == CAPTIONS[:drawn]
    assert torch.equal(tokens, make_synthesizer().tokens(captions, test.ids()[:drawn]))


def test_the_settings_do_not_call_the_drawn_captions_a_matter_of_scenes_alone() -> None:
    description = EvaluationSettings.model_fields["faithfulness"].description or ""
    assert "scenes only" not in description
