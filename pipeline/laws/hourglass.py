"""Sand runs out of a hole evenly, however much lies above it.

Beverloo, Leniger & van de Velde, Chem. Eng. Sci. 15, 260 (1961); a frictional continuum: Staron, Lagree & Popinet,
Phys. Fluids 24, 103301 (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law, _silo
from pipeline.laws._scenes import GRAVITY
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot

COEFFICIENT = 0.58
"""C of W = C rho sqrt(g) (D - k d)^(5/2), rho in bulk; 0.55 to 0.65 between packings (Nedderman, Statics and Kinematics
of Granular Materials, 1992). A continuum has no grains that the hole's rim keeps out: k = 0."""
STEADY = 0.25
"""When the flow has come up [s]."""
WIDER = 1.5
"""Ratio of the two holes of which the exponent is measured."""


@dataclass
class Hourglass(Law):
    """Two holes; the flow of the larger one is followed while its head halves."""

    kind: ClassVar[str] = "sand"
    hole: float = 0.1
    """Diameter of the smaller hole [m]."""
    width: float = 0.3
    """Of the square silo [m]."""
    fill: float = 0.3
    """Depth of the sand in it at the start [m]."""
    drop: float = 0.35
    """Of the hole above the floor [m]: room for half of the sand."""
    cells: int = field(default=8, metadata={"quick": 5})
    """Grid cells across the smaller hole."""

    @property
    def cases(self) -> Sequence[str]:
        """One, of two holes."""
        return (f"holes of {self.cells} and {WIDER * self.cells:g} cells",)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Exponent and coefficient of the flow rate, and its constancy."""
        if case not in self.cases:
            raise ValueError(f"Law hourglass: expected a case out of {', '.join(self.cases)}, got '{case}'")
        holes = np.array([self.hole, WIDER * self.hole])
        runs = [self._run(hole, seconds, simulator) for hole, seconds in zip(holes, (0.7, 1.25), strict=True)]
        rates = np.array([_rate(time[time > STEADY], gone[time > STEADY]) for time, gone in runs])
        exponent = float(np.log(rates[1] / rates[0]) / np.log(WIDER))
        narrow = holes - 1.4 * self.hole / self.cells
        narrowed = float(np.log(rates[1] / rates[0]) / np.log(narrow[1] / narrow[0]))
        coefficient = float(rates[1] * self._volume / (np.sqrt(GRAVITY) * holes[1] ** 2.5))
        time, gone = runs[1]
        windows = (gone > 0.1) & (gone < 0.3), (gone > 0.3) & (gone < 0.5)
        early, late = (_rate(time[window], gone[window]) for window in windows)
        beverloo = "Beverloo et al. 1961: W = C rho sqrt(g) D^(5/2)"
        rows = (
            Measurement(case, "exponent of the hole's diameter", 2.5, exponent, 0.15, "1", beverloo, "sand"),
            Measurement(
                case, "exponent of the hole's diameter less 1.4 cells", 2.5, narrowed, float("inf"), "1",
                "Beverloo et al. 1961, k = 1.4, with cells for grains", "sand",
            ),
            Measurement(
                case, "flow rate with 5/10 to 7/10 of the sand / with 7/10 to 9/10", 1.0, late / early, 0.1, "1",
                "Beverloo et al. 1961: the head does not matter", "sand",
            ),
            Measurement(
                case, "C of the larger hole", COEFFICIENT, coefficient, float("inf"), "1",
                "Beverloo et al. 1961: 0.58, 0.55 to 0.65 between packings", "sand",
            ),
        )  # fmt: skip
        lines = {f"hole of {hole:g} m": (time, gone) for hole, (time, gone) in zip(holes, runs, strict=True)}
        plot = Plot("Hour-glass", "time [s]", "volume that has run out / volume at the start", lines)
        return Finding(rows, (plot,))

    @property
    def _volume(self) -> float:
        """Of the sand at the start [m^3]."""
        return self.width**2 * self.fill

    def _run(self, hole: float, seconds: float, simulator: Simulator) -> tuple[Float64, Float64]:
        """Time [s] and share of the sand that is below the hole."""
        setting = (hole, self.width, self.fill, self.drop, self.hole / self.cells)
        happened = _silo.emptied(simulator, *setting, seconds)
        gone: Float64 = (happened.particle_position[:, :, 2] < self.drop).mean(axis=1, dtype=np.float64)
        return happened.time, gone


def _rate(time: Float64, gone: Float64) -> float:
    """Share of the sand that runs out per second [1/s]; NaN where nothing was seen."""
    return float(np.polyfit(time, gone, 1)[0]) if len(time) > 2 else float("nan")
