"""n-gram tables against counting with dictionaries."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.evaluation.ngrams import _stable_sort, caption_table, match_candidates
from tests.evaluation.patience import PATIENT

CAPTIONS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=5).map(" ".join)


@PATIENT
@given(st.lists(st.tuples(CAPTIONS, st.lists(CAPTIONS, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_counts_and_matches_equal_dictionaries(data: list[tuple[str, list[str]]]) -> None:
    candidates, references = [pair[0] for pair in data], [pair[1] for pair in data]
    captions = candidates + [caption for group in references for caption in group]
    table = caption_table(candidates, references)
    for length, counts in enumerate(table.ngrams(4), start=1):
        expected = [
            Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))
            for words in (caption.split() for caption in captions)
        ]
        for sentence, grams in enumerate(expected):
            own = counts.counts[counts.sentences == sentence]
            assert sorted(own) == sorted(grams.values())
        assert counts.distinct == len(set().union(*expected))
        reference, candidate = match_candidates(counts, table)
        shared = sum(
            len(expected[sentence].keys() & expected[table.image_of[sentence]].keys())
            for sentence in range(len(candidates), len(captions))
        )
        assert len(reference) == shared
        assert (counts.grams[reference] == counts.grams[candidate]).all()
        assert (table.image_of[counts.sentences[reference]] == counts.sentences[candidate]).all()


def test_both_ways_of_sorting_are_stable() -> None:
    small = np.array([3, 1, 3, 1, 2, 3])
    for keys in (small, small * (1 << 60)):  # the second do not fit into one integer with their positions
        order, ordered = _stable_sort(keys)
        assert order.tolist() == [1, 3, 4, 0, 2, 5]
        assert (ordered == keys[order]).all()
