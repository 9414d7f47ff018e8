"""Rendering by one worker and by two, on this machine and on Ray: how much faster are two?

Run with: OMP_NUM_THREADS=1 python benchmarks/bench_executors.py [--shards 8] [--rows 32] [--executors local ray]

A small masked generator with random weights draws tokens on the CPU, each worker pinned to one thread. A worker's time
to start and to load its models is left out of the ratio: rows a second are counted from the moment when all workers are
ready to the last shard's place in the manifest. The whole time, from the call to the finished store with the workers
ended, stands beside it. The stores are compared byte for byte with that of a run without workers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pairsmith.execution import Execution, WorkerLine
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.generators.text import TextEncoder
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.stages.render import render_captions
from pairsmith.stages.renderer import Renderer
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer

WORDS = ["a", "red", "blue", "green", "dog", "cat", "car", "tree", "house", "on", "under", "beside"]
TARGET = 1.8


@dataclass(frozen=True)
class RandomGenerator:
    """The recipe of a generator with random weights, the same in every process."""

    def open(self) -> Renderer:
        """Make it."""
        torch.set_num_threads(1)
        vocabulary = {word: number for number, word in enumerate(["<unk>", "<bos>", "<eos>", *WORDS])}
        words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
        words.pre_tokenizer = WhitespaceSplit()
        hf_tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=words, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<eos>"
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            lm = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=len(vocabulary),
                    hidden_size=64,
                    intermediate_size=128,
                    num_hidden_layers=2,
                    num_attention_heads=4,
                    num_key_value_heads=2,
                )
            ).eval()
            encoder = TextEncoder(lm, hf_tokenizer, max_length=8)
            sizes = GeneratorConfig(
                layers=4, heads=4, width=128, mlp_width=512, codebook_size=256, grid=8, text_dim=encoder.dim, max_text=8
            )
            generator = MaskedGenerator(sizes).eval()
        tokenizer = VQTokenizer(
            TokenizerConfig(
                image_size=32, channels=8, multipliers=(1, 1, 1), blocks=1, norm_groups=4, code_dim=8, codebook_size=256
            )
        ).eval()
        return TokenRenderer(Synthesizer(generator, encoder, SamplingSettings(steps=8), 0), tokenizer)


class Clock:
    """Hears what the workers do, and starts when the last of them is ready and a shard is begun."""

    def __init__(self, workers: int) -> None:
        self._workers, self._started, self._before, self._done = workers, 0.0, 0, 0
        self._last = 0.0

    def __call__(self, lines: Sequence[WorkerLine]) -> None:
        self._last = time.perf_counter()
        if not self._started and sum(line.state != "starting" for line in lines) == self._workers:
            self.start()

    def start(self) -> None:
        """Count from now on."""
        self._started, self._before = time.perf_counter(), self._done

    def progress(self, done: int, total: int, failed: int) -> None:
        """Hears how many rows are made."""
        self._done = done

    def rate(self, rows: int) -> float:
        """Rows a second from its start to the last shard, without the time to end the workers."""
        return (rows - self._before) / (self._last - self._started)


def contents(folder: Path) -> dict[str, str]:
    """Every file's hash by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def main() -> None:
    """Render, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--rows", type=int, default=32, help="of a shard")
    parser.add_argument("--executors", nargs="+", default=["local", "ray"], choices=["local", "ray"])
    arguments = parser.parse_args()
    rows = arguments.shards * arguments.rows
    bad = False
    with tempfile.TemporaryDirectory() as place:
        pairs = [
            Pair(id=imported_id("bench", str(number)), caption=f"a {WORDS[1 + number % 3]} {WORDS[4 + number % 5]}")
            for number in range(rows)
        ]
        captions = PairStore.write(Path(place) / "captions", pairs, settings={"rows": rows})
        render_captions(captions, RandomGenerator(), Path(place) / "plain", shard_rows=arguments.rows, batch_rows=16)
        expected = contents(Path(place) / "plain")
        for executor in arguments.executors:
            rates, wholes = {}, {}
            for workers in (1, 2):
                clock, out = Clock(workers), Path(place) / f"{executor}-{workers}"
                execution = Execution(executor=executor, workers=workers, watch=clock)
                renderer: Renderer | RandomGenerator = RandomGenerator()
                if execution.here:  # one local worker is this process, and nobody tells that it is ready
                    renderer = RandomGenerator().open()
                    clock.start()
                began = time.perf_counter()
                render_captions(
                    captions,
                    renderer,
                    out,
                    shard_rows=arguments.rows,
                    batch_rows=16,
                    execution=execution,
                    progress=clock.progress,
                )
                rates[workers], wholes[workers] = clock.rate(rows), time.perf_counter() - began
                same = contents(out) == expected
                bad |= not same
                print(
                    f"{executor}, {workers} worker{'s' * (workers > 1)}: {rates[workers]:7.1f} rows/s, "
                    f"{wholes[workers]:.1f} s in all, bytes {same}"
                )
            print(
                f"{executor}: two workers are {rates[2] / rates[1]:.2f} times as fast as one (target {TARGET}), "
                f"{wholes[1] / wholes[2]:.2f} times with their start and end"
            )
    raise SystemExit(bad)


if __name__ == "__main__":
    main()
