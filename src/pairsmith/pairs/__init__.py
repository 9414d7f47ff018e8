"""The pair store: rows, shards, manifest, scores and the training feed."""

from pairsmith.pairs.images import decode_image, encode_image, load_pixels
from pairsmith.pairs.manifest import Manifest, ShardEntry
from pairsmith.pairs.schema import PAIR_SCHEMA, STATUS, Pair, imported_id, make_schema, pair_id
from pairsmith.pairs.store import PairStore
from pairsmith.pairs.writer import PairWriter

__all__ = [
    "PAIR_SCHEMA",
    "STATUS",
    "Manifest",
    "Pair",
    "PairStore",
    "PairWriter",
    "ShardEntry",
    "decode_image",
    "encode_image",
    "imported_id",
    "load_pixels",
    "make_schema",
    "pair_id",
]
