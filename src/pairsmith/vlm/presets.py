"""Complete settings by name: the published sizes, one for a single GPU, one for two CPU cores.

The paper gives the VLM's total alone: 632M with the ViT-B adapter, 890M with ViT-L+ (Tables 4 and 9), a "Chinchilla
400m" language model, and the resampler (Table 7). What it leaves open is decided here, part by part; the counts are
those of `accounting.parameter_table`.

language model, 395.2M
    Table A9 of the Chinchilla paper (Hoffmann et al., 2022) has nothing at 400M; nearest is its 425M row: width 1280,
    feed-forward 5120, 10 heads of 128, 18 layers (its neighbours have 306M and 489M). That Synth² means this row is an
    assumption. 18 x (4 x 1280² + 2 x 1280 x 5120) = 353.9M, and 32,000 x 1280 = 41.0M embeddings shared with the
    output. The published 425M are 29.5M = 18 x 1280² more; one matrix a layer for relative positions accounts for them
    (and makes the neighbours 305M and 488M). The GPT-NeoX layout used here has rotary positions instead.
VQ encoder and codebook, 23.6M + 2.1M
    Counted, because the VLM takes pixels; the decoder (30.6M) is not, because nothing in the VLM uses it.
adapter, 85.3M (ViT-B: 12 layers of 768) or 340.4M (ViT-L+: 27 layers of 1024)
    The two totals differ by 258M and in the adapter alone, so ViT-L+ has about 85 + 258 = 343M. ViT-L's 24 layers have
    302.3M; "deeper" (A.4) by 3 layers of 12.6M gives 340.1M, by 4 too much (352.7M).
resampler, 76.4M
    Table 7: 6 layers x (4 + 8) x 1024² = 75.5M; plus latents, norms, and 0.8M to widen ViT-B's 768 to 1024.
gated blocks, 72.1M
    What is left: 632 - 395.2 - 25.7 - 85.3 - 76.4 = 49.4M, or 2.7M for each of the 18 blocks. A cross-attention of
    8 heads of 64 (the sizes of the open Flamingo models) takes 2 x 1280 x 512 + 2 x 1024 x 512 = 2.4M. Flamingo's
    feed-forward of 4 x 1280 would take 13.1M in each block, 235.9M in all: a total of 861M, so the paper cannot
    have had it with this language model. What it had is not known; here both gated halves of a Flamingo block are
    kept, with a feed-forward of half the width (640): 1.6M each.

Totals: 654.6M (+3.6 %) and 908.9M (+2.1 %); without the VQ encoder and codebook 628.9M (-0.5 %) and 883.2M (-0.8 %).
"""

from __future__ import annotations

from transformers import GPTNeoXConfig

from pairsmith.vlm.config import AdapterConfig, GatedAttentionConfig, ResamplerConfig, VLMConfig

# SmolLM2's start token opens a chat's turn, whose next word is a role: straight after it the model does not learn to
# begin a caption, and a line of its own makes text follow.
CHAT_CAPTION_PROMPT = "Caption:\n"

# Synth² with the ViT-B adapter: every reported model but one row of Table 9.
PAPER_B = VLMConfig(gated=GatedAttentionConfig(feed_forward_ratio=0.5))

# Synth² with the ViT-L+ adapter (Table 9).
PAPER_L_PLUS = PAPER_B.model_copy(update={"adapter": AdapterConfig(layers=27, heads=16, width=1024, mlp_width=4096)})

# One GPU, hours: 128-pixel images (64 tokens) and a language model like SmolLM2-135M (576 wide, 30 layers). No paper.
SMALL = VLMConfig(
    codebook_size=4096,
    grid=8,
    codebook_norm="whiten",
    adapter=AdapterConfig(layers=6, heads=8, width=512, mlp_width=2048),
    resampler=ResamplerConfig(layers=3, heads=8, width=512, latents=32, mlp_width=2048, latents_from_media=True),
    gated=GatedAttentionConfig(feed_forward_ratio=1.0),
    gate_lr_scale=10.0,
    caption_prompt=CHAT_CAPTION_PROMPT,
)

# Two CPU cores, minutes: 64-pixel drawn scenes (16 tokens) and a language model of 4 layers of 192. No paper.
# Whitening, latents that start from the media and fast gates let so small a VLM see shapes within minutes. Nothing
# stands before the adapter's blocks but a linear map: 3x3 convolutions there kept it blind for twice as many steps.
TINY = VLMConfig(
    codebook_size=1280,
    code_dim=64,
    grid=4,
    codebook_norm="whiten",
    adapter=AdapterConfig(layers=1, heads=4, width=192, mlp_width=768),
    resampler=ResamplerConfig(layers=1, heads=4, width=192, latents=16, mlp_width=768, latents_from_media=True),
    gated=GatedAttentionConfig(heads=4, head_width=48, feed_forward_ratio=1.0),
    gate_lr_scale=20.0,
)

PRESETS: dict[str, VLMConfig] = {"paper": PAPER_B, "paper-l-plus": PAPER_L_PLUS, "small": SMALL, "tiny": TINY}


def chinchilla_400m() -> GPTNeoXConfig:
    """The language model of the paper presets as a GPT-NeoX: sizes of Chinchilla's 425M row, see the module's text."""
    return GPTNeoXConfig(
        vocab_size=32_000,
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=18,
        num_attention_heads=10,
        max_position_embeddings=2048,
        use_parallel_residual=False,
        tie_word_embeddings=True,
    )
