"""The data-set card: the `README.md` of an exported data set, with the front matter that the Hugging Face hub reads.

It says what a stranger must know before using the pairs: how many, made by what, from which settings, under which
licence, and how many rows were left out.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import yaml

import pairsmith
from pairsmith.pairs.schema import Pair
from pairsmith.pairs.store import PairStore

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_MEANINGS = {
    "id": "32 hex digits; the same work gives the same id",
    "group": "shared by the pairs that belong together: renderings of one caption, captions of one picture",
    "caption": "the text",
    "references": "human captions to score against",
    "negative": "hard-negative caption",
    "negative_kind": "the rule that made the negative",
    "concept": "what was asked for",
    "axis": "the dimension along which the concept was varied",
    "image": "the picture, as encoded bytes and a name",
    "tokens": "ids of the image tokenizer, row by row",
    "generator": "what made the picture; `import:` and a format for pictures that were brought in",
    "seed": "of the generator",
    "settings": "of the generator",
}


@dataclass
class Tally:
    """What was exported, counted on the way."""

    rows: int = 0
    images: int = 0
    bytes: int = 0  # of the rows in memory
    generators: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)

    def add(self, pair: Pair) -> None:
        """Count one row."""
        self.rows += 1
        self.images += pair.image is not None
        self.generators[pair.generator or "unknown"] += 1
        if pair.negative is not None:
            self.negatives[pair.negative_kind or "unknown"] += 1


def data_set_card(store: PairStore, schema: pa.Schema, tally: Tally, title: str, licence: str, split: str) -> str:
    """The text of `README.md`.

    Args:
        store: where the rows came from.
        schema: the exported columns.
        tally: the exported rows.
        title: heading and pretty name.
        licence: identifier as the hub knows it, such as `apache-2.0` or `other`.
        split: name of the only split.
    """
    front = {
        "pretty_name": title,
        "license": licence,
        "task_categories": ["image-to-text", "text-to-image"],
        "tags": ["pairsmith", "image-text"] + ["synthetic"] * any(not _imported(name) for name in tally.generators),
        "size_categories": [next((name for limit, name in _SIZES if tally.rows < limit), "n>10M")],
        "configs": [{"config_name": "default", "data_files": [{"split": split, "path": f"data/{split}-*"}]}],
        "dataset_info": {
            "features": [_feature(column) for column in schema],
            "splits": [{"name": split, "num_examples": tally.rows, "num_bytes": tally.bytes}],
        },
    }
    manifest, counts = store.manifest, store.counts()
    facts = [
        f"- {tally.rows:,} pairs, {tally.images:,} with a picture",
        f"- left out of the store's rows: {counts['filtered']:,} filtered, {counts['failed']:,} failed",
        f"- store fingerprint `{store.fingerprint}`, Pairsmith {pairsmith.__version__}",
    ]
    if manifest.tokenizer is not None:
        facts.append(f"- tokens of the tokenizer with fingerprint `{manifest.tokenizer}`")
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---",
        f"# {title}",
        "Image-text pairs exported from a Pairsmith pair store.",
        "\n".join(facts),
        "## Where the pictures come from",
        _table("generator", tally.generators),
    ]
    if tally.negatives:
        parts += ["## Hard negatives", _table("rule", tally.negatives)]
    parts += [
        "## Licence",
        f"Stated licence: `{licence}`. Pairs that were imported stay under the licence of their source, and pictures "
        "that a model made are bound by the terms of that model.",
        "## Columns",
        "\n".join(f"- `{name}`: {_MEANINGS[name]}" for name in schema.names),
        "## How it was made",
        f"```json\n{json.dumps(manifest.settings, indent=1, ensure_ascii=False)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _imported(generator: str) -> bool:
    return generator.startswith("import:") or generator == "unknown"


def _table(name: str, counts: Counter[str]) -> str:
    rows = (f"| {_cell(value)} | {number:,} |" for value, number in sorted(counts.items()))
    return "\n".join((f"| {name} | pairs |", "| --- | ---: |", *rows))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _feature(column: pa.Field) -> dict[str, Any]:
    """One column in the notation of the hub's `dataset_info`."""
    kind = column.type
    if column.name == "image":
        return {"name": column.name, "dtype": "image"}
    if pa.types.is_fixed_size_list(kind):
        return {"name": column.name, "sequence": str(kind.value_type), "length": kind.list_size}
    if pa.types.is_list(kind):
        return {"name": column.name, "sequence": str(kind.value_type)}
    return {"name": column.name, "dtype": str(kind)}
