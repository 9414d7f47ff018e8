from __future__ import annotations

import torch

from pairsmith.generators.masking import MaskingSettings
from pairsmith.training.tasks.generator import GeneratorTask
from tests.stages.models import CAPTIONS, make_synthesizer


def test_cached_text_features_are_those_of_the_encoder() -> None:
    synthesizer = make_synthesizer()
    batch = {"caption": [CAPTIONS[0], CAPTIONS[1], CAPTIONS[0]], "tokens": torch.zeros(3, 16, dtype=torch.long)}
    plain = GeneratorTask(synthesizer.generator, synthesizer.text_encoder, MaskingSettings())
    cached = GeneratorTask(synthesizer.generator, synthesizer.text_encoder, MaskingSettings(), cached_captions=2)
    for _ in range(2):  # the second time from memory
        expected, found = (task.prepare(batch, torch.device("cpu")) for task in (plain, cached))
        assert torch.equal(expected.text, found.text)
        assert torch.equal(expected.text_mask, found.text_mask)
    encoded = synthesizer.text_encoder.encoded
    cached.prepare(batch, torch.device("cpu"))
    assert synthesizer.text_encoder.encoded == encoded
    cached.prepare({**batch, "caption": CAPTIONS[5:8]}, torch.device("cpu"))  # no room: encoded, not kept
    assert synthesizer.text_encoder.encoded == encoded + 3


def test_loss_is_a_sum_over_hidden_tokens() -> None:
    synthesizer = make_synthesizer()
    task = GeneratorTask(synthesizer.generator.eval(), synthesizer.text_encoder, MaskingSettings(label_smoothing=0.0))
    batch = {"caption": CAPTIONS[:4], "tokens": torch.arange(64).reshape(4, 16) % 32}
    loss = task.loss(task.prepare(batch, torch.device("cpu")), "main", 0, torch.Generator().manual_seed(0))
    total, count = loss.parts["cross_entropy"]
    assert count == loss.count <= 64
    assert torch.allclose(loss.sum.detach(), total)
