"""Loads generator, tokenizer and language model for `pairsmith render`, and checks that they belong together."""

from __future__ import annotations

from pairsmith.errors import InputError
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.generators.text import TextEncoder
from pairsmith.recipes.synth2.models import load_language_model
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer


def load_synthesizer(
    generator: str,
    tokenizer: str,
    language_model: str,
    sampling: SamplingSettings,
    seed: int,
    device: str,
) -> tuple[Synthesizer, VQTokenizer]:
    """Everything that draws captions, and the tokenizer that decodes, on a device.

    Raises:
        InputError: a model cannot be loaded, or they were not trained together.
    """
    drawer = MaskedGenerator.from_pretrained(generator).to(device).eval()
    decoder = VQTokenizer.from_pretrained(tokenizer).to(device).eval()
    ours, theirs = drawer.config, decoder.config
    for what, one, other in (("codes", ours.codebook_size, theirs.codebook_size), ("grid", ours.grid, theirs.grid)):
        if one != other:
            raise InputError(
                f"generator {generator} has {what} {one}, tokenizer {tokenizer} {other}: they do not belong together"
            )
    drawer.check_codes(decoder)
    lm, hf_tokenizer = load_language_model(language_model)
    encoder = TextEncoder(lm.to(device), hf_tokenizer, max_length=ours.max_text, layer=ours.text_layer)
    try:
        return Synthesizer(drawer, encoder, sampling, seed), decoder
    except InputError as error:
        raise InputError(f"--generator {generator} and --language-model {language_model}: {error}") from error
