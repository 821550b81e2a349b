"""How sand stops a ball: inertial drag and friction that grows with depth.

Katsuragi & Durian, Nature Physics 3, 420 (2007); coefficients from Phys. Rev. E 87, 052208 (2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law, _impacts
from pipeline.laws._scenes import GRAVITY
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot

STEP = 1e-5
"""Of the law's integration [s]."""


def motion(ratio: float, friction: float, diameter: float, speed: float, time: Float64) -> tuple[Float64, Float64]:
    """Depth [m] and upward force / weight at the `time`s after contact [s], of a ball that arrives with `speed` [m/s].

    m z'' = m g - k z - (m/d1) z'^2 with d1 = 0.25/mu (rho_p/rho_g) D, k = 12 mu (rho_g/rho_p)^(1/2) m g / D
    (Katsuragi & Durian 2013). Integrated to rest, these coefficients go 1.3 to 1.5 times as deep as Uehara et al.'s
    law (2003) for drops of the same group: so far apart are the sources. The depth is judged by the latter
    (impact_depth), and only reported here; the force is judged.
    """
    inertial = 0.25 / friction * ratio * diameter
    spring = 12 * friction / np.sqrt(ratio) * GRAVITY / diameter
    depths, forces, z, v = [], [], 0.0, speed
    for _ in range(int(time[-1] / STEP) + 2):
        force = spring * z + v**2 / inertial if v > 0 else GRAVITY
        depths.append(z)
        forces.append(force / GRAVITY)
        v = max(v + STEP * (GRAVITY - force), 0.0)
        z += STEP * v
    index = np.round(time / STEP).astype(int)
    return np.array(depths)[index], np.array(forces)[index]


@dataclass
class ImpactForce(Law):
    """Deceleration and depth of a heavy ball over time."""

    kind: ClassVar[str] = "sand"
    diameter: float = 0.1
    """Of the ball [m]."""
    density: float = 2500.0
    """Of the ball [kg/m^3]: glass."""
    height: float = 0.5
    """Of the drop [m]."""
    bed: float = 0.25
    """Depth of the bed [m]."""
    cells: int = field(default=8, metadata={"quick": 5})
    """Grid cells across the ball."""

    @property
    def cases(self) -> Sequence[str]:
        """One."""
        return (f"glass ball from {self.height:g} m",)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Depth and force against the law's, from contact to the end."""
        if case not in self.cases:
            raise ValueError(f"Law impact_force: expected a case out of {', '.join(self.cases)}, got '{case}'")
        happened = _impacts.struck(simulator, self.density, self.height, self.diameter, self.bed, self.cells, 0.25)
        sunk = _impacts.sunk(happened, self.diameter, self.bed) / self.diameter
        weight = self.density * np.pi / 6 * self.diameter**3 * GRAVITY
        force = happened.body_impulse[:, 0, 2] * _impacts.FPS / weight
        speed = float(np.sqrt(2 * GRAVITY * self.height))
        first = int(np.flatnonzero(sunk > 0)[0])
        time = happened.time[first:] - happened.time[first] + sunk[first] * self.diameter / speed
        ratio, friction = _impacts.density_ratio(self.density), _impacts.friction()
        depth, _ = motion(ratio, friction, self.diameter, speed, time)
        # What the ball receives within a frame is compared with the law's force at the middle of the frame.
        middle = np.maximum(time - 0.5 / _impacts.FPS, 0.0)
        _, known = motion(ratio, friction, self.diameter, speed, middle)
        resolved, source = f"{case}, {self.cells} cells a diameter", "Katsuragi & Durian 2013, eqs. 1, 5 and 6"
        rows = (
            Measurement(
                resolved, "depth over time, RMS difference / final depth", 0.0,
                _rms(sunk[first:] * self.diameter - depth) / float(depth[-1]), float("inf"), "1", source, "sand",
            ),
            Measurement(
                resolved, "force over time, RMS difference / largest force", 0.0,
                _rms(force[first:] - known) / float(known.max()), 0.25, "1", source, "sand",
            ),
        )  # fmt: skip
        label = "Katsuragi & Durian 2013"
        plots = (
            Plot(
                "A ball stopped by sand", "time since contact [s]", "depth of the lowest point / diameter",
                {case: (time, sunk[first:])}, {label: (time, depth / self.diameter)},
            ),
            Plot(
                "The force that stops it", "time since contact [s]", "force / weight",
                {case: (middle, force[first:])}, {label: (middle, known)},
            ),
        )  # fmt: skip
        return Finding(rows, plots)


def _rms(difference: Float64) -> float:
    return float(np.sqrt(np.mean(difference**2)))
