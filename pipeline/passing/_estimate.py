"""Pass rates from tallies, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.passing._tally import Tally

METHODS = ("mid-p", "exact")


@dataclass(frozen=True)
class Estimate:
    """A pass rate. Without any pass `value` is NaN: all that is known then is the upper bound `high`."""

    value: float
    low: float
    high: float
    censored: bool
    """Whether some cap came before the wanted passes."""
    level: float = 0.95

    @property
    def bound(self) -> bool:
        """Whether only an upper bound is known."""
        return self.value != self.value

    def __str__(self) -> str:
        if self.bound:
            return f"below {self.high:.2g}"
        return f"{self.value:.2g} ({self.low:.2g} to {self.high:.2g}{', censored' if self.censored else ''})"


def unbiased(tally: Tally) -> float:
    """(r - 1)/(K - 1) if sampling stopped at r passes in K samples, passes/samples if it stopped at the cap.

    The share of the ways to this outcome that begin with a pass; its mean over all outcomes, censored ones included, is
    the pass rate exactly (Girshick, Mosteller & Savage 1946). That holds because no pass counts as 0 here: right within
    a mean over scenes, but not a finding by itself, see `estimate`.
    """
    stopped = int(not tally.censored)
    return (tally.passes - stopped) / (tally.samples - stopped)


def estimate(tally: Tally, level: float = 0.95, method: str = "mid-p") -> Estimate:
    """The pass rate of one scene with its equal-tailed interval.

    Limits are where this outcome, or one that speaks for a lower (higher) rate, has the probability (1 - level)/2.
    Outcomes are ordered 0 passes at the cap, ..., r - 1 at the cap, r in `cap` samples, ..., r in r. `exact` (Clopper &
    Pearson 1934) covers the truth at least as often as it says; `mid-p` (Lancaster 1961) counts half of the outcome
    itself and covers it about as often on average. Without a pass the latter is the one-sided bound 1 - a^(1/K).
    """
    if method not in METHODS or not 0 < level < 1:
        raise ValueError(f"estimate: expected 0 < level < 1 and one of {', '.join(METHODS)}, got {level}, {method!r}")
    low, high = _limits(tally, (1 - level) / 2, half=method == "mid-p")
    return Estimate(unbiased(tally) if tally.passes else float("nan"), low, high, tally.censored, level)


def mean_estimate(tallies: Sequence[Tally], level: float = 0.95) -> Estimate:
    """Mean pass rate of these scenes (a grade): every scene counts alike, however many samples it took.

    Passes and samples are never pooled over scenes, as hard scenes take more samples. The interval squares and adds the
    scenes' distances to their exact limits (Zou & Donner 2008), so that a scene without a pass adds to it, too. It is
    about these scenes and these weights of the model: other scenes and other training runs may differ.
    """
    if not tallies:
        raise ValueError("mean_estimate: expected at least one tally, got none")
    values = np.array([unbiased(one) for one in tallies])
    limits = np.array([_limits(one, (1 - level) / 2, half=False) for one in tallies])
    below, above = np.sqrt(((limits - values[:, None]) ** 2).sum(axis=0)) / len(tallies)
    mean, passed = float(values.mean()), any(one.passes for one in tallies)
    low, high = max(0.0, mean - float(below)), min(1.0, mean + float(above))
    return Estimate(mean if passed else float("nan"), low, high, any(one.censored for one in tallies), level)


def _limits(tally: Tally, tail: float, half: bool) -> tuple[float, float]:
    """Rates at which this outcome or more has probability `tail`, and this or less; `half` counts itself by half."""
    from scipy.optimize import brentq
    from scipy.special import betaincinv

    # One step beyond this outcome: one more pass, or the same passes in one sample less.
    passes, samples = tally.passes, tally.samples
    beyond = (passes + 1, samples) if tally.censored else (passes, samples - 1)
    low = float(betaincinv(passes, samples - passes + 1, tail)) if passes else 0.0
    high = float(betaincinv(beyond[0], beyond[1] - beyond[0] + 1, 1 - tail)) if beyond[0] <= beyond[1] else 1.0
    if not half:
        return low, high

    def chance(rate: float) -> float:
        return (_at_least(passes, samples, rate) + _at_least(*beyond, rate)) / 2

    # It rises with the rate and stays within the exact limits, but where no rate is too low, or too high.
    lower = brentq(lambda rate: chance(rate) - tail, low, high, xtol=1e-12) if passes else 0.0
    upper = brentq(lambda rate: chance(rate) - (1 - tail), low, high, xtol=1e-12) if high < 1 else 1.0
    return float(lower), float(upper)


def _at_least(passes: int, samples: int, rate: float) -> float:
    """Probability of so many passes in so many samples."""
    from scipy.special import betainc

    if passes == 0:
        return 1.0
    return float(betainc(passes, samples - passes + 1, rate)) if passes <= samples else 0.0
