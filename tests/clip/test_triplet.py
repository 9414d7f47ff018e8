"""TripletCLIP and its multi-positive form: their published sums, and a scale that does not jump."""

from __future__ import annotations

import pytest
import torch

from pairsmith.clip.losses import multi_positive_clip_loss
from pairsmith.clip.triplet import multi_positive_triplet_loss, triplet_clip_loss
from tests.clip import references
from tests.clip.references import unit

SCALE = 14.0


def batch(pairs: int, singles: int, views: int) -> dict[str, torch.Tensor]:
    """Bases of the pairs, singles, negatives of the pairs, in this order."""
    captions = torch.arange(2 * pairs + singles)
    negative = captions >= pairs + singles
    return {
        "images": unit(len(captions) * views),
        "texts": unit(len(captions), seed=1),
        "image_captions": captions.repeat_interleave(views),
        "text_captions": captions,
        "negative_images": negative.repeat_interleave(views),
        "negative_texts": negative,
    }


def sums_by_loops(found: dict[str, torch.Tensor], views: int) -> tuple[float, int, float, int]:
    """The published form: NegCLIP of the base side against negative texts, and the other way round; as row means."""
    images, texts = found["images"], found["texts"]
    side = [bool(flag) for flag in found["negative_texts"]]
    terms = []
    for own in (False, True):
        ours = [j for j, flag in enumerate(side) if flag == own]
        theirs = [j for j, flag in enumerate(side) if flag != own]
        if not ours:
            terms.append((0.0, 0))
            continue
        shown = torch.stack([images[j * views + view] for j in ours for view in range(views)])
        false = texts[theirs] if theirs else texts[:0]
        terms.append((references.negclip(shown, texts[ours], false, SCALE, views), len(ours)))
    return (*terms[0], *terms[1])


@pytest.mark.parametrize("views", [1, 2])
def test_all_pairs_give_half_the_published_sum(views):
    found = batch(4, 0, views)
    base, _, negative, _ = sums_by_loops(found, views)
    assert 2 * multi_positive_triplet_loss(**found, scale=SCALE).item() == pytest.approx(base + negative, rel=1e-9)


@pytest.mark.parametrize(("pairs", "singles"), [(1, 4), (2, 3), (3, 1)])
@pytest.mark.parametrize("views", [1, 3])
def test_some_pairs_weigh_every_caption_alike(pairs, singles, views):
    found = batch(pairs, singles, views)
    base, bases, negative, negatives = sums_by_loops(found, views)
    expected = (base * bases + negative * negatives) / (bases + negatives)
    assert multi_positive_triplet_loss(**found, scale=SCALE).item() == pytest.approx(expected, rel=1e-9)


def test_no_pairs_are_multi_positive_clip():
    found = batch(0, 6, 2)
    plain = {name: value for name, value in found.items() if not name.startswith("negative")}
    assert torch.equal(
        multi_positive_triplet_loss(**found, scale=SCALE), multi_positive_clip_loss(**plain, scale=SCALE)
    )


def test_texts_without_images_on_their_side_are_candidates_but_not_anchors():
    found = batch(1, 1, 1)  # a base, a single, the base's negative
    known = {**found, "images": found["images"][:2], "image_captions": found["image_captions"][:2]}
    known["negative_images"] = found["negative_images"][:2]
    expected = references.negclip(found["images"][:2], found["texts"][:2], found["texts"][2:], SCALE)
    assert multi_positive_triplet_loss(**known, scale=SCALE).item() == pytest.approx(expected, rel=1e-9)


def test_the_scale_does_not_jump_with_the_number_of_pairs():
    # Encoders that know nothing: every row of C candidates costs log C, so batches differ by logarithms alone.
    for pairs, singles in ((0, 64), (1, 62), (16, 32), (32, 0)):
        found = batch(pairs, singles, 2)
        loss = multi_positive_triplet_loss(**found, scale=0.0).item()
        assert 0.8 < loss / multi_positive_clip_loss(
            found["images"], found["texts"], found["image_captions"], found["text_captions"], 0.0
        ).item() <= 1 + 1e-9  # fmt: skip


def test_one_view_form():
    rows = [unit(5, seed=seed) for seed in range(4)]
    images, texts, false_images, false_texts = rows
    expected = references.negclip(images, texts, false_texts, SCALE) + references.negclip(
        false_images, false_texts, texts, SCALE
    )
    assert 2 * triplet_clip_loss(*rows, SCALE).item() == pytest.approx(expected, rel=1e-9)


def test_gradients():
    found = batch(2, 1, 2)
    flags = {name: value for name, value in found.items() if name not in ("images", "texts")}

    def loss(images, texts, scale):
        return multi_positive_triplet_loss(images, texts, **flags, scale=scale)

    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (unit(10, 4).requires_grad_(), unit(5, 4, 1).requires_grad_(), scale))
