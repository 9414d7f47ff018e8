"""Vector quantisation with a learned codebook: codes that follow running means, or codes that learn by gradient.

Both keep running counts of how often each code is chosen (summed over all ranks), start their codebook from the first
training batch and give a dead code a new place among the encoder outputs. Statistics change in `forward` in training
mode only, once a call.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from pairsmith.seeds import torch_generator
from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.initialization import draw_far_points, random_codes
from pairsmith.tokenizer.quantization import (
    Quantized,
    Quantizer,
    entropy_penalty,
    nearest_code,
    straight_through,
)

_SMOOTHING = 1e-5  # Laplace smoothing of the counts, as in VQ-VAE-2
_MOST_POINTS = 2**15  # encoder outputs looked at when the codebook is first placed
_TOKENS_PER_RESTART = 16  # at most one code in so many tokens moves at a time: a batch must not be learnt by heart
_MOST_RESTARTS = 256  # at a time; draws are sequential


class VectorQuantizer(Quantizer):
    """What the two kinds share: nearest code, commitment, counts, first placing and restarts."""

    counts: Tensor
    updates: Tensor

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.commitment = config.commitment
        self.entropy_weight = config.entropy_weight
        self.entropy_temperature = config.entropy_temperature
        self.decay = config.ema_decay
        self.restart_threshold = config.restart_threshold
        self.seed = config.seed
        self.register_buffer("counts", torch.ones(config.codebook_size))  # [K] running uses per call
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))  # training calls so far

    @abstractmethod
    def _learn(self, points: Tensor, tokens: Tensor) -> None:
        """Take in one batch: points [n, D], tokens [n]."""

    @abstractmethod
    def _place(self, codes: Tensor, vectors: Tensor, count: Tensor) -> None:
        """Put codes [k] at vectors [k, D], as if each had been chosen `count` (scalar) times per call."""

    @abstractmethod
    def _code_terms(self, latents: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """The loss terms through which the codes learn, if any."""

    def tokenize(self, latents: Tensor) -> Tensor:
        return nearest_code(latents, self.codebook)

    def forward(self, latents: Tensor) -> Quantized:
        latents = latents.float()
        points = latents.detach().reshape(-1, latents.shape[-1])  # [n, D]
        if self.training and int(self.updates) == 0:
            self._place_first(points)
        tokens = self.tokenize(latents)  # [...]
        codes = self.lookup(tokens)  # [..., D]
        losses = {"commitment": self.commitment * functional.mse_loss(latents, codes.detach())}
        losses.update(self._code_terms(latents, codes))
        if self.entropy_weight:
            penalty = entropy_penalty(latents, self.codebook, self.entropy_temperature)
            losses["entropy"] = self.entropy_weight * penalty
        if self.training:
            self._take_in(points, tokens.reshape(-1))
        return Quantized(straight_through(latents, codes), tokens, losses)

    @torch.no_grad()
    def _take_in(self, points: Tensor, tokens: Tensor) -> None:
        """Update running statistics from points [n, D] with codes [n], then restart dead codes."""
        self._learn(points, tokens)
        self.updates += 1
        if self.restart_threshold:
            self._restart_dead(points)

    def _count(self, tokens: Tensor) -> None:
        """Bring the running counts up to date, over all ranks."""
        uses = torch.bincount(tokens, minlength=len(self.counts)).float()  # [K]
        _all_reduce(uses)
        self.counts.lerp_(uses, 1 - self.decay)

    @torch.no_grad()
    def _place_first(self, points: Tensor) -> None:
        """Start from encoder outputs. Codes left without a point stay where they are and count as dead."""
        generator = self._generator("first codes")
        candidates = _candidates(points, generator)
        size = len(self.counts)
        indices, found = draw_far_points(candidates, min(size, len(candidates)), generator)
        vectors = candidates[indices]
        _broadcast(vectors, found)
        self.counts.zero_()
        codes = torch.arange(len(indices), device=points.device)
        self._place(codes[found], vectors[found], torch.tensor(len(candidates) / size, device=points.device))

    def _restart_dead(self, points: Tensor) -> None:
        mean_count = self.counts.sum() / len(self.counts)
        # Counts are the same on every rank, so every rank sees the same codes as dead.
        dead = (self.counts < self.restart_threshold * mean_count).nonzero().squeeze(1)  # [k]
        if not len(dead):
            return
        generator = self._generator("restart")
        candidates = _candidates(points, generator)  # [n, D]
        alive = torch.ones_like(self.counts, dtype=torch.bool)
        alive[dead] = False
        live_codes = self.codebook.detach()[alive]  # [K - k, D]
        nearest = live_codes[nearest_code(candidates, live_codes)]  # [n, D]
        distances = (candidates - nearest).square().sum(-1)  # [n]
        most = min(len(dead), _MOST_RESTARTS, max(1, len(candidates) // _TOKENS_PER_RESTART))
        indices, found = draw_far_points(candidates, most, generator, distances)
        vectors = candidates[indices]
        _broadcast(vectors, found)
        # The least used codes move; a restarted code starts with the mean count, so that it has time to be found.
        order = self.counts[dead].argsort(stable=True)[:most]
        self._place(dead[order][found], vectors[found], mean_count)

    def _generator(self, purpose: str) -> torch.Generator:
        return torch_generator(self.seed, str(int(self.updates)), purpose)


class EMAVectorQuantizer(VectorQuantizer):
    """Codes are running means of the encoder outputs that chose them; the only gradient term is the commitment."""

    table: Tensor
    sums: Tensor

    def __init__(self, config: TokenizerConfig, generator: torch.Generator) -> None:
        super().__init__(config)
        self.register_buffer("table", random_codes(config, generator))  # [K, D]
        self.register_buffer("sums", self.table.clone())  # [K, D] running sums of encoder outputs per call

    @property
    def codebook(self) -> Tensor:
        return self.table

    def _learn(self, points: Tensor, tokens: Tensor) -> None:
        self._count(tokens)
        sums = torch.zeros_like(self.sums).index_add_(0, tokens, points)  # [K, D]
        _all_reduce(sums)
        self.sums.lerp_(sums, 1 - self.decay)
        total = self.counts.sum()
        smooth = (self.counts + _SMOOTHING) / (total + len(self.counts) * _SMOOTHING) * total  # [K]
        # A code with (almost) no count has no mean: it keeps its place until it restarts.
        seen = self.counts > _SMOOTHING
        self.table.copy_(torch.where(seen[:, None], self.sums / smooth[:, None], self.table))

    def _place(self, codes: Tensor, vectors: Tensor, count: Tensor) -> None:
        # Count and sum together: with one of them left as it was, the next running mean would undo the move.
        self.table[codes] = vectors
        self.counts[codes] = count
        self.sums[codes] = vectors * count

    def _code_terms(self, latents: Tensor, codes: Tensor) -> dict[str, Tensor]:
        return {}


class GradientVectorQuantizer(VectorQuantizer):
    """Codes are parameters, pulled to the encoder outputs by an unweighted loss term (beta weighs the commitment)."""

    def __init__(self, config: TokenizerConfig, generator: torch.Generator) -> None:
        super().__init__(config)
        self.table = nn.Parameter(random_codes(config, generator))  # [K, D]

    @property
    def codebook(self) -> Tensor:
        return self.table

    def _learn(self, points: Tensor, tokens: Tensor) -> None:
        self._count(tokens)

    def _place(self, codes: Tensor, vectors: Tensor, count: Tensor) -> None:
        self.table.data[codes] = vectors
        self.counts[codes] = count

    def _code_terms(self, latents: Tensor, codes: Tensor) -> dict[str, Tensor]:
        return {"codebook": functional.mse_loss(codes, latents.detach())}


def _distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _all_reduce(values: Tensor) -> None:
    if _distributed():
        distributed.all_reduce(values)


def _broadcast(vectors: Tensor, found: Tensor) -> None:
    """Give every rank the choice of rank 0: sums on a GPU may differ in the last bit, and with them a draw."""
    if _distributed():
        distributed.broadcast(vectors, src=0)
        flags = found.to(torch.uint8)
        distributed.broadcast(flags, src=0)
        found.copy_(flags.bool())


def _candidates(points: Tensor, generator: torch.Generator) -> Tensor:
    """Points of all ranks, the same number of each, at most `_MOST_POINTS`; chosen at random where there are more."""
    world = distributed.get_world_size() if _distributed() else 1
    if len(points) > _MOST_POINTS // world:
        order = torch.randperm(len(points), generator=generator)
        points = points[order[: _MOST_POINTS // world].to(points.device)]
    if world == 1:
        return points
    fewest = torch.tensor(len(points), device=points.device)
    distributed.all_reduce(fewest, distributed.ReduceOp.MIN)
    mine = points[: int(fewest)].contiguous()
    parts = [torch.empty_like(mine) for _ in range(world)]
    distributed.all_gather(parts, mine)
    return torch.cat(parts)
