"""Numbers about captions that a language model gives: perplexity, and a yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.filters.settings import VerdictRequest
from pairsmith.captions.writer import Request, WriteFailure, Writer
from pairsmith.errors import InputError
from pairsmith.execution.row_values import ScoreFailures
from pairsmith.seeds import row_seed

_PAD_MULTIPLE = 16
_YES = re.compile(r"[\W_]*(yes|no)\b", re.IGNORECASE)


def perplexities(model: CausalModel, captions: Sequence[str], batch: int = 16) -> NDArray[np.float64]:
    """exp of the mean negative log-likelihood of a caption's tokens, float64 [n].

    The first token is predicted from the beginning-of-text token (the end-of-text token where there is none). A caption
    without tokens gets infinity. Rows are padded on the right, each to a length that follows from its own, in blocks of
    always `batch` rows, so that neighbours change nothing, not even rounding.

    Raises:
        InputError: the tokenizer has neither of the two tokens.
    """
    network, hf_tokenizer = model.loaded()
    begin = hf_tokenizer.bos_token_id if hf_tokenizer.bos_token_id is not None else hf_tokenizer.eos_token_id
    if begin is None:
        raise InputError(f"the tokenizer of {model.name} has neither a bos nor an eos token to begin with")
    tokens = [hf_tokenizer(caption, add_special_tokens=False)["input_ids"] for caption in captions]
    groups: dict[int, list[int]] = {}
    for at, row in enumerate(tokens):
        if row:
            groups.setdefault(_padded_columns(network, len(row) + 1), []).append(at)
    values = np.full(len(tokens), np.inf)
    for columns, rows in sorted(groups.items()):
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            block = [tokens[at] for at in some]
            block += [block[0]] * (batch - len(block))
            values[some] = _batch_perplexities(network, block, begin, columns)[: len(some)]
    return values


def _padded_columns(network: Any, columns: int) -> int:
    """The next multiple of 16, unless the model has fewer places."""
    padded = -(-columns // _PAD_MULTIPLE) * _PAD_MULTIPLE
    places = getattr(network.config, "max_position_embeddings", None)
    return max(columns, min(padded, places)) if isinstance(places, int) else padded


@torch.inference_mode()
def _batch_perplexities(network: Any, rows: list[list[int]], begin: int, columns: int) -> NDArray[np.float64]:
    ids = torch.full((len(rows), columns), begin)  # [B, L + 1]
    mask = torch.zeros(len(rows), columns, dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, 1 : len(row) + 1] = torch.tensor(row)
        mask[at, : len(row) + 1] = 1
    ids, mask = ids.to(network.device), mask.to(network.device)
    logits = network(input_ids=ids, attention_mask=mask).logits[:, :-1].float()  # [B, L, V]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")  # [B, L]
    counted = mask[:, 1:]
    means = (losses * counted).sum(dim=1) / counted.sum(dim=1)
    return means.double().exp().cpu().numpy()


def verdicts(
    writer: Writer, captions: Sequence[str], ids: Sequence[str], request: VerdictRequest
) -> NDArray[np.float64]:
    """1 for yes, 0 for no, NaN where the model said neither; float64 [n].

    Raises:
        ScoreFailures: some got no answer at all, with the writer's reasons.
        InputError: the prompt has no place for the caption.
        WriterUnavailable: as the writer.
    """
    if "[caption]" not in request.prompt:
        raise InputError("the verdict's prompt needs the placeholder [caption]")
    requests = [
        Request(request.prompt.replace("[caption]", caption), row_seed(0, row_id, "verdict"))
        for caption, row_id in zip(captions, ids, strict=True)
    ]
    answers = writer.write(requests)
    values = np.array([_yes_or_no(answer) for answer in answers], np.float64)
    failed = enumerate(answers)
    reasons = {at: one.reason for at, one in failed if isinstance(one, WriteFailure) and not one.text.strip()}
    if reasons:
        raise ScoreFailures(values, reasons)
    return values


def _yes_or_no(answer: str | WriteFailure) -> float:
    """The first word counts, also of an answer that was cut off after it."""
    found = _YES.match(answer.text if isinstance(answer, WriteFailure) else answer)
    return float("nan") if found is None else float(found[1].lower() == "yes")
