"""Captions by a model that needs no concepts, and options that do not fit together."""

from __future__ import annotations

import pytest

from pairsmith.pairs import PairStore
from tests.cli.test_errors import only_sentence


def test_captions_by_a_free_writer(pairsmith, models, tmp_path):
    writer = ("captions", "--writer", models / "lm", "--free", "--set", "captions.attempts=1")
    short = ("--set", "free.sampling.max_new_tokens=8", "--set", "free.sampling.block_rows=4")
    shown = pairsmith(*writer, *short, "--preview", 3)
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) == 3
    out = tmp_path / "captions"
    assert pairsmith(*writer, *short, "--count", 5, "--out", out).exit_code == 0
    assert sum(PairStore(out).counts().values()) == 5
    rows = [row.caption for row in PairStore(out).iter_pairs(status=None)]
    assert all(text in shown.stdout for text in rows[:3])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--writer", "http://127.0.0.1:9/v1", "--preview", "1"), "name its model with --model"),
        (("--writer", "smollm2", "--model", "x", "--preview", "1"), "for servers"),
        (("--writer", "no/such/folder", "--concepts", "no-such.txt", "--preview", "1"), "no-such.txt"),
        ((), "--out FOLDER"),
        (("--set", "captions.prompt.max_word=3"), "captions.prompt.max_words"),
    ],
)
def test_bad_options_of_captions(pairsmith, arguments, words):
    assert words in only_sentence(pairsmith("captions", *arguments))
