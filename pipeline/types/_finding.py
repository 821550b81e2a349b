"""What the examination of a law found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.types._scene import Float64


@dataclass(frozen=True)
class Measurement:
    """One quantity of one experiment: what a law expects and what came out."""

    case: str
    """In words, e.g. 'aspect 1.0, 12 cells a radius'."""
    quantity: str
    """What was measured, with its normalisation, e.g. 'run-out / initial radius'."""
    expected: float
    measured: float
    tolerance: float
    """Largest |measured - expected| that passes, in the same unit; infinite for what is only reported."""
    unit: str
    """'1' for a ratio."""
    source: str
    """Paper and equation, or the theorem, that the expected value comes from."""
    medium: str = "none"
    """Name of the material."""

    @property
    def passed(self) -> bool:
        """Whether the measured value is within the tolerance; NaN never is."""
        return math.isfinite(self.measured) and abs(self.measured - self.expected) <= self.tolerance


@dataclass(frozen=True)
class Plot:
    """Curves that belong into one picture; pictures of the same title are drawn together."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, tuple[Float64, Float64]] = field(default_factory=dict)
    """What was measured: name -> (x, y), each (N,)."""
    reference: Mapping[str, tuple[Float64, Float64]] = field(default_factory=dict)
    """What was published, drawn as points: name -> (x, y), each (N,)."""


@dataclass(frozen=True)
class Finding:
    """What the examination of one case of a law found."""

    measurements: tuple[Measurement, ...]
    plots: tuple[Plot, ...] = ()
