"""The shipped language model of scenes, taught the words of questions: its old words keep their vectors.

It has learnt sentences about scenes and has seen no picture. New words get random vectors, as its own had at first,
and learn in stage 2.
"""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from pairsmith.recipes.synth2 import shipped
from pairsmith.recipes.synth2.models import SPECIAL_TOKENS
from pairsmith.scenes import WorldSettings
from pairsmith.scenes.grammar import NUMBERS

LONGEST = 256  # positions that the settings promise; rotary positions have no table to outgrow
_WORDS = (
    *("USER", "ASSISTANT", ":", "?", "\n", "describe", "the", "picture", "background", "what", "how", "many", "color"),
    *("is", "are", "there", "a", "an", "of", "to", "left", "above", "yes", "no"),
)


def scene_language_model(world: WorldSettings, seed: int = 0) -> tuple[Any, PreTrainedTokenizerFast]:
    """The language model and its tokenizer.

    Args:
        world: whose questions it can be asked.
        seed: of the vectors of new words.
    """
    folder = shipped.FOLDER / "language_model"
    lm = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    known = AutoTokenizer.from_pretrained(folder).get_vocab()
    words = [*_WORDS, *NUMBERS.values(), *world.backgrounds, *world.colours, *world.classes]
    words += ["crosses" if name == "cross" else f"{name}s" for name in world.classes]
    vocabulary = dict(sorted(known.items(), key=lambda item: item[1]))
    for word in words:
        vocabulary.setdefault(word, len(vocabulary))
    old = len(known)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        lm.resize_token_embeddings(len(vocabulary), mean_resizing=False)
        torch.nn.init.normal_(lm.model.embed_tokens.weight.data[old:], std=1.0)
        torch.nn.init.normal_(lm.lm_head.weight.data[old:], std=lm.config.hidden_size**-0.5)
    lm.config.max_position_embeddings = LONGEST
    return lm.eval(), _tokenizer(vocabulary)


def _tokenizer(vocabulary: dict[str, int]) -> PreTrainedTokenizerFast:
    """Words, punctuation and line ends; a text begins with <bos>."""
    pad, bos, eos, unknown = SPECIAL_TOKENS
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n|\w+|[^\w\s]"), "removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, vocabulary[bos])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, bos_token=bos, eos_token=eos, unk_token=unknown
    )
