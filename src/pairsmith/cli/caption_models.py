"""The models that commands on captions name: embedders, models for perplexity, writers of verdicts and edits."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairsmith.captions.causal_model import CausalModel
from pairsmith.cli.caption_job import CaptionJob, is_address, make_writer
from pairsmith.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pairsmith.captions.concepts import ConceptBank
    from pairsmith.captions.writer import Writer


def language_model(name: str, device: str) -> CausalModel:
    """SmolLM2 by its name, or the model in a folder or on the hub."""
    return CausalModel.smollm2(device) if name == "smollm2" else CausalModel(name, device=device)


class CaptionEmbedder:
    """Embeddings of captions: a causal model's last hidden states, averaged over the words (Synth², A.3).

    Args:
        name: "smollm2", a folder or a hub id.
        device: where to compute.
        cache: folder where embeddings are kept by the captions' hash; None keeps none.
    """

    def __init__(self, name: str, device: str, cache: Path | None = None) -> None:
        self._model = language_model(name, device)
        self._device = device
        self._cache = cache
        self.name = self._model.name

    def __call__(self, captions: Sequence[str]) -> np.ndarray:
        """float32 [N, D]."""
        import numpy as np

        from pairsmith.evaluation.diversity import embed_captions
        from pairsmith.pairs.atomic import atomic_file
        from pairsmith.settings import fingerprint

        path = None
        if self._cache is not None:
            path = self._cache / f"{fingerprint([self._model.identity(), list(captions)])}.npz"
            if path.exists():
                with np.load(path, allow_pickle=False) as kept:
                    return kept["embeddings"]
        model, hf_tokenizer = self._model.loaded()
        if getattr(hf_tokenizer, "pad_token", None) is None:
            hf_tokenizer.pad_token = hf_tokenizer.eos_token
        # Each text once, texts of like length together; the layer that predicts words is not needed.
        texts = sorted(set(captions), key=lambda text: (len(text), text))
        place = {text: at for at, text in enumerate(texts)}
        found = embed_captions(model.base_model, hf_tokenizer, texts, device=self._device)  # [U, D]
        embeddings = found[[place[text] for text in captions]]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            packed = BytesIO()
            np.savez(packed, embeddings=embeddings)
            with atomic_file(path) as file:
                file.write(packed.getvalue())
        return embeddings


def named_writer(name: str, model: str | None, key_variable: str | None, device: str, cache: Path | None) -> Writer:
    """A writer for verdicts and edits: a server's address, SmolLM2, or another chat model.

    Raises:
        InputError: a server without the name of its model.
    """
    job: dict[str, Any] = {}
    if is_address(name):
        if model is None:
            raise InputError(f"--writer {name} is a server: name its model with --model")
        job = {"server": {"model": model}, "connection": {"base_url": name, "api_key_variable": key_variable}}
    elif model is not None or key_variable is not None:
        raise InputError("--model and --api-key-variable are for servers; a local model is named by --writer")
    return make_writer(name, False, CaptionJob.model_validate(job), device, cache)


def read_bank(path: Path | None, domains: Sequence[str] | None) -> ConceptBank:
    """The bank of a file, or the packaged one, cut to some domains."""
    from pairsmith.captions.concepts import ConceptBank

    bank = ConceptBank.from_file(path) if path else ConceptBank.packaged()
    return bank.only(domains) if domains else bank
