"""An error against the number of clips: error = a N^-b + c, fitted on logarithmic axes.

Runs of the same N differ by about the same factor, whatever N: the residuals are those of log(error).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.types import Bool, Float64

FINE = 121
"""Values of b, and of the floor's share, that are tried at once."""


@dataclass(frozen=True)
class Decay:
    """error(N) = reached ((1 - share)(N/reference)^-b + share)."""

    reference: float
    """Number of clips at which `reached` is fitted."""
    reached: float
    """Error there: the geometric mean over runs."""
    exponent: float
    """b"""
    share: float
    """Part of `reached` that no number of clips removes; 0 if no floor was asked for."""
    scatter: float
    """Standard deviation of log(error) about the curve."""
    reached_interval: tuple[float, float]
    exponent_interval: tuple[float, float]
    share_interval: tuple[float, float]

    @property
    def floor(self) -> float:
        """c, in the unit of the error."""
        return self.reached * self.share

    def at(self, clips: float) -> float:
        """Error expected of so many clips."""
        falling = (1 - self.share) * (clips / self.reference) ** -self.exponent
        return float(self.reached * (falling + self.share))


def decay(
    clips: Sequence[float],
    errors: Sequence[float],
    floor: bool = False,
    reference: float | None = None,
    level: float = 0.95,
) -> Decay:
    """Fits one point a run: its number of clips and its mean error, both positive. Several runs (seeds) may share an N.

    `reference`: where `reached` and its interval are wanted, the largest N if None. Least squares of log(error);
    intervals by profiling the sum of squares (F; Bates & Watts 1988, 6.1), exact for a line, that is without floor.
    With a floor b is sought in 0 ... 10; an interval that ends at 0, 1 or 10 is open there.
    """
    n, y = _checked(clips, errors, 3 if floor else 2)
    at = float(n.max()) if reference is None else reference
    t = np.log(n / at)
    return _floored(t, y, at, level) if floor else _straight(t, y, at, level)


def _checked(clips: Sequence[float], errors: Sequence[float], parameters: int) -> tuple[Float64, Float64]:
    n, e = np.asarray(clips, float), np.asarray(errors, float)
    if n.shape != e.shape or n.ndim != 1:
        raise ValueError(f"decay: expected as many errors as numbers of clips, got {e.shape} and {n.shape}")
    if not (np.isfinite(n).all() and np.isfinite(e).all() and (n > 0).all() and (e > 0).all()):
        raise ValueError(
            "decay: expected positive finite numbers of clips and errors; leave failed runs out and say so"
        )
    if len(n) <= parameters or len(np.unique(n)) < parameters:
        raise ValueError(
            f"decay: expected at least {parameters} numbers of clips and {parameters + 1} runs, "
            f"got {len(np.unique(n))} and {len(n)}"
        )
    return n, np.log(e)


def _straight(t: Float64, y: Float64, reference: float, level: float) -> Decay:
    from scipy.stats import t as student

    design = np.column_stack([np.ones_like(t), -t])
    best = np.linalg.lstsq(design, y, rcond=None)[0]
    freedom = len(y) - 2
    variance = float(((y - design @ best) ** 2).sum()) / freedom
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    low, high = best + student.ppf([[(1 - level) / 2], [(1 + level) / 2]], freedom) * errors
    reached = float(np.exp(low[0])), float(np.exp(high[0]))
    exponent = float(low[1]), float(high[1])
    return Decay(reference, float(np.exp(best[0])), float(best[1]), 0.0, variance**0.5, reached, exponent, (0.0, 0.0))


def _floored(t: Float64, y: Float64, reference: float, level: float) -> Decay:
    """All pairs (b, share) on a grid, then on finer ones over those that the data allow: no start to choose."""
    from scipy.stats import f

    exponents, shares = np.linspace(0, 10, FINE), np.linspace(0, 1, FINE, endpoint=False)
    freedom = len(y) - 3
    for _ in range(12):
        squares, reached = _squares(t, y, exponents, shares)
        allowed = squares <= squares.min() * (1 + 2 * f.ppf(level, 1, freedom) / freedom)
        best = np.unravel_index(squares.argmin(), squares.shape)
        values = exponents[best[0]], shares[best[1]], reached[best]
        exponents = _around(exponents, allowed.any(1), int(best[0]))
        shares = _around(shares, allowed.any(0), int(best[1]))
    squares, reached = _squares(t, y, exponents, shares)
    variance = float(squares.min()) / freedom
    bound = variance * (freedom + float(f.ppf(level, 1, freedom)))
    below = squares <= bound
    # For fixed (b, share) the sum of squares is a parabola in log(reached): its reach within the bound.
    reach = np.sqrt(np.maximum(bound - squares, 0) / len(y))
    ends = float(np.exp((reached - reach)[below].min())), float(np.exp((reached + reach)[below].max()))
    exponent = float(exponents[below.any(1)][0]), float(exponents[below.any(1)][-1])
    share = float(shares[below.any(0)][0]), float(shares[below.any(0)][-1])
    return Decay(
        reference, float(np.exp(values[2])), float(values[0]), float(values[1]), variance**0.5, ends, exponent, share
    )


def _squares(t: Float64, y: Float64, exponents: Float64, shares: Float64) -> tuple[Float64, Float64]:
    """Least sums of squares (B, S), and log(reached) there."""
    falling = np.exp(-exponents[:, None, None] * t)
    rest = y - np.log((1 - shares[:, None]) * falling + shares[:, None])
    reached = rest.mean(axis=-1)
    return ((rest - reached[..., None]) ** 2).sum(axis=-1), reached


def _around(axis: Float64, wanted: Bool, best: int) -> Float64:
    """The same number of values over those wanted, their neighbours, and at least the nearest 60 % about the best one.

    It closes in slowly as the best pair of a coarse grid may lie far along the valley from the best of a fine one.
    """
    where, near = np.flatnonzero(wanted), 3 * len(axis) // 10
    first, last = min(where[0] - 1, best - near), max(where[-1] + 1, best + near)
    return np.linspace(axis[max(first, 0)], axis[min(last, len(axis) - 1)], len(axis))
