"""What pairs are worth and which to keep: scores beside the pairs, selections of them, and data sets side by side."""

from pairsmith.curation.data_sets import DataSet, compare_sets
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.registry import SCORES, ScoringSettings, make_score
from pairsmith.curation.scoring import score_pairs
from pairsmith.curation.selection import PRESETS, SelectionSettings, select_pairs
from pairsmith.curation.subset import copy_selection

__all__ = [
    "PRESETS",
    "SCORES",
    "DataSet",
    "ScoringSettings",
    "SelectionSettings",
    "SharedModels",
    "compare_sets",
    "copy_selection",
    "make_score",
    "score_pairs",
    "select_pairs",
]
