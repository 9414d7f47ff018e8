"""Near-duplicates by hash and by features: who repeats whom, and how far away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.near_duplicate import NearDuplicate, NearDuplicateSettings
from pairsmith.curation.scoring import score_pairs
from pairsmith.pairs import PairStore, decode_image, encode_image
from pairsmith.pairs.scores import read_score_column
from tests.curation.stores import picture_store


@pytest.fixture
def copied(tmp_path: Path) -> PairStore:
    """Five pictures, then a JPEG of picture 1, a smaller picture 3, and one that is none."""
    pairs = list(picture_store(tmp_path / "plain", 5, size=64).iter_pairs())
    jpeg = encode_image(decode_image(pairs[1].image), "jpeg", 60)
    small = encode_image(decode_image(pairs[3].image).resize((40, 40)))
    for number, image in ((5, jpeg), (6, small), (7, b"none")):
        pairs.append(replace(pairs[0], id=f"copy {number}", image=image))
    return PairStore.write(tmp_path / "copied", pairs, settings={})


@pytest.mark.parametrize("by", ["hash", "embedding"])
def test_copies_name_the_first_of_their_kind(copied: PairStore, clip_folder: Path, by: str) -> None:
    settings = NearDuplicateSettings(by=by, model=str(clip_folder), cosine=0.98)
    score_pairs(copied, {"near": NearDuplicate(settings, SharedModels())}, batch_rows=3, part_rows=2)
    found = read_score_column(copied, "near")
    assert found.twins is not None
    if by == "hash":
        assert found.twins.tolist() == [0, 1, 2, 3, 4, 1, 3, 7]
        np.testing.assert_array_equal(found.values[:5], 1)
    else:  # an untrained model finds soft pictures alike; the copies must still be nearer than anything else
        assert found.twins[5] in (found.twins[1], 1)
        assert found.twins[6] in (found.twins[3], 3)
    assert (found.values[5:7] < 0.1).all()
    assert np.isnan(found.values[7])
    assert "not an image" in str(found.reasons[7])


def test_a_finished_one_is_left_alone(copied: PairStore) -> None:
    score = NearDuplicate(NearDuplicateSettings(), SharedModels())
    first = score_pairs(copied, {"near": score})["near"]
    again = score_pairs(copied, {"near": score})["near"]
    assert (first.computed, again.computed) == (8, 0)
    assert (again.scored, again.failed) == (7, 1)


def test_settings_of_the_other_way_do_not_matter() -> None:
    models = SharedModels()
    hashed = [NearDuplicate(NearDuplicateSettings(cosine=c), models).describe() for c in (0.9, 0.8)]
    assert hashed[0] == hashed[1]
    features = [NearDuplicate(NearDuplicateSettings(by="embedding", cosine=c), models).describe() for c in (0.9, 0.8)]
    assert features[0] != features[1]
