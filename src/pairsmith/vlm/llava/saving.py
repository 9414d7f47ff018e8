"""A LLaVA as a folder that plain `transformers` opens: weights, settings, tokenizer and image processor."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor

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
    temporary = folder.with_name(f"{folder.name}.tmp-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        model.to(getattr(torch, dtype)).save_pretrained(temporary)
        processor.save_pretrained(temporary)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)
