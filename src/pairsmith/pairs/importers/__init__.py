"""Importers: COCO captions, Karpathy splits, WebDataset tars, Parquet files and image folders become pair stores."""

from pairsmith.pairs.importers.coco import iter_pairs_coco
from pairsmith.pairs.importers.detect import detect_format
from pairsmith.pairs.importers.folder import iter_pairs_folder
from pairsmith.pairs.importers.importing import ImportSettings, import_pairs
from pairsmith.pairs.importers.karpathy import iter_pairs_karpathy
from pairsmith.pairs.importers.parquet import iter_pairs_parquet
from pairsmith.pairs.importers.rows import RowSettings
from pairsmith.pairs.importers.webdataset import iter_pairs_webdataset

__all__ = [
    "ImportSettings",
    "RowSettings",
    "detect_format",
    "import_pairs",
    "iter_pairs_coco",
    "iter_pairs_folder",
    "iter_pairs_karpathy",
    "iter_pairs_parquet",
    "iter_pairs_webdataset",
]
