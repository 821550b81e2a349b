"""Water sways in a tank (linear wave theory, Lamb 1932)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import basin, known
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot

LAMB = "Lamb 1932, Hydrodynamics, art. 257: omega^2 = (pi g / L) tanh(pi h / L)"
TILT = 0.3
"""Sideways gravity that sets the liquid going [m/s^2]."""
DEPTHS = {"shallow": 0.15, "deep": 0.5}
"""Depth h / length L."""


@dataclass
class Slosh(Law):
    """Period of the first mode of a box, from the swinging of the centre of mass after a sudden small tilt."""

    kind: ClassVar[str] = "liquid"
    length: float = 0.4
    """L [m]."""
    cells: int = field(default=24, metadata={"quick": 16})
    """Along the length."""
    periods: float = 4.0

    @property
    def cases(self) -> Sequence[str]:
        """Two depths."""
        return tuple(DEPTHS)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Frequency, and, only reported, the amplitude, the damping and the viscosity that this stands for."""
        from scipy.optimize import curve_fit

        known(self, case)
        cell, depth = self.length / self.cells, DEPTHS[case] * self.length
        omega = float(np.sqrt(np.pi * GRAVITY / self.length * np.tanh(np.pi * depth / self.length)))
        container, medium = basin(self.length, 4 * cell, depth)
        seconds = self.periods * 2 * np.pi / omega
        gravity = (TILT, 0.0, -GRAVITY)
        setting = scene(medium=medium, container=container, seconds=seconds, fps=60.0, gravity=gravity)
        happened = play(simulator, setting, cell)
        centre = happened.particle_position[:, :, 0].mean(axis=1, dtype=np.float64)
        start = (centre[0], TILT / GRAVITY * self.length**2 / depth / 12, omega, 0.02 * omega)
        (_, swing, rate, decay), _ = curve_fit(_swaying, happened.time, centre, p0=start)
        words = f"{case}, h/L = {DEPTHS[case]:g}, {self.cells} cells a length"
        rows = (
            Measurement(words, "first frequency", omega, float(rate), 0.03 * omega, "1/s", LAMB, "water"),
            Measurement(words, "amplitude of the centre", start[1], float(swing), np.inf, "m", "hydrostatics", "water"),
            Measurement(words, "damping / frequency", 0.0, float(decay / rate), np.inf, "1", "no viscosity", "water"),
        )
        line = {f"{case}, measured": (happened.time, centre - centre[0])}
        theory = {f"{case}, undamped": (happened.time, _swaying(happened.time, start[1], start[1], omega, 0.0))}
        return Finding(rows, (Plot("Slosh", "time [s]", "sway of the centre of mass [m]", line, theory),))


def _swaying(time: Float64, mean: float, amplitude: float, rate: float, decay: float) -> Float64:
    swaying: Float64 = mean - amplitude * np.exp(-decay * time) * np.cos(rate * time)
    return swaying
