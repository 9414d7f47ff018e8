from __future__ import annotations

from pairsmith.recipes.synthvlm.data import is_true, truth_share, web_pairs
from pairsmith.recipes.synthvlm.presets import TINY
from pairsmith.recipes.synthvlm.settings import SourceSettings
from pairsmith.scenes import World

WORLD = World(TINY.world)


def test_as_many_captions_are_bad_as_the_settings_say() -> None:
    pairs = list(web_pairs(WORLD, SourceSettings(pairs=600, swapped=0.2, fragments=0.1, advertising=0.1), 0))
    bad = 1 - (truth_share(pairs) or 0)
    assert 0.34 < bad < 0.46
    sold = sum(
        "www.example.com" in pair.caption or "for sale" in pair.caption or "free" in pair.caption for pair in pairs
    )
    pieces = sum(len(pair.caption.split()) == 3 for pair in pairs)
    assert 30 < sold < 90
    assert 30 < pieces < 90
    swapped = sum(not is_true(pair) for pair in pairs) - sold - pieces
    assert 80 < swapped < 160


def test_without_noise_every_caption_is_true() -> None:
    clean = SourceSettings(pairs=50, swapped=0, fragments=0, advertising=0)
    assert truth_share(list(web_pairs(WORLD, clean, 3))) == 1


def test_a_row_depends_on_its_number_alone() -> None:
    few, more = (list(web_pairs(WORLD, SourceSettings(pairs=40, swapped=share), 1)) for share in (0.0, 0.2))
    assert [pair.image for pair in few] == [pair.image for pair in more]
    assert [pair.caption for pair in few] != [pair.caption for pair in more]
