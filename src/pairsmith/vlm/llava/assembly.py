"""Puts a LLaVA together: any CLIP or SigLIP vision tower, a new two-layer projector, any causal language model.

What comes out is `LlavaForConditionalGeneration` and `LlavaProcessor` of `transformers`, so whatever runs those runs
the models trained here.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import nn
from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.llava.image_processing_llava import LlavaImageProcessor

from pairsmith.errors import InputError
from pairsmith.pairs.conversations import MARKER
from pairsmith.vlm.llava.loading import Parts
from pairsmith.vlm.llava.prompts import SYSTEM, chat_template

Select = Literal["patch", "cls_patch"]
Aspect = Literal["crop", "pad"]


def assemble(
    parts: Parts,
    *,
    feature_layer: int = -2,
    select: Select = "patch",
    aspect: Aspect = "crop",
    system: str = SYSTEM,
    seed: int = 0,
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A LLaVA whose projector is new and whose other weights are those of its parts, which it takes over.

    Args:
        parts: vision tower, language model, tokenizer.
        feature_layer: of the tower's hidden states; -2 is the one before the last (LLaVA-1.5).
        select: "patch" leaves the class token out, "cls_patch" keeps it.
        aspect: how pictures become square, see `set_aspect`.
        system: of the conversation format.
        seed: of the projector, and of nothing else.

    Raises:
        InputError: the tower has no class token to keep, or the language model's logits are not those of its hidden
            states times a matrix, which is all that LLaVA's classes compute.
    """
    vision, lm, hf_tokenizer = parts.vision_tower, parts.language_model, parts.hf_tokenizer
    has_class = hasattr(getattr(vision, "embeddings", None), "class_embedding")
    if select == "cls_patch" and not has_class:
        raise InputError("setting 'select': this vision tower has no class token; use patch")
    image_token = add_image_token(hf_tokenizer)
    _make_room(lm, len(hf_tokenizer))
    strategy: Literal["default", "full"] = "default" if has_class and select == "patch" else "full"
    size, patch = vision.config.image_size, vision.config.patch_size
    image_tokens = (size // patch) ** 2 + int(has_class and select == "cls_patch")
    config = LlavaConfig(
        vision_config=copy.deepcopy(vision.config),
        text_config=copy.deepcopy(lm.config),
        image_token_index=image_token,
        image_seq_length=image_tokens,
        vision_feature_layer=feature_layer,
        vision_feature_select_strategy=strategy,
        projector_hidden_act="gelu",
        tie_word_embeddings=bool(lm.config.tie_word_embeddings),
    )
    config.pad_token_id, config.eos_token_id = hf_tokenizer.pad_token_id, hf_tokenizer.eos_token_id
    model = _join(config, vision, lm, seed)
    processor = LlavaProcessor(
        LlavaImageProcessor(
            size={"shortest_edge": size},
            crop_size={"height": size, "width": size},
            image_mean=list(parts.image_mean),
            image_std=list(parts.image_std),
        ),
        hf_tokenizer,
        patch_size=patch,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=int(has_class),
        image_token=MARKER,
    )
    set_aspect(processor, aspect)
    set_conversation(processor, system)
    return model.eval(), processor


def add_image_token(hf_tokenizer: Any) -> int:
    """The id of `<image>`, which becomes a special token; a tokenizer without a pad gets one that it has.

    Like LLaVA's, it is padded with the unknown token where there is one; pads are masked everywhere.
    """
    hf_tokenizer.add_special_tokens({"additional_special_tokens": [MARKER]}, replace_extra_special_tokens=False)
    if hf_tokenizer.pad_token is None:
        hf_tokenizer.pad_token = hf_tokenizer.unk_token or hf_tokenizer.eos_token
    # Of generation; training pads by itself. Only what the tokenizer was made with is saved, so it goes in there.
    hf_tokenizer.padding_side = hf_tokenizer.init_kwargs["padding_side"] = "left"
    return int(hf_tokenizer.convert_tokens_to_ids(MARKER))


def set_aspect(processor: LlavaProcessor, aspect: Aspect) -> None:
    """How the processor makes pictures square.

    "pad": bands of the mean colour beside the picture, so that nothing is lost (LLaVA-1.5's stage 2); "crop": the
    shorter side is resized and the middle is kept (its stage 1).
    """
    processor.image_processor.do_pad = aspect == "pad"


def set_conversation(processor: LlavaProcessor, system: str) -> None:
    """Make processor and tokenizer write conversations as they are trained."""
    template = chat_template(processor.tokenizer.eos_token, system)
    processor.chat_template = template
    processor.tokenizer.chat_template = template


def _make_room(lm: Any, tokens: int) -> None:
    """At least `tokens` rows in the embeddings; new ones are the mean of the old ones, as LLaVA's are."""
    old = lm.get_input_embeddings().weight.shape[0]
    if tokens <= old:
        return
    lm.resize_token_embeddings(tokens, mean_resizing=False)
    with torch.no_grad():
        for table in {id(layer): layer for layer in (lm.get_input_embeddings(), lm.get_output_embeddings())}.values():
            table.weight[old:] = table.weight[:old].mean(dim=0)


def _join(config: LlavaConfig, vision: nn.Module, lm: Any, seed: int) -> LlavaForConditionalGeneration:
    head = lm.get_output_embeddings()
    if head is None or getattr(head, "bias", None) is not None:
        raise InputError(f"{type(lm).__name__} has an output layer with a bias, which LLaVA's classes cannot hold")
    probe = torch.arange(min(8, lm.config.vocab_size))[None]  # [1, 8]
    with torch.no_grad():
        expected = lm.eval()(input_ids=probe, use_cache=False).logits
    with torch.device("meta"):
        model = LlavaForConditionalGeneration(config)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        projector = type(model.model.multi_modal_projector)(config)  # of nn.Linear's own initialisation, as LLaVA's
    model.model.vision_tower = vision
    model.model.multi_modal_projector = projector
    model.model.language_model = lm.base_model
    model.lm_head = head
    model.generation_config = copy.deepcopy(lm.generation_config)
    with torch.no_grad():
        found = model.eval()(input_ids=probe, use_cache=False).logits
    if not torch.allclose(found, expected, rtol=1e-4, atol=1e-4):
        raise InputError(f"{type(lm).__name__} does more to its logits than LLaVA's classes do; take another one")
    return model
