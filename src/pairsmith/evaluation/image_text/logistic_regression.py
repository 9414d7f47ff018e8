"""Multinomial logistic regression by L-BFGS over all samples at once: the classifier of linear probes.

The objective is scikit-learn's (0.5 |W|² + C times the summed cross-entropy, intercepts free), so costs C compare; the
sums are torch's, in float64, so that a probe of a million pictures runs where the features are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError

Floats = NDArray[np.float64]

_GRADIENT = 1e-9  # largest entry of the gradient (of the mean objective) at which the fit ends
_DECREASE = 64 * np.finfo(np.float64).eps  # relative decrease below which nothing is gained any more
_CORRECTIONS = 10  # of L-BFGS


@dataclass(frozen=True)
class LogisticRegression:
    """A fitted classifier: weight [K, D], bias [K]."""

    weight: Floats
    bias: Floats

    def logits(self, features: ArrayLike) -> Floats:
        """[N, D] -> [N, K]."""
        return np.asarray(features, np.float64) @ self.weight.T + self.bias


def fit_logistic_regression(
    features: ArrayLike, labels: ArrayLike, classes: int, cost: float, *, iterations: int = 1000, device: str = "cpu"
) -> LogisticRegression:
    """Fit from zero; the same data give the same classifier.

    Args:
        features: [N, D].
        labels: [N], 0 to `classes` - 1.
        cost: C, the weight of the data against the penalty.
        iterations: at most; CLIP's probes take 1,000.
        device: where the sums are computed.

    Raises:
        InputError: no samples, or features that are not finite.
    """
    import torch
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits
    from torch.nn import functional

    inputs = torch.as_tensor(np.asarray(features), dtype=torch.float64, device=device)
    targets = torch.as_tensor(np.asarray(labels), dtype=torch.long, device=device)
    if inputs.ndim != 2 or not len(inputs):
        raise InputError(f"a probe needs features [samples, values], not of shape {list(inputs.shape)}")
    if not bool(torch.isfinite(inputs).all()):
        raise InputError("features of a probe hold NaN or infinity")
    count, width = inputs.shape
    # Features of a network share a large common part and vary little in most directions, so that plain L-BFGS is far
    # from the optimum after thousands of steps. Taking the mean off (intercepts are free) and scaling the principal
    # directions by the curvature of the objective at its start leave the optimum where it is, and make it near.
    centre = inputs.mean(dim=0)
    inputs = inputs - centre
    penalty = 1.0 / (cost * count)
    variances, directions = torch.linalg.eigh(inputs.T @ inputs / count)  # [D], [D, D]
    basis = directions * (variances.clamp_min(0) / classes + penalty).rsqrt()  # [D, D]
    inputs = inputs @ basis
    shrink = penalty * basis.square().sum(dim=0)  # [D], the penalty of each direction

    def objective(flat: Floats) -> tuple[float, Floats]:
        parameters = torch.as_tensor(flat, device=device).view(classes, width + 1)
        weight, bias = parameters[:, :width], parameters[:, width]
        logits = inputs @ weight.T + bias  # [N, K]
        loss = functional.cross_entropy(logits, targets) + 0.5 * (shrink * weight.square()).sum()
        error = logits.softmax(dim=1)
        error[torch.arange(count, device=device), targets] -= 1
        error /= count
        gradient = torch.cat([error.T @ inputs + shrink * weight, error.sum(0)[:, None]], dim=1)
        return float(loss), gradient.flatten().cpu().numpy()

    # SciPy's own pool of threads has nothing to gain in the optimiser's vectors, and its threads, waiting at full speed
    # for their next turn, take torch's cores away: fifteen times the time on two cores.
    with torch.inference_mode(), threadpool_limits(1, user_api="blas"):
        found = minimize(
            objective,
            np.zeros(classes * (width + 1)),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": iterations, "gtol": _GRADIENT, "ftol": _DECREASE, "maxcor": _CORRECTIONS, "maxls": 50},
        )
    parameters = found.x.reshape(classes, width + 1)
    weight = parameters[:, :width] @ basis.T.cpu().numpy()
    return LogisticRegression(weight, parameters[:, width] - weight @ centre.cpu().numpy())
