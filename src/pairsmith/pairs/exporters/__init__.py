"""Exporters: a pair store goes out as WebDataset tars, a Hugging Face data set, LLaVA JSON or COCO captions."""

from pairsmith.pairs.exporters.coco import CocoExport, export_coco
from pairsmith.pairs.exporters.exporting import EXPORTERS, export_pairs
from pairsmith.pairs.exporters.llava import LlavaExport, export_llava
from pairsmith.pairs.exporters.parquet import ParquetExport, export_parquet
from pairsmith.pairs.exporters.webdataset import WebDatasetExport, export_webdataset

__all__ = [
    "EXPORTERS",
    "CocoExport",
    "LlavaExport",
    "ParquetExport",
    "WebDatasetExport",
    "export_coco",
    "export_llava",
    "export_pairs",
    "export_parquet",
    "export_webdataset",
]
