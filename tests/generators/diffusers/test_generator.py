from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators.diffusers import DiffusersGenerator, DiffusersSettings
from tests.generators.diffusers import tiny_pipelines

PROMPTS = ["a red dog", "a blue cat", "two trees", "a small house", "the sea", "a car", "an old bench"]
SEEDS = [11, 12, 13, 14, 15, 16, 2**62]


def settings(**changes: Any) -> DiffusersSettings:
    return DiffusersSettings(**{"steps": 2, "width": 16, "height": 16, **changes})


def pixels(generator: DiffusersGenerator, prompts: list[str] = PROMPTS, seeds: list[int] = SEEDS) -> np.ndarray:
    return np.stack([picture.pixels for picture in generator.draw(prompts, seeds)])  # [B, H, W, 3]


@pytest.mark.parametrize("name", list(tiny_pipelines.PIPELINES))
def test_a_picture_depends_on_its_prompt_and_seed_alone(pipelines: dict[str, Path], name: str) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines[name], settings())
    together = pixels(generator)
    assert together.shape == (7, 16, 16, 3)
    for row in (0, 3, 6):
        alone = pixels(generator, PROMPTS[row : row + 1], SEEDS[row : row + 1])
        assert (alone[0] == together[row]).all()
    backwards = pixels(generator, PROMPTS[::-1], SEEDS[::-1])
    assert (backwards[::-1] == together).all()
    assert (pixels(generator, PROMPTS, [seed + 1 for seed in SEEDS]) != together).any()  # the seed counts
    assert (pixels(generator, PROMPTS[::-1], SEEDS) != together).any()  # and so does the prompt


def test_the_float_pictures_are_equal_too_not_only_the_rounded_ones(pipelines: dict[str, Path]) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines["sd3"], settings(block_rows=4))
    runs: list[torch.Tensor] = []
    run = generator._run
    generator._run = lambda *given: runs.append(run(*given)) or runs[-1]  # type: ignore[method-assign]
    generator.draw(PROMPTS, SEEDS)
    generator.draw(PROMPTS[2:3], SEEDS[2:3])
    assert torch.equal(runs[2][0], runs[0][2])
    assert all(len(block) == 4 for block in runs)  # the last block is filled up


def test_settings_reach_the_pipeline(pipelines: dict[str, Path]) -> None:
    plain = pixels(DiffusersGenerator.from_pretrained(pipelines["sd15"], settings()))
    for changes in ({"steps": 3}, {"guidance": 1.0}, {"negative_prompt": "ugly"}, {"width": 32, "height": 16}):
        other = pixels(DiffusersGenerator.from_pretrained(pipelines["sd15"], settings(**changes)))
        assert other.shape != plain.shape or (other != plain).any()
    assert other.shape == (7, 16, 32, 3)


def test_the_refiner_draws_the_last_steps_from_the_bases_latents(pipelines: dict[str, Path]) -> None:
    both = DiffusersGenerator.from_pretrained(
        pipelines["sdxl"], settings(steps=5, refiner=str(pipelines["refiner"]), high_noise_fraction=0.6)
    )
    steps: dict[str, list[float]] = {"base": [], "refiner": []}
    for name, pipeline in (("base", both.pipelines.base), ("refiner", both.pipelines.refiner)):
        pipeline.unet.register_forward_pre_hook(
            lambda module, given, name=name: steps[name].append(float(given[1])), with_kwargs=False
        )
    drawn = pixels(both, PROMPTS[:2], SEEDS[:2])
    assert (len(steps["base"]), len(steps["refiner"])) == (3, 2)
    assert min(steps["base"]) > max(steps["refiner"])  # the refiner goes on at the noise where the base stopped
    assert both.pipelines.refiner.vae is both.pipelines.base.vae
    alone = DiffusersGenerator.from_pretrained(pipelines["sdxl"], settings(steps=5))
    assert both.fingerprint() != alone.fingerprint()
    assert (pixels(alone, PROMPTS[:2], SEEDS[:2]) != drawn).any()


def test_the_fingerprint_knows_weights_scheduler_and_tokenizer(pipelines: dict[str, Path], tmp_path: Path) -> None:
    first = DiffusersGenerator.from_pretrained(pipelines["pixart"], settings())
    assert DiffusersGenerator.from_pretrained(pipelines["pixart"], settings()).fingerprint() == first.fingerprint()
    for number, change in enumerate(("weights", "scheduler", "length")):
        pipeline = first.pipelines.base
        changed = type(pipeline)(**pipeline.components)
        if change == "weights":
            changed.transformer.proj_out.bias.data += 1
        elif change == "scheduler":
            changed.scheduler = type(changed.scheduler)(beta_end=0.03)
        else:
            changed.tokenizer = tiny_pipelines.t5_tokenizer()
            changed.tokenizer.model_max_length = 9
        changed.save_pretrained(tmp_path / str(number))
        other = DiffusersGenerator.from_pretrained(tmp_path / str(number), settings())
        assert other.fingerprint() != first.fingerprint(), change


@pytest.mark.parametrize(
    ("name", "length", "note"),
    [
        ("sd15", 75, ""),
        ("sd15", 76, "cut: 78 tokens, of which tokenizer reads 77"),
        ("sdxl", 80, "cut: 82 tokens, of which tokenizer reads 77; 82 tokens, of which tokenizer_2 reads 77"),
        ("sd3", 80, "cut: 82 tokens, of which tokenizer reads 77; 82 tokens, of which tokenizer_2 reads 77"),
        ("pixart", 119, ""),
        ("pixart", 120, "cut: 121 tokens, of which tokenizer reads 120"),
    ],
)
def test_what_was_cut_is_said(pipelines: dict[str, Path], name: str, length: int, note: str) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines[name], settings(block_rows=1))
    prompt = " ".join("a" * length)
    assert [picture.cut for picture in generator.draw([prompt], [0])] == [note]
    if note:  # and it is cut, not wrapped around: what follows is not seen
        base, more = generator.draw([prompt, f"{prompt} b"], [0, 0])
        if name != "sd3":  # its T5 reads on
            assert (base.pixels == more.pixels).all()


def test_more_text_can_be_asked_for_where_the_encoder_allows_it(pipelines: dict[str, Path]) -> None:
    prompt = " ".join("a" * 130)
    longer = DiffusersGenerator.from_pretrained(pipelines["pixart"], settings(max_text=200))
    assert longer.draw([prompt], [0])[0].cut == ""
    with pytest.raises(InputError, match="max_text"):
        DiffusersGenerator.from_pretrained(pipelines["sd15"], settings(max_text=200))


def test_out_of_memory_halves_the_block_and_goes_on(pipelines: dict[str, Path]) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines["sd15"], settings(block_rows=8))
    run, sizes = generator._run, []

    def limited(prompts: list[str], generators: list[torch.Generator]) -> torch.Tensor:
        sizes.append(len(prompts))
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(prompts, generators)

    generator._run = limited  # type: ignore[method-assign]
    pictures = generator.draw(PROMPTS, SEEDS)
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert [picture.block_rows for picture in pictures] == [2] * 7
    two = DiffusersGenerator.from_pretrained(pipelines["sd15"], settings(block_rows=2))
    assert (np.stack([picture.pixels for picture in pictures]) == pixels(two)).all()


def test_out_of_memory_with_one_row_says_what_to_do(pipelines: dict[str, Path]) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines["sd15"], settings(block_rows=2))

    def never(prompts: list[str], generators: list[torch.Generator]) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    generator._run = never  # type: ignore[method-assign]
    with pytest.raises(InputError, match="out of memory with one picture at a time"):
        generator.draw(PROMPTS, SEEDS)


def test_other_errors_are_not_taken_for_a_lack_of_memory(pipelines: dict[str, Path]) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines["sd15"], settings())

    def broken(prompts: list[str], generators: list[torch.Generator]) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    generator._run = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        generator.draw(PROMPTS, SEEDS)


@pytest.mark.parametrize("flags", [True, False, None])
def test_the_safety_checker_flags_and_paints_nothing_black(tmp_path: Path, flags: bool | None) -> None:
    folder = tiny_pipelines.save(tmp_path, lambda: tiny_pipelines.stable_diffusion(flags))
    checked = DiffusersGenerator.from_pretrained(folder, settings()).draw(PROMPTS, SEEDS)
    free = DiffusersGenerator.from_pretrained(folder, settings(nsfw="off")).draw(PROMPTS, SEEDS)
    assert all(picture.flagged == bool(flags) for picture in checked)
    assert not any(picture.flagged for picture in free)
    assert all((one.pixels == two.pixels).all() and one.pixels.any() for one, two in zip(checked, free, strict=True))


def test_values_that_are_no_numbers_are_noticed_row_by_row(pipelines: dict[str, Path]) -> None:
    generator = DiffusersGenerator.from_pretrained(pipelines["sd15"], settings())
    run = generator._run

    def poisoned(prompts: list[str], generators: list[torch.Generator]) -> torch.Tensor:
        result = run(prompts, generators)
        result[1, 0, 3, 3] = torch.nan
        return result

    generator._run = poisoned  # type: ignore[method-assign]
    assert [picture.finite for picture in generator.draw(PROMPTS[:3], SEEDS[:3])] == [True, False, True]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("sd3", {"refiner": "x"}, "x: no text-to-image pipeline"),
        ("pixart", {"refiner": "sdxl"}, "setting 'refiner': PixArtAlphaPipeline has no denoising_end"),
        ("sd15", {"offload": "model"}, "no accelerator to offload from"),
        ("sd15", {"variant": "fp16"}, "no text-to-image pipeline of diffusers could be loaded"),
    ],
)
def test_what_does_not_fit_is_refused(pipelines: dict[str, Path], name: str, changes: Any, words: str) -> None:
    changes = {key: str(pipelines.get(value, value)) for key, value in changes.items()}
    with pytest.raises(InputError, match=words):
        DiffusersGenerator.from_pretrained(pipelines[name], settings(**changes))


def test_weights_as_pickles_are_not_loaded(pipelines: dict[str, Path], tmp_path: Path) -> None:
    from diffusers import AutoPipelineForText2Image

    AutoPipelineForText2Image.from_pretrained(str(pipelines["sd15"])).save_pretrained(
        tmp_path, safe_serialization=False
    )
    with pytest.raises(InputError, match="could be loaded"):
        DiffusersGenerator.from_pretrained(tmp_path, settings())


def test_a_lower_precision_and_compilation_are_asked_for(
    pipelines: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    generator = DiffusersGenerator.from_pretrained(pipelines["sd3"], settings(precision="bf16", compile=True))
    assert compiled == ["SD3Transformer2DModel"]
    assert {parameter.dtype for parameter in generator.pipelines.base.transformer.parameters()} == {torch.bfloat16}
    assert all(picture.finite for picture in generator.draw(PROMPTS[:2], SEEDS[:2]))


def test_one_side_alone_is_no_size() -> None:
    with pytest.raises(ValueError, match="both or none"):
        DiffusersSettings(width=512)
