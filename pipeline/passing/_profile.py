"""Likelihood of passes under log(-log P) = design x coefficients: its maximum, and intervals by profiling.

Whether sampling stopped at r passes or at a cap, the likelihood is P^passes (1 - P)^(samples - passes): when to stop
depended on nothing but the outcomes themselves (likelihood principle, Barnard 1949). With log(-log P) linear it is
the generalised linear model of failures with complementary log-log link (McCullagh & Nelder 1989, 4.3), which is
concave: there is one maximum, and Newton's method finds it. What differs from run to run is a coefficient, too, with a
normal distribution about 0 (a penalty, Breslow & Clayton 1993).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.types import Float64

BOUND = 30.0
"""log(-log P) beyond which P is 0 or 1 in double precision."""


@dataclass(frozen=True)
class Counts:
    """What the likelihood is made of: n cells, k coefficients."""

    passes: Float64
    """(n,)"""
    samples: Float64
    """(n,)"""
    design: Float64
    """(n, k)"""
    penalty: Float64
    """1/variance of each coefficient, 0 for one that may be anything, (k,)."""
    offset: Float64
    """Added to design x coefficients, (n,)."""

    def fixing(self, index: int, value: float) -> Counts:
        """The same with one coefficient fixed."""
        offset = self.offset + value * self.design[:, index]
        design, penalty = np.delete(self.design, index, axis=1), np.delete(self.penalty, index)
        return Counts(self.passes, self.samples, design, penalty, offset)

    def predictor(self, coefficients: Float64) -> Float64:
        """log(-log P), (n,)."""
        return np.asarray(np.clip(self.offset + self.design @ coefficients, -BOUND, BOUND))


def likelihood(counts: Counts, coefficients: Float64) -> float:
    """Logarithm of the likelihood, less half the penalty."""
    m = np.exp(counts.predictor(coefficients))
    failures = counts.samples - counts.passes
    counted = failures * np.log(-np.expm1(-m)) - counts.passes * m
    return float(counted.sum() - (counts.penalty * coefficients**2).sum() / 2)


def slope(counts: Counts, coefficients: Float64) -> Float64:
    """First derivative of `likelihood`, (k,)."""
    m = np.exp(counts.predictor(coefficients))
    score = (counts.samples - counts.passes) * _odds(m) * m - counts.passes * m
    return np.asarray(counts.design.T @ score - counts.penalty * coefficients)


def hessian(counts: Counts, coefficients: Float64) -> Float64:
    """Minus the second derivative of `likelihood`, (k, k): the observed information."""
    m = np.exp(counts.predictor(coefficients))
    odds, failures = _odds(m), counts.samples - counts.passes
    curvature = counts.passes * m + failures * odds * m * ((1 + odds) * m - 1)
    weighted = counts.design.T @ (np.maximum(curvature, 0)[:, None] * counts.design)
    return np.asarray(weighted + np.diag(counts.penalty))


def maximum(counts: Counts, start: Float64 | None = None) -> Float64:
    """Coefficients (k,) of the largest likelihood; raises ValueError if it has no maximum."""
    found = np.zeros(counts.design.shape[1]) if start is None else start
    best = likelihood(counts, found)
    for _ in range(100):
        step = _newton(counts, found)
        while (reached := likelihood(counts, found + step)) < best - 1e-9 and np.abs(step).max() > 1e-9:
            step = step / 2
        found, best = found + step, reached
        if np.abs(step).max() < 1e-7:
            break
    if np.linalg.eigvalsh(hessian(counts, found))[0] > 1e-6:
        return found
    raise ValueError("the likelihood has no maximum: passes are all or none on either side of some size")


def interval(counts: Counts, best: Float64, index: int, quantile: float) -> tuple[float, float]:
    """Values of one coefficient whose profile deviance stays below `quantile`; infinite where it never reaches it."""
    top = likelihood(counts, best)

    def excess(value: float) -> float:
        """How far the deviance of the best fit with this value is beyond the quantile."""
        fixed = counts.fixing(index, value)
        return 2 * (top - likelihood(fixed, maximum(fixed, np.delete(best, index)))) - quantile

    error = np.sqrt(np.linalg.inv(hessian(counts, best))[index, index])
    width = float(np.sqrt(quantile) * error)
    return _crossing(excess, float(best[index]), -width), _crossing(excess, float(best[index]), width)


def _crossing(excess: Callable[[float], float], centre: float, width: float) -> float:
    from scipy.optimize import brentq

    inside, far = centre, centre + width
    for _ in range(12):
        try:
            outside = excess(far) > 0
        except ValueError:
            break
        if outside:
            return float(brentq(excess, inside, far, xtol=1e-4 * abs(width)))
        inside, far = far, centre + 2 * (far - centre)
    return float(np.copysign(np.inf, width))


def _newton(counts: Counts, coefficients: Float64) -> Float64:
    information = hessian(counts, coefficients)
    # The smallest addition that keeps a flat direction from stopping it.
    information[np.diag_indices_from(information)] += 1e-9 * (1 + np.trace(information))
    step = np.linalg.solve(information, slope(counts, coefficients))
    return np.asarray(step / max(1.0, np.abs(step).max() / 2))


def _odds(m: Float64) -> Float64:
    """P/(1 - P) with P = exp(-m)."""
    return np.asarray(np.exp(-m) / -np.expm1(-m))
