"""Texts without their padding: open_clip's own features, and nothing left out where every place counts."""

from __future__ import annotations

from typing import Any

import open_clip
import pytest
import torch

from pairsmith.evaluation.image_text.short_texts import encode_texts

TEXT = {"context_length": 20, "vocab_size": 50, "width": 32, "heads": 2, "layers": 2}
VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
END = 49


def ids(lengths: list[int]) -> torch.Tensor:
    """Begin token, words, end token, pads."""
    found = torch.zeros(len(lengths), 20, dtype=torch.long)
    for row, length in enumerate(lengths):
        found[row, :length] = torch.randint(1, 48, (length,), generator=torch.Generator().manual_seed(row))
        found[row, length] = END
    return found


def model(kind: Any = open_clip.CLIP, **text: Any) -> Any:
    torch.manual_seed(0)
    return kind(embed_dim=16, vision_cfg=dict(VISION), text_cfg={**TEXT, **text}).eval()


def counted(net: Any, texts: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Features, and how many places went through the text tower."""
    places = []
    tower = getattr(net, "text", net).transformer
    hook = tower.register_forward_pre_hook(lambda module, inputs: places.append(inputs[0].shape[1]))
    with torch.no_grad():
        found = encode_texts(net, texts)
    hook.remove()
    return found, places[0]


@pytest.mark.parametrize("text", [{}, {"pool_type": "eos", "eos_id": END}, {"proj_bias": True}, {"proj_type": "none"}])
@pytest.mark.parametrize("lengths", [[3, 9, 5], [1], [19, 2]])
def test_features_are_those_with_padding(text: dict[str, Any], lengths: list[int]) -> None:
    net, texts = model(**text), ids(lengths)
    found, places = counted(net, texts)
    with torch.no_grad():
        torch.testing.assert_close(found, net.encode_text(texts), atol=1e-6, rtol=1e-5)
    assert places == max(lengths) + 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (open_clip.CLIP, {"pool_type": "last"}),  # the feature of the last pad
        (open_clip.CLIP, {"no_causal_mask": True}),  # words look at pads
        (open_clip.CustomTextCLIP, {}),
    ],
)
def test_where_every_place_counts_nothing_is_left_out(kind: Any, text: dict[str, Any]) -> None:
    net, texts = model(kind, **text), ids([3, 9])
    found, places = counted(net, texts)
    assert places == 20
    with torch.no_grad():
        assert torch.equal(found, net.encode_text(texts))
