"""The arms: who draws what at one budget, and what the dual encoder of each arm learns by.

    arm                  captions       pictures of each          loss
    single_GENERATOR     B              1, by this generator      CLIP
    repeated_GENERATOR   B / m          m, all by this generator  multi-positive CLIP
    mixed                B              1, by one of all          CLIP
    ensemble             B / m          m, by m generators        multi-positive CLIP
    negclip              B / m          m                         the same, every caption with its negative as a
                                                                  further text (NegCLIP)
    negatives            B / 2m, and    m                         multi-positive TripletCLIP, share p of pairs
                         their B / 2m negatives                   ramped over the epochs
    negatives_constant   as negatives                             p constant
    negatives_step       as negatives                             p from half of the epochs on

B pictures and equally many steps of equally many pictures are the same for all. Between single and ensemble two things
change, the number of captions and that of generators; `mixed` and `repeated` change one of them each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.stages.allocation import AllocationSettings
from pairsmith.training.clip.batches import NegativeUse
from pairsmith.training.clip.settings import ClipSettings

Shape = Literal["linear", "step", "constant"]
_CURRICULA: dict[str, Shape] = {"negatives": "linear", "negatives_constant": "constant", "negatives_step": "step"}


@dataclass(frozen=True)
class Arm:
    """One way to spend the budget.

    Attributes:
        name: in folders and figures.
        weights: generator -> its share of the pictures.
        views: pictures of a caption.
        negatives: what hard negatives are for.
        shape: of the curriculum.
    """

    name: str
    weights: dict[str, float]
    views: int = 1
    negatives: NegativeUse = "none"
    shape: Shape = "linear"

    def allocation(self, settings: PolygenSettings) -> AllocationSettings:
        """How the budget is spent."""
        return AllocationSettings(
            budget=settings.budget,
            views=self.views,
            weights=self.weights,
            negatives=self.negatives == "images",
            seed=settings.seed,
        )

    def clip(self, settings: PolygenSettings) -> ClipSettings:
        """The dual encoder's settings: all arms share model, optimiser and steps.

        An epoch of the settings is one visit of as many pictures as the budget has. Where a batch shows only some of a
        caption's pictures, the arm's captions are visited more often meanwhile, and the ramp takes as many more visits.
        """
        base = settings.clip
        shown = min(self.views, settings.batch_views or self.views)
        ramp = base.curriculum.epochs * self.views // shown
        return base.model_copy(
            update={
                "views": shown,
                "loss": base.loss.model_copy(update={"negatives": self.negatives}),
                "curriculum": base.curriculum.model_copy(
                    update={"shape": self.shape, "epochs": max(1, ramp // 2) if self.shape == "step" else ramp}
                ),
                "training": base.resolved(-(-settings.budget // base.training.batch_size)),
                "epochs": None,
                "warmup_epochs": None,
            }
        )


def single_arm(generator: str) -> str:
    """The arm of one generator alone."""
    return f"single_{generator}"


def repeated_arm(generator: str) -> str:
    """The arm of one generator alone that has the ensemble's captions, each drawn m times."""
    return f"repeated_{generator}"


def make_arms(settings: PolygenSettings) -> list[Arm]:
    """The arms that the settings ask for, in order."""
    shares = {generator.name: generator.share for generator in settings.generators}
    views = settings.view_count
    found: list[Arm] = []
    for name in settings.arms:
        if name == "single":
            found += [Arm(single_arm(generator), {generator: 1.0}) for generator in shares]
        elif name == "repeated":
            found += [Arm(repeated_arm(generator), {generator: 1.0}, views) for generator in shares]
        elif name == "mixed":
            found.append(Arm(name, shares))
        elif name in _CURRICULA:
            found.append(Arm(name, shares, views, "images", _CURRICULA[name]))
        elif name == "negclip":  # as its authors: negatives from the first step on
            found.append(Arm(name, shares, views, "texts", "constant"))
        else:
            found.append(Arm(name, shares, views))
    return found


def baseline_arm(settings: PolygenSettings) -> str:
    """The arm that delta MTL is relative to: one generator, as SynthCLIP has."""
    return single_arm(settings.baseline or settings.generators[0].name)
