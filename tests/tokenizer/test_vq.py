from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from torch import Tensor, distributed

from pairsmith.tokenizer.vq import EMAVectorQuantizer, GradientVectorQuantizer, VectorQuantizer
from tests.tokenizer.conftest import small_config


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ema(**changes: object) -> EMAVectorQuantizer:
    return EMAVectorQuantizer(small_config(**changes), torch.Generator().manual_seed(0))


def gradient(**changes: object) -> GradientVectorQuantizer:
    return GradientVectorQuantizer(small_config(quantizer="vq", **changes), torch.Generator().manual_seed(0))


def started(quantizer: VectorQuantizer) -> VectorQuantizer:
    """Past its first batch, so that only the running update happens."""
    quantizer.updates.fill_(1)
    return quantizer


def test_beta_weighs_the_encoder_term_and_not_the_codebook_term() -> None:
    quantizer = started(gradient(commitment=0.25, restart_threshold=0.0))
    latents = draws(7, 6).requires_grad_()
    out = quantizer(latents)
    assert set(out.losses) == {"commitment", "codebook"}
    codes = quantizer.codebook[out.tokens]
    distance = (codes - latents).square().mean().item()
    assert out.losses["commitment"].item() == pytest.approx(0.25 * distance, rel=1e-5)
    assert out.losses["codebook"].item() == pytest.approx(distance, rel=1e-5)

    (latents_gradient,) = torch.autograd.grad(out.losses["commitment"], latents, retain_graph=True)
    assert torch.allclose(latents_gradient, 0.25 * 2 * (latents - codes) / latents.numel(), atol=1e-7)
    assert torch.autograd.grad(out.losses["commitment"], quantizer.table, retain_graph=True, allow_unused=True) == (
        None,
    )
    assert torch.autograd.grad(out.losses["codebook"], latents, retain_graph=True, allow_unused=True) == (None,)
    (codes_gradient,) = torch.autograd.grad(out.losses["codebook"], quantizer.table)
    assert codes_gradient[out.tokens].abs().sum() > 0


def test_ema_has_the_commitment_term_alone_and_no_parameters() -> None:
    quantizer = ema()
    assert not list(quantizer.parameters())
    assert set(quantizer(draws(50, 6)).losses) == {"commitment"}


def test_ema_update_equals_hand_computation() -> None:
    quantizer = started(ema(codebook_size=3, code_dim=2, ema_decay=0.9, restart_threshold=0.0))
    quantizer.table.copy_(torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]))
    quantizer.counts.copy_(torch.tensor([4.0, 2.0, 1.0]))
    quantizer.sums.copy_(quantizer.table * quantizer.counts[:, None])
    latents = torch.tensor([[1.0, 1.0], [9.0, 1.0], [11.0, 3.0]])
    out = quantizer(latents)
    assert out.tokens.tolist() == [0, 1, 1]
    assert out.embedding.tolist() == [[0.0, 0.0], [10.0, 0.0], [10.0, 0.0]]  # the codes before the update

    counts = [0.9 * 4 + 0.1 * 1, 0.9 * 2 + 0.1 * 2, 0.9 * 1]
    sums = [[0.1 * 1, 0.1 * 1], [0.9 * 20 + 0.1 * 20, 0.1 * 4], [0.0, 0.9 * 10]]
    total = sum(counts)
    smooth = [(count + 1e-5) / (total + 3e-5) * total for count in counts]
    assert torch.allclose(quantizer.counts, torch.tensor(counts))
    assert torch.allclose(quantizer.sums, torch.tensor(sums))
    expected = torch.tensor([[value / n for value in row] for row, n in zip(sums, smooth, strict=True)])
    assert torch.allclose(quantizer.codebook, expected)


def test_nothing_is_learnt_in_eval_mode() -> None:
    quantizer = ema().eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(draws(50, 6))
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


@pytest.mark.parametrize("build", [ema, gradient])
def test_the_first_batch_places_the_codes_on_encoder_outputs(build) -> None:
    """95 % of the points are one and the same: it gets one code, and every other point its own."""
    rare = draws(20, 6, seed=5)
    quantizer = build(restart_threshold=0.0)
    points = torch.cat([torch.ones(380, 6), rare])
    out = quantizer(points)
    assert out.losses["commitment"].item() == 0.0
    assert out.tokens.unique().numel() == 21


@pytest.mark.parametrize("build", [ema, gradient])
def test_a_dead_code_restarts_on_a_far_point_and_the_next_update_does_not_undo_it(build) -> None:
    quantizer = started(build(codebook_size=4, code_dim=2, restart_threshold=0.1))
    with torch.no_grad():
        quantizer.table.copy_(torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [-90.0, -90.0]]))
    quantizer.counts.copy_(torch.tensor([8.0, 8.0, 8.0, 0.1]))
    if isinstance(quantizer, EMAVectorQuantizer):
        quantizer.sums.copy_(quantizer.table * quantizer.counts[:, None])
    far = torch.tensor([[30.0, 30.0]])
    usual = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]).repeat(8, 1)
    quantizer(torch.cat([usual, far]))
    assert torch.equal(quantizer.codebook[3], far[0])
    mean_count = quantizer.counts[3].item()
    assert mean_count > 1.0
    for _ in range(5):  # not chosen again: it must stay where it was put, but for the smoothing
        quantizer(usual)
    assert torch.allclose(quantizer.codebook[3], far[0], rtol=1e-4)
    assert quantizer.counts[3].item() == pytest.approx(mean_count * 0.99**5, rel=1e-5)


def test_codes_in_use_are_left_alone_and_no_restart_happens_at_threshold_zero() -> None:
    quantizer = started(ema(codebook_size=4, code_dim=2, restart_threshold=0.0))
    quantizer.counts.copy_(torch.tensor([8.0, 8.0, 8.0, 0.0]))
    quantizer.sums.copy_(quantizer.table * quantizer.counts[:, None])
    before = quantizer.table[3].clone()
    quantizer(quantizer.table[:3].repeat(20, 1))
    assert torch.equal(quantizer.table[3], before)
    assert quantizer.counts[3] == 0


def test_restarts_keep_a_large_codebook_alive_where_it_would_die() -> None:
    """Eight tight clusters that move away: without restarts the codes stay behind."""

    def used(threshold: float) -> int:
        quantizer = ema(restart_threshold=threshold, ema_decay=0.8)
        for step in range(60):
            centres = draws(16, 6, seed=9) * 5 + 40 * (step >= 10)
            tokens = quantizer(centres.repeat(8, 1) + 0.1 * draws(128, 6, seed=step)).tokens
        return tokens.unique().numel()

    assert used(0.0) < 8
    assert used(0.1) >= 16


def test_statistics_and_restarts_depend_on_seed_and_step_only() -> None:
    def run(noise: int) -> Tensor:
        quantizer = ema()
        for step in range(4):
            torch.rand(noise)  # the global generator must not matter
            quantizer(draws(40, 6, seed=step))
        return quantizer.codebook

    assert torch.equal(run(1), run(17))


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    quantizer = ema()
    for step in range(5):
        quantizer(draws(2, 30, 6, seed=step)[rank])
    torch.save(quantizer.state_dict(), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_two_ranks_share_their_statistics_and_their_codes(tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(_rank, (str(tmp_path),), nprocs=2, start_method="fork")
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["updates"] == 5
    # 60 tokens a step over both ranks (restarts add to them).
    assert first["counts"].sum().item() >= 59.9


def _placed(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    quantizer = ema(restart_threshold=0.0)
    points = draws(24, 6)  # as many as codes: twelve of each rank
    tokens = quantizer(points[rank * 12 : rank * 12 + 12]).tokens
    torch.save({"tokens": tokens}, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_the_first_codes_come_from_all_ranks(tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(_placed, (str(tmp_path),), nprocs=2, start_method="fork")
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True)["tokens"] for rank in (0, 1)]
    assert torch.cat(parts).unique().numel() == 24


def test_running_statistics_sum_over_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rank that is told each of its sums twice equals one process with the batch repeated."""
    points = draws(10, 6)
    alone = started(ema(restart_threshold=0.0))
    alone(points.repeat(2, 1))
    doubled = started(ema(restart_threshold=0.0))
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "all_reduce", lambda values: values.mul_(2))
    doubled(points)
    assert torch.allclose(doubled.counts, alone.counts)
    assert torch.allclose(doubled.sums, alone.sums)
    assert torch.allclose(doubled.codebook, alone.codebook)
