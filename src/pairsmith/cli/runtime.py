"""The process a command runs in: how many cores it uses, where models go, and which libraries hold their tongue."""

from __future__ import annotations

import os
import sys
import warnings

from pairsmith.cores import usable_cores

_QUIET_MODULES = (r"sklearn\b", r"transformers\b", r"diffusers\b", r"huggingface_hub\b", r"tokenizers\b")


def quieten() -> None:
    """Silence what libraries say that means nothing to users; to be called before they are imported."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns of every forked worker
    for module in _QUIET_MODULES:
        warnings.filterwarnings("ignore", module=module)


def prepare_torch() -> None:
    """Let torch use all usable cores unless OMP_NUM_THREADS says otherwise, and keep loading bars off the screen."""
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if "diffusers" in sys.modules:  # it takes seconds to import, which only its own users should pay
        from diffusers.utils import logging as diffusers_logging

        diffusers_logging.disable_progress_bar()
    if not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(usable_cores())


def pick_device(wanted: str) -> str:
    """The device behind "auto": cuda where there is one.

    Raises:
        InputError: "cuda" is wanted and there is none.
    """
    import torch

    from pairsmith.errors import InputError

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return wanted
