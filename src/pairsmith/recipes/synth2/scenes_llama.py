"""The sizes of the small Llama that speaks the language of scenes, stated once for training it and for planning it."""

from __future__ import annotations

from transformers import LlamaConfig

from pairsmith.recipes.synth2.settings import LanguageModelSettings

SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<unk>")


def scenes_llama(sizes: LanguageModelSettings, vocabulary: int) -> LlamaConfig:
    """The architecture.

    Args:
        sizes: width, layers, heads, longest text.
        vocabulary: words, `SPECIAL_TOKENS` included, which come first.
    """
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.width * 8 // 3 // 8 * 8,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        max_position_embeddings=sizes.max_text * 2,
        pad_token_id=SPECIAL_TOKENS.index("<pad>"),
        bos_token_id=SPECIAL_TOKENS.index("<bos>"),
        eos_token_id=SPECIAL_TOKENS.index("<eos>"),
        tie_word_embeddings=False,
    )
