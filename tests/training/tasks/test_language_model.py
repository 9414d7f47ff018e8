from __future__ import annotations

import torch

from pairsmith.training.tasks.language_model import LanguageModelTask
from tests.captions.tiny import tiny_llama, tiny_tokenizer


def test_loss_is_the_language_models_own_summed() -> None:
    hf_tokenizer = tiny_tokenizer()
    lm = tiny_llama(len(hf_tokenizer))
    task = LanguageModelTask(lm, hf_tokenizer, max_length=16)
    batch = task.prepare({"caption": ["a red dog", "the cat sits on a big bench"]}, torch.device("cpu"))
    loss = task.loss(batch, "main", 0, torch.Generator())
    assert int(loss.count) == (3 + 1) + (7 + 1)  # words and the end token, which must carry loss
    own = lm(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels).loss
    assert torch.allclose(loss.sum / loss.count, own, atol=1e-5)
