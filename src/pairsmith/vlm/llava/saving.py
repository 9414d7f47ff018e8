"""A LLaVA as a folder that plain `transformers` opens: weights, settings, tokenizer and image processor."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, LlavaForConditionalGeneration, LlavaProcessor

from pairsmith.model_folder import CONFIG_FILE
from pairsmith.pairs.atomic import sync_folder

NumberType = Literal["float32", "bfloat16", "float16"]


def is_saved(folder: Path) -> bool:
    """Whether a whole model is there."""
    return (folder / CONFIG_FILE).is_file()


def save_llava(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path, dtype: NumberType = "float32"
) -> None:
    """Write the folder; it appears whole, and replaces nothing.

    Args:
        model: its weights are cast in place to `dtype`.
        processor: written beside it.
        folder: must not exist.
        dtype: of the weights on disk; what is not float32 loses the last bits.
    """
    _save(folder, model.to(getattr(torch, dtype)), processor)


def save_language_model(model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path) -> None:
    """Write the language model of a LLaVA alone, for tests that show no pictures (MMLU) and programs that load those.

    Args:
        model: left as it is.
        processor: whose tokenizer goes with it.
        folder: must not exist.
    """
    config: Any = model.config.text_config
    kind: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    with torch.device("meta"):
        lm = kind(config)
    setattr(lm, lm.base_model_prefix, model.model.language_model)
    lm.set_output_embeddings(model.lm_head)
    _save(folder, lm, processor.tokenizer)


def _save(folder: Path, *parts: Any) -> None:
    """Let every part write its files into a folder that then takes its name."""
    temporary = folder.with_name(f"{folder.name}.tmp-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for part in parts:
            part.save_pretrained(temporary)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)
