"""How much training runs of the same size differ beyond what sampling explains.

Passes of one run share its weights: were only sampling counted, a few lucky runs would pass for certainty, and as
unlucky runs take more samples until r pass, they would weigh more than lucky ones. So each run has a deviation of its
own in log(-log P), common to its scenes, from a normal distribution about 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.passing._profile import Counts, hessian, likelihood, maximum

LARGEST = 3.0
"""Deviation that is still looked for."""


@dataclass(frozen=True)
class Spread:
    """Between runs of the same size."""

    deviation: float
    """Of log(-log P) between runs; 0 where runs are not named, or differ no more than by sampling."""
    freedom: float
    """Degrees of freedom of the variances that follow, infinite where they are those of sampling alone."""

    def quantile(self, level: float) -> float:
        """Of the deviance of one coefficient: F, which is chi squared for infinite freedom."""
        from scipy.stats import chi2, f

        return float(f.ppf(level, 1, self.freedom) if np.isfinite(self.freedom) else chi2.ppf(level, 1))


def deviating(counts: Counts, runs: int, deviation: float) -> Counts:
    """The same with this deviation between runs, whose own coefficients are the last `runs`; without these for 0."""
    fixed = len(counts.penalty) - runs
    if deviation:
        return replace(counts, penalty=np.append(np.zeros(fixed), np.full(runs, deviation**-2)))
    return replace(counts, design=counts.design[:, :fixed], penalty=np.zeros(fixed))


def spread(counts: Counts, runs: int, fixed: int) -> Spread:
    """The deviation between runs that makes the cells likeliest (restricted likelihood, Laplace's approximation).

    The last `runs` coefficients are the runs' own; `fixed` ones of their size (offset, slope ...) take as many degrees
    of freedom.
    """
    from scipy.optimize import minimize_scalar

    if runs <= fixed:
        return Spread(0.0, np.inf)

    def unlikely(logarithm: float) -> float:
        return runs * logarithm - _restricted(deviating(counts, runs, float(np.exp(logarithm))))

    found = minimize_scalar(unlikely, bounds=(np.log(0.01), np.log(LARGEST)), method="bounded", options={"xatol": 0.05})
    if -found.fun <= _restricted(deviating(counts, runs, 0.0)):
        return Spread(0.0, np.inf)
    deviation = float(np.exp(found.x))
    likeliest = deviating(counts, runs, deviation)
    information = np.diag(hessian(likeliest, maximum(likeliest)))[-runs:] - deviation**-2
    # Share of a run's variance that is estimated; the rest is known to be sampling (Satterthwaite 1946).
    share = deviation**2 / (deviation**2 + 1 / float(information.mean()))
    return Spread(deviation, (runs - fixed) / share**2)


def _restricted(counts: Counts) -> float:
    best = maximum(counts)
    return likelihood(counts, best) - float(np.linalg.slogdet(hessian(counts, best))[1]) / 2
