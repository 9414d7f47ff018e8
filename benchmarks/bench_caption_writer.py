"""How fast SmolLM2 writes captions in this process, beside `generate` of transformers.

Run with: python benchmarks/bench_caption_writer.py [--captions 64 --prompt synclr-concept --writer smollm2]

Both sides get the same model, prompts, temperature, top-p, length and rows a batch, and stop where a text ends. Ours
reads what the prompts have in common once and lets the next text into a slot that is free; `generate` gets the prompts
padded on the left and goes on until the longest text of a batch ends. Processor time is told, since other work on the
machine does not change it much. One thread. Prints Markdown.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Any

import torch

from pairsmith.captions import ConceptBank, Request, SamplingSettings, TransformersWriter, TransformersWriterSettings
from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.prompts import PROMPTS
from pairsmith.captions.writer import WriteFailure


def generate(model: CausalModel, prompts: list[str], stops: list[int], sampling: SamplingSettings) -> list[str]:
    """The texts of `transformers`, batch by batch."""
    network, hf_tokenizer = model.loaded()
    pad = stops[0] if hf_tokenizer.pad_token_id is None else hf_tokenizer.pad_token_id
    texts: list[str] = []
    for start in range(0, len(prompts), sampling.block_rows):
        ids = [hf_tokenizer(prompt)["input_ids"] for prompt in prompts[start : start + sampling.block_rows]]
        longest = max(map(len, ids))
        made = network.generate(
            input_ids=torch.tensor([[pad] * (longest - len(row)) + row for row in ids]),
            attention_mask=torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids]),
            do_sample=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=stops,
            pad_token_id=pad,
        )
        texts += hf_tokenizer.batch_decode(made[:, longest:], skip_special_tokens=True)
    return texts


def measured(name: str, write: Any) -> tuple[float, list[str]]:
    """Captions a second of processor time, and the captions; prints a row."""
    started, clock = time.process_time(), time.perf_counter()
    texts: list[str] = [text.text if isinstance(text, WriteFailure) else text for text in write()]
    seconds, wall = time.process_time() - started, time.perf_counter() - clock
    words = sum(len(text.split()) for text in texts) / len(texts)
    print(
        f"| {name} | {len(texts)} | {words:.1f} | {seconds:.1f} | {wall:.1f} | {len(texts) / seconds:.2f} |", flush=True
    )
    return len(texts) / seconds, texts


def main() -> None:
    """Write with both, print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=64)
    parser.add_argument("--prompt", default="synclr-concept", choices=[n for n, p in PROMPTS.items() if p.in_context])
    parser.add_argument(
        "--writer", default="smollm2", help="smollm2, or the folder or hub id of a causal language model"
    )
    parser.add_argument("--max-new-tokens", type=int, default=40)
    parser.add_argument("--block-rows", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    model = CausalModel.smollm2() if arguments.writer == "smollm2" else CausalModel(Path(arguments.writer))
    model.loaded()
    sampling = SamplingSettings(
        temperature=0.7, top_p=0.95, max_new_tokens=arguments.max_new_tokens, block_rows=arguments.block_rows
    )
    writer = TransformersWriter(model, TransformersWriterSettings(sampling=sampling))
    prompt = PROMPTS[arguments.prompt]
    names = random.Random(arguments.seed).sample(ConceptBank.packaged().names, arguments.captions)
    texts = [prompt.fill(name, "background", "a kitchen") for name in names]
    requests = [Request(text, seed, head=prompt.head, in_context=True) for seed, text in enumerate(texts)]
    stops = [*model.stop_ids(), *model.line_ends()]
    print("| writer | captions | words a caption | processor s | wall s | captions/s of processor time |")
    print("| --- | --- | --- | --- | --- | --- |")
    ours, _ = measured("Pairsmith", lambda: writer.write(requests))
    theirs, _ = measured("transformers `generate`", lambda: generate(model, texts, stops, sampling))
    print(f"\nPairsmith writes {ours / theirs:.2f} times as many captions a second.")


if __name__ == "__main__":
    main()
