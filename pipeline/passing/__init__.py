"""Passing: how often a stochastic model passes a test, and how that changes with its size or its training data.

_tally.py     what was counted: so many passes in so many samples, and when sampling stops
_estimate.py  a tally -> pass rate with its interval; the mean over the scenes of a grade
_law.py       tallies over sizes -> the task scaling law P = exp(-c N^-alpha), by maximum likelihood
_profile.py   the likelihood itself, its maximum, and intervals from it
_spread.py    how much runs of the same size differ beyond what sampling explains
_trend.py     does the pass rate grow as the law says, faster, slower, or can that not be told?
_forecast.py  the largest size foretold from the smaller ones
_decay.py     error = a N^-b + c, fitted on logarithmic axes

docs/passing.md says what the numbers mean, how they were checked, and what they cannot tell.
"""

from pipeline.passing._decay import Decay, decay
from pipeline.passing._estimate import Estimate, estimate, mean_estimate, unbiased
from pipeline.passing._forecast import Forecast, forecast, hold_out
from pipeline.passing._law import Cell, Law, fit
from pipeline.passing._spread import Spread
from pipeline.passing._tally import Tally, finished, pass_until, tally
from pipeline.passing._trend import Trend, trend

__all__ = [
    "Cell",
    "Decay",
    "Estimate",
    "Forecast",
    "Law",
    "Spread",
    "Tally",
    "Trend",
    "decay",
    "estimate",
    "finished",
    "fit",
    "forecast",
    "hold_out",
    "mean_estimate",
    "pass_until",
    "tally",
    "trend",
    "unbiased",
]
