"""The task scaling law P = exp(-c N^-alpha) (Hu et al. 2023, eq. 3) fitted to tallies by maximum likelihood.

log(-log P) = log c - alpha log N is a straight line: alpha is how fast a model of size N, or one trained on N clips,
learns to pass. Each scene has a c of its own, alpha is common to the scenes of a fit: the mean of such laws over scenes
is none (which is why Hu et al. fit instance by instance). For a scene by itself, fit its cells alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.passing._profile import Counts, hessian, interval, maximum
from pipeline.passing._spread import Spread, deviating, spread
from pipeline.passing._tally import Tally
from pipeline.types import Float64


@dataclass(frozen=True)
class Cell:
    """What was counted on one scene with one trained model."""

    size: float
    """Of the model or of its training data, in any unit, positive."""
    tally: Tally
    scene: str = ""
    run: str = ""
    """Which training run of this size (its seed); nothing is said about spread between runs if any has no name."""

    def __post_init__(self) -> None:
        if not (self.size > 0 and np.isfinite(self.size)):
            raise ValueError(f"Cell {self.scene}/{self.run}: size must be positive and finite, got {self.size}")


@dataclass(frozen=True)
class Law:
    """A fit of log(-log P) = log c_scene - alpha t (+ curvature t^2) + the run's own, with t = log(size/reference)."""

    cells: tuple[Cell, ...]
    """Those that say something about the trend."""
    scenes: tuple[str, ...]
    reference: float
    """Size at which t = 0."""
    degree: int
    """1, or 2 with the curvature."""
    coefficients: Float64
    """log c of each scene at the reference size, then -alpha, then the curvature if any, (S + degree,)."""
    covariance: Float64
    """Of the coefficients, (S + degree, S + degree)."""
    spread: Spread
    never: tuple[str, ...]
    """Scenes that no run ever passed: no word about their trend, they are left out."""
    always: tuple[str, ...]
    """Scenes that never failed: left out, too."""

    @property
    def alpha(self) -> float:
        """Exponent of the task scaling law, with a curvature at the reference size; positive if pass rates grow."""
        return -float(self.coefficients[len(self.scenes)])

    def alpha_interval(self, level: float = 0.95) -> tuple[float, float]:
        """By profile likelihood."""
        low, high = self.interval(len(self.scenes), level)
        return -high, -low

    def interval(self, index: int, level: float = 0.95) -> tuple[float, float]:
        """Of one coefficient, by profile likelihood."""
        every = _counts(self.cells, self.reference, self.degree)
        counts = deviating(every, len(_runs(self.cells)), self.spread.deviation)
        return interval(counts, maximum(counts), index, self.spread.quantile(level))


def fit(cells: Sequence[Cell], reference: float | None = None, degree: int = 1) -> Law:
    """The law of some cells: 1 scene or several, 1 run a size or several.

    `reference`: the size whose log c is fitted, the geometric mean of all sizes if None. `degree` 2 adds the curvature.
    Raises ValueError where the passes allow no fit, and says why.
    """
    never, always = _silent(cells)
    told = tuple(one for one in cells if one.scene not in never + always)
    sizes = sorted({one.size for one in told})
    if len(sizes) <= degree:
        raise ValueError(
            f"fit: expected at least {degree + 1} sizes of scenes that both passed and failed, got {len(sizes)}; "
            f"{len(never)} scenes never passed, {len(always)} always"
        )
    centre = float(np.exp(np.mean(np.log(sizes)))) if reference is None else reference
    every, runs = _counts(told, centre, degree), len(_runs(told))
    known = spread(every, runs, degree + 1)
    counts = deviating(every, runs, known.deviation)
    best, scenes = maximum(counts), _scenes(told)
    own = slice(len(scenes) + degree)
    covariance = np.asarray(np.linalg.inv(hessian(counts, best))[own, own], np.float64)
    return Law(told, scenes, centre, degree, best[own], covariance, known, never, always)


def _counts(cells: Sequence[Cell], reference: float, degree: int) -> Counts:
    """Coefficients: scenes, powers of t, runs."""
    t = np.log(np.array([one.size for one in cells]) / reference)
    own = [np.array([one.scene == scene for one in cells], float) for scene in _scenes(cells)]
    powers = [t**power for power in range(1, degree + 1)]
    runs = [np.array([(one.size, one.run) == run for one in cells], float) for run in _runs(cells)]
    passes = np.array([one.tally.passes for one in cells], float)
    samples = np.array([one.tally.samples for one in cells], float)
    design = np.column_stack([*own, *powers, *runs])
    return Counts(passes, samples, design, np.zeros(design.shape[1]), np.zeros(len(cells)))


def _scenes(cells: Sequence[Cell]) -> tuple[str, ...]:
    return tuple(sorted({one.scene for one in cells}))


def _runs(cells: Sequence[Cell]) -> list[tuple[float, str]]:
    return sorted({(one.size, one.run) for one in cells}) if all(one.run for one in cells) else []


def _silent(cells: Sequence[Cell]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scenes that never passed, and those that always did."""
    never, always = [], []
    for scene in _scenes(cells):
        mine = [one.tally for one in cells if one.scene == scene]
        passes = sum(one.passes for one in mine)
        if passes == 0:
            never.append(scene)
        elif passes == sum(one.samples for one in mine):
            always.append(scene)
    return tuple(never), tuple(always)
