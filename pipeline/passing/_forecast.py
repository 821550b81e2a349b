"""The largest size foretold from the smaller ones, with what may honestly be expected of the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.passing._estimate import unbiased
from pipeline.passing._law import Cell, Law, fit
from pipeline.passing._tally import Tally
from pipeline.types import Float64

DRAWS = 4000


@dataclass(frozen=True)
class Forecast:
    """Mean pass rate over scenes at a size that the fit has not seen."""

    size: float
    rate: float
    """What the law says."""
    low: float
    high: float
    """Interval of the pass rate of a typical run of this size."""
    measured_low: float
    measured_high: float
    """Interval of the mean estimate of the new tallies: the above, spread between runs, and sampling."""
    measured: float = float("nan")
    """Mean estimate of the tallies that were held out."""

    @property
    def error(self) -> float:
        """Forecast minus measured."""
        return self.rate - self.measured

    @property
    def met(self) -> bool:
        """Whether what was measured lies in the interval that was foretold for it."""
        return self.measured_low <= self.measured <= self.measured_high


def hold_out(cells: Sequence[Cell], level: float = 0.95, seed: int = 0) -> Forecast:
    """Foretells the largest size from the others and compares."""
    largest = max((one.size for one in cells), default=float("nan"))
    last = [one for one in cells if one.size == largest]
    return forecast([one for one in cells if one.size < largest], last, level, seed)


def forecast(cells: Sequence[Cell], new: Sequence[Cell], level: float = 0.95, seed: int = 0) -> Forecast:
    """Foretells the mean estimate of new cells of one size.

    Of the new cells the fit knows their scenes, runs, r and caps only (the passes enter `measured` alone). Coefficients
    are drawn from their normal distribution about the best fit (Student's t where spread between runs is measured), a
    deviation for each new run, then tallies. A scene never or always passed so far is expected to stay so.
    """
    sizes = {one.size for one in new}
    if len(sizes) != 1:
        raise ValueError(f"forecast: expected new cells of one size, got {sorted(sizes)}")
    size = sizes.pop()
    law = fit(cells, reference=size)
    if strange := sorted({one.scene for one in new} - {one.scene for one in cells}):
        raise ValueError(f"forecast: expected scenes of the fit, {', '.join(law.scenes)}; got {', '.join(strange)}")
    rng = np.random.default_rng(seed)
    drawn = _draw(law, rng)
    typical = np.stack([_rates(law, drawn, one.scene) for one in new]).mean(axis=0)
    readings = np.mean(_readings(law, new, drawn, rng), axis=0)
    tails = [50 * (1 - level), 50 * (1 + level)]
    rate = float(np.mean([_rates(law, law.coefficients[None], one.scene)[0] for one in new]))
    measured = float(np.mean([unbiased(one.tally) for one in new]))
    low, high = np.percentile(typical, tails)
    measured_low, measured_high = np.percentile(readings, tails)
    return Forecast(size, rate, float(low), float(high), float(measured_low), float(measured_high), measured)


def _draw(law: Law, rng: np.random.Generator) -> Float64:
    """Coefficients that agree with the cells, (DRAWS, k)."""
    deviates = rng.standard_normal((DRAWS, len(law.coefficients))) @ np.linalg.cholesky(law.covariance).T
    freedom = law.spread.freedom
    if np.isfinite(freedom):
        deviates *= np.sqrt(freedom / rng.chisquare(freedom, (DRAWS, 1)))
    return np.asarray(law.coefficients + deviates)


def _rates(law: Law, drawn: Float64, scene: str, shift: Float64 | float = 0.0) -> Float64:
    """Pass rates of one scene at the law's reference size, (D,) for coefficients (D, k)."""
    if scene in law.never + law.always:
        return np.full(len(drawn), float(scene in law.always))
    predictor = drawn[:, law.scenes.index(scene)] + shift
    return np.asarray(np.exp(-np.exp(np.clip(predictor, -30, 30))))


def _readings(law: Law, new: Sequence[Cell], drawn: Float64, rng: np.random.Generator) -> list[Float64]:
    """What the estimate of each new cell might be, (D,) each."""
    shifts = {run: law.spread.deviation * rng.standard_normal(len(drawn)) for run in sorted({one.run for one in new})}
    return [_estimates(one.tally, _rates(law, drawn, one.scene, shifts[one.run]), rng) for one in new]


def _estimates(plan: Tally, rates: Float64, rng: np.random.Generator) -> Float64:
    """Unbiased estimates (D,) of tallies that are drawn at some rates (D,) and stop as this one must."""
    likely = np.clip(rates, 1e-12, 1)
    if plan.wanted > plan.cap:
        return np.asarray(rng.binomial(plan.cap, likely) / plan.cap)
    at = rng.geometric(likely[:, None], (len(likely), plan.wanted)).astype(float).cumsum(axis=1)
    stopped = at[:, -1] <= plan.cap
    return np.where(stopped, (plan.wanted - 1) / (at[:, -1] - 1), (at <= plan.cap).sum(axis=1) / plan.cap)
