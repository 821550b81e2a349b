"""Does the pass rate grow as the task scaling law says, faster, slower, or can that not be told?

log(-log P) over log N is a straight line under the law, bent downwards where growth accelerates (Hu et al. 2023,
section 6) and upwards where it lags behind. The question is put to the curvature's interval, not to its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.passing._law import Cell, fit

KINDS = ("linear", "accelerated", "sub-scaling", "undecided")


@dataclass(frozen=True)
class Trend:
    """How growth bends over the sizes that were measured."""

    kind: str
    """One of KINDS."""
    bend: float
    """alpha at the largest size minus that at the smallest one, in units of their mean; NaN where it has no meaning."""
    low: float
    high: float
    """Interval of the bend."""
    alpha: float
    """Exponent of the straight line."""
    alpha_interval: tuple[float, float]
    why: str
    """In words."""


def trend(cells: Sequence[Cell], margin: float = 0.5, level: float = 0.95) -> Trend:
    """Classifies the cells of one scene, or of the scenes of one grade.

    accelerated, sub-scaling: the interval of the bend leaves out 0. Under the law itself either is said in
                (1 - level)/2 of all studies.
    linear:     the interval lies within -margin ... margin, and alpha's leaves out 0. A trend that bends by more than
                the margin is called so in at most (1 - level)/2 of all studies (two one-sided tests, Schuirmann 1987).
    undecided:  neither; more passes, more runs or a wider range of sizes would tell.
    """
    unknown = (float("nan"),) * 3
    try:
        line = fit(cells)
    except ValueError as error:
        return Trend("undecided", *unknown, float("nan"), unknown[:2], str(error))
    interval = line.alpha_interval(level)
    try:
        curve = fit(cells, line.reference, degree=2)
    except ValueError as error:
        return Trend("undecided", *unknown, line.alpha, interval, str(error))
    sizes = [one.size for one in curve.cells]
    # The slope of c t^2 changes by 2 c (t_last - t_first); alpha is minus the slope.
    per_curvature = -2 * float(np.log(max(sizes) / min(sizes))) / abs(line.alpha)
    high, low = (per_curvature * limit for limit in curve.interval(len(curve.scenes) + 1, level))
    bend = per_curvature * float(curve.coefficients[-1])
    kind, why = _classify(low, high, margin, interval)
    return Trend(kind, bend, low, high, line.alpha, interval, why)


def _classify(low: float, high: float, margin: float, alpha: tuple[float, float]) -> tuple[str, str]:
    grows = alpha[0] > 0
    if grows and -margin <= low and high <= margin:
        return "linear", f"alpha changes by {low:+.2f} to {high:+.2f} of itself, less than {margin:g} either way"
    if low > 0:
        return "accelerated", f"alpha grows by {low:.2f} to {high:.2f} of itself over these sizes"
    if high < 0:
        return "sub-scaling", f"alpha falls by {-high:.2f} to {-low:.2f} of itself over these sizes"
    if not grows:
        return "undecided", f"no growth is shown: alpha is {alpha[0]:.2f} to {alpha[1]:.2f}"
    return "undecided", f"alpha may change by {low:+.2f} to {high:+.2f} of itself over these sizes"
