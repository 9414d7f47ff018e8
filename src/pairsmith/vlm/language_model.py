"""Any frozen Hugging Face causal language model with gated blocks between its layers.

Each decoder layer is wrapped in a `GatedLayer`, whose forward takes the media as the keyword `media_context`; the
models of `transformers` hand unknown keywords down to their layers (Llama, Mistral, Qwen2/3, SmolLM3, GPT-2, GPT-NeoX,
OPT, Phi, Gemma 3 and others do; those that do not are refused with a clear sentence). The wrapped model is a shallow
copy that shares all weights: the language model that was handed in stays as it was and serves as text encoder or can
be saved as usual.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.vlm.gated_attention import GatedBlock, KeysValues, MediaContext

# Settings of some families that change logits after the output embedding, with the value that changes nothing.
LOGIT_CHANGES = {"final_logit_softcapping": None, "logit_scale": 1.0, "logits_scaling": 1.0}


class GatedLayer(nn.Module):
    """A frozen decoder layer behind a trainable gated block (or behind none, where `every_n` skips it)."""

    def __init__(self, layer: nn.Module, block: GatedBlock | None) -> None:
        super().__init__()
        self.layer = layer
        self.block = block

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Everything but `media_context` goes to the frozen layer unchanged."""
        if "media_context" not in kwargs:
            raise InputError(
                f"the language model does not hand keywords down to its {type(self.layer).__name__}, so media cannot "
                "reach it: choose another family (Llama, Mistral, Qwen, SmolLM3, GPT-2, GPT-NeoX, OPT ...)"
            )
        context: MediaContext = kwargs.pop("media_context")
        if self.block is not None:
            hidden = self.block(hidden, context)
        return self.layer(hidden, *args, **kwargs)


class GatedLanguageModel(nn.Module):
    """The frozen language model with its gated blocks; the frozen part is in eval mode at all times.

    Args:
        lm: a causal language model of `transformers`. Its parameters stop asking for gradients and it goes to eval
            mode; nothing else about it changes.
        make_block: index of a gated block -> the block.
        every_n: a gated block before every n-th layer, starting with the first.

    Raises:
        InputError: the model's decoder layers cannot be found, or it post-processes logits in an unsupported way.
    """

    def __init__(self, lm: Any, make_block: Callable[[int], GatedBlock], every_n: int) -> None:
        super().__init__()
        settings = lm.config.get_text_config()
        for name, neutral in LOGIT_CHANGES.items():
            if getattr(settings, name, None) not in (None, neutral):
                raise InputError(f"language model {type(lm).__name__}: its setting {name!r} is not supported")
        lm.requires_grad_(False).eval()
        self._original = (lm,)  # in a tuple: not a submodule, or every weight would be listed twice
        self.backbone, layers = _shallow_copy_to_layers(lm.base_model, settings.num_hidden_layers)
        blocks: list[GatedBlock] = []
        for position, layer in enumerate(layers):
            block = make_block(len(blocks)) if position % every_n == 0 else None
            layers[position] = GatedLayer(layer, block)
            if block is not None:
                blocks.append(block)
        self._blocks = tuple(blocks)  # in a tuple: they are submodules of their layers already
        self.head = lm.get_output_embeddings()
        self.train(False)

    @property
    def original(self) -> Any:
        """The language model as it was handed in; shares all weights."""
        return self._original[0]

    def gated_blocks(self) -> nn.ModuleList:
        """The trainable blocks, in order, without the frozen layers around them."""
        return nn.ModuleList(self._blocks)

    def train(self, mode: bool = True) -> GatedLanguageModel:
        """Only the gated blocks follow `mode`: dropout in a frozen model would be noise without use."""
        super().train(False)
        self.training = mode
        for block in self._blocks:
            block.train(mode)
        return self

    def project(self, media: Tensor) -> tuple[KeysValues, ...]:
        """Keys and values of all gated blocks for media `[B, M, D]`: once for a whole generation."""
        return tuple(block.attention.project(media) for block in self._blocks)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, context: MediaContext, cache: Any | None = None
    ) -> Tensor:
        """Hidden states after the last layer and norm.

        Args:
            input_ids: `[B, T]` int64.
            attention_mask: `[B, P + T]`, 1 for real tokens, over the P cached and the T new ones; pads on either side.
            context: what the gated blocks attend to.
            cache: a `transformers` cache that holds P positions and is extended in place; None = no cache.

        Returns:
            `[B, T, W]`.
        """
        # Positions count real tokens, so left padding does not shift a prompt.
        positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, -input_ids.shape[1] :]  # [B, T]
        output = self.backbone(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            media_context=context,
        )
        return output.last_hidden_state

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states `[..., W]` -> logits `[..., V]`."""
        return self.head(hidden)


def _shallow_copy_to_layers(backbone: nn.Module, count: int) -> tuple[nn.Module, nn.ModuleList]:
    """A copy of the backbone that shares everything but the chain of modules that leads to its list of layers."""
    paths = [
        path
        for path, module in backbone.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count and path.count(".") <= 1
    ]
    if len(paths) != 1:
        found = f"{len(paths)} lists of {count} layers"
        raise InputError(f"language model {type(backbone).__name__}: cannot tell its decoder layers ({found} found)")
    top = owner = _shallow_copy(backbone)
    *parents, name = paths[0].split(".")
    for parent in parents:
        child = _shallow_copy(owner.get_submodule(parent))
        setattr(owner, parent, child)
        owner = child
    layers = nn.ModuleList(owner.get_submodule(name).children())
    setattr(owner, name, layers)
    return top, layers


def _shallow_copy(module: nn.Module) -> nn.Module:
    twin = copy.copy(module)
    twin._modules = dict(module._modules)  # parameters and buffers stay shared, children can be exchanged
    return twin
