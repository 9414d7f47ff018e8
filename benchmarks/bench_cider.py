"""Speed of CIDEr-D and of the PTB tokeniser beside pycocoevalcap, in one run on the same captions, with equal scores.

Run with: python benchmarks/bench_cider.py ANNOTATIONS.json RESULTS.json [--repeats 3]

ANNOTATIONS are COCO caption annotations (captions_val2017.json: 5,000 images, 25,014 captions). Needs `pycocoevalcap`
and Java. The programs run in turn and the best of the repeats counts; processor time includes child processes (Java).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from pairsmith.evaluation import cider, ptb_tokenize
from pairsmith.evaluation.files import load_caption_results, load_references

Tokens = dict[Any, list[str]]
Result = TypeVar("Result")


def measure(work: Callable[[], Result], repeats: int) -> tuple[Result, float, float]:
    """(result, best wall seconds, best processor seconds with children)."""
    walls, processors = [], []
    for _ in range(repeats):
        before, start = sum(os.times()[:4]), time.perf_counter()
        result = work()
        walls.append(time.perf_counter() - start)
        processors.append(sum(os.times()[:4]) - before)
    return result, min(walls), min(processors)


def own_tokens(captions: Tokens) -> Tokens:
    """Our tokens of captions by image id."""
    flat = iter(ptb_tokenize([caption for group in captions.values() for caption in group]))
    return {image: [next(flat) for _ in group] for image, group in captions.items()}


def java_tokens(captions: Tokens) -> Tokens:
    """The original's tokens of captions by image id."""
    return PTBTokenizer().tokenize({image: [{"caption": text} for text in group] for image, group in captions.items()})


def main() -> None:
    """Measure, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path, help="COCO caption annotations")
    parser.add_argument("results", type=Path, help="caption results for the same images")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each program; the best counts")
    arguments = parser.parse_args()

    results: Tokens = {image: [caption] for image, caption in load_caption_results(arguments.results).items()}
    everything = load_references(arguments.annotations)
    references: Tokens = {image: everything[image] for image in results}
    captions = sum(map(len, references.values()))
    out = sys.stdout.write
    out(f"{len(results)} images, {captions} references, best of {arguments.repeats}\n")

    java, java_wall, java_processor = measure(
        lambda: (java_tokens(references), java_tokens(results)), arguments.repeats
    )
    own, own_wall, own_processor = measure(lambda: (own_tokens(references), own_tokens(results)), arguments.repeats)
    if own != java:
        raise SystemExit("the tokens differ from the original's")

    theirs, their_wall, their_processor = measure(lambda: Cider().compute_score(*java), arguments.repeats)
    ours, our_wall, our_processor = measure(lambda: cider(java[1], java[0]), arguments.repeats)
    difference = np.abs(np.asarray(theirs[1]) - ours.per_image).max()
    if abs(theirs[0] - ours.score) > 1e-12 or difference > 1e-12:
        raise SystemExit("the scores differ from the original's")

    out(f"same tokens, same scores: CIDEr-D {ours.score:.12f}, largest difference of an image {difference:.1e}\n\n")
    out(f"{'seconds':30}{'pycocoevalcap':>14}{'pairsmith':>12}{'ratio':>8}\n")
    rows = {
        "tokenisation, wall clock": (java_wall, own_wall),
        "tokenisation, processor": (java_processor, own_processor),
        "CIDEr-D on tokens, wall clock": (their_wall, our_wall),
        "CIDEr-D on tokens, processor": (their_processor, our_processor),
        "both, wall clock": (java_wall + their_wall, own_wall + our_wall),
        "both, processor": (java_processor + their_processor, own_processor + our_processor),
    }
    for name, (original, own_seconds) in rows.items():
        out(f"{name:30}{original:14.3f}{own_seconds:12.3f}{original / own_seconds:7.1f}x\n")
    out(f"\ntokeniser: {(captions + len(results)) / own_processor:,.0f} captions a second of processor time\n")


if __name__ == "__main__":
    main()
