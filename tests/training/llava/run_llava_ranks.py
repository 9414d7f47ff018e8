"""Trains stage 2 on pictures and text alone, as one process or as one of several.

Run under torchrun as `-m tests.training.llava.run_llava_ranks FOLDER`; every scenario leaves its model in FOLDER/NAME.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from pairsmith.training.llava.presets import preset
from pairsmith.training.llava.run import LlavaRun, open_data, train_llava
from pairsmith.training.llava.settings import LlavaSettings
from tests.pairs.importers.samples import picture
from tests.vlm.llava.tiny import tiny_llava

SCENARIOS = ("full-ddp", "full-fsdp2", "lora-fsdp2", "projector-fsdp2")


def settings(name: str, several: bool) -> LlavaSettings:
    """Of a scenario; alone, nothing is parallel."""
    tuning, _, parallel = name.partition("-")
    values = preset("tiny", 2).to_dict()
    values |= {"tuning": tuning, "lora": {"rank": 2, "alpha": 4, "dropout": 0.0}, "max_length": 200, "workers": 1}
    values |= {"warmup_ratio": None, "group": False}
    values["training"] |= {
        "steps": 3,
        "batch_size": 4,
        "micro_batch": 1,
        "learning_rate": 1e-2,
        "epsilon": 1e-3,  # gradients near zero must not turn rounding into whole steps
        "parallel": parallel if several else "none",
        "device": "cpu",
        "tensorboard": False,
    }
    return LlavaSettings.model_validate(values)


def write_rows(folder: Path) -> Path:
    """Four conversations with a picture and three without: some micro-batch of some rank has text alone."""
    (folder / "images").mkdir(parents=True)
    records: list[dict] = []
    for at in range(7):
        talk = [{"from": "human", "value": f"What {at}?"}, {"from": "gpt", "value": "dog " * (at + 1)}]
        records.append({"id": str(at), "conversations": talk})
        if at < 4:
            talk[0]["value"] = "<image>\n" + talk[0]["value"]
            records[-1]["image"] = f"{at}.png"
            (folder / "images" / f"{at}.png").write_bytes(picture(at, (20, 12), "PNG"))
    (folder / "rows.json").write_text(json.dumps(records))
    return folder / "rows.json"


def run(name: str, rows: Path, out: Path, several: bool) -> LlavaRun:
    """One scenario."""
    chosen = settings(name, several)
    return train_llava(chosen, open_data(rows, chosen), tiny_llava, out / name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    dist.init_process_group("gloo")
    for scenario in SCENARIOS:
        run(scenario, target / "rows" / "rows.json", target, True)
        dist.barrier()
    dist.destroy_process_group()
