"""Logistic regression: scikit-learn's optimum, found again."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.logistic_regression import fit_logistic_regression


@pytest.mark.parametrize("cost", [1e-3, 0.316, 30.0])
def test_the_fit_is_scikit_learns(cost: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 150)
    features = rng.normal(size=(150, 6)) + rng.normal(size=(4, 6))[labels]
    ours = fit_logistic_regression(features, labels, 4, cost)
    theirs = LogisticRegression(C=cost, max_iter=5000, tol=1e-8).fit(features, labels)
    asked = rng.normal(size=(50, 6))
    logits = ours.logits(asked)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(1, keepdims=True), theirs.predict_proba(asked), atol=1e-4)


def test_a_large_common_part_does_not_hinder_the_fit() -> None:
    """As in untrained networks: all features nearly equal, and a cost that asks for the differences."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    small = 0.01 * (rng.normal(size=(120, 5)) + rng.normal(size=(3, 5))[labels])
    plain = fit_logistic_regression(small, labels, 3, 1e4)
    shifted = fit_logistic_regression(small + 1.0, labels, 3, 1e4)
    np.testing.assert_allclose(shifted.logits(small + 1.0), plain.logits(small), atol=1e-4)


@pytest.mark.parametrize("cost", [1e4, 1e6])
def test_large_costs_on_features_that_hardly_vary_reach_the_optimum(cost: float) -> None:
    """L-BFGS without scaling is not there after five thousand steps, and every program stops elsewhere."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 8, 160)
    features = rng.normal(size=(160, 24)) @ np.diag(np.logspace(-1, -4, 24)) + rng.normal(size=24)
    ours = fit_logistic_regression(features, labels, 8, cost)
    theirs = LogisticRegression(C=cost, solver="newton-cholesky", max_iter=200, tol=1e-10).fit(features, labels)
    np.testing.assert_allclose(ours.weight, theirs.coef_, atol=2e-4 * np.abs(theirs.coef_).max())
    logits = ours.logits(features)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(1, keepdims=True), theirs.predict_proba(features), atol=1e-5)


def test_bad_features_are_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        fit_logistic_regression([[np.nan, 1.0]], [0], 2, 1.0)
    with pytest.raises(InputError, match="not of shape"):
        fit_logistic_regression(np.zeros((0, 2)), [], 2, 1.0)
