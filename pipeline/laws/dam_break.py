"""A column of water collapses along a dry floor (Martin & Moyce 1952)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import known, liquid
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Container, Finding, Float64, Measurement, Plot, Trajectory

MARTIN_MOYCE = "Martin & Moyce 1952, Phil. Trans. R. Soc. A 244, table of the plane column with n^2 = 2"
POHLE = "Laplace's equation in the column, after Pohle 1950 (Stoker 1957, Water waves, 12.1)"
TIME = np.array([0.41, 0.84, 1.19, 1.43, 1.63, 1.82, 1.97, 2.20, 2.32, 2.50, 2.64, 2.82, 2.96])
"""T = t sqrt(2 g / a), a the column's width."""
FRONT = np.array([1.11, 1.23, 1.44, 1.67, 1.89, 2.11, 2.33, 2.56, 2.78, 3.00, 3.22, 3.44, 3.67])
"""Z = distance of the front from the wall / a."""
CAPILLARY = 0.095
"""Thickness of the toe in the experiment / a, by estimate: an advancing edge is up to two capillary lengths, 5.4 mm,
thick, and the column was 57 mm wide. The simulated toe runs out to nothing."""


@dataclass
class DamBreak(Law):
    """Front of a column twice as high as wide. Published tables differ by 0.2 in T (when was the gate open?), so one
    shift of time is fitted. No front outruns Ritter's, 1 + 2 T. How a column that is free at once begins to move is
    known exactly; that is reported too, since the published points begin more slowly (Z - 1 = 0.34 T^2, 1.4 g)."""

    kind: ClassVar[str] = "liquid"
    width: float = 0.2
    """Of the column [m]."""
    cells: int = field(default=16, metadata={"quick": 10})
    """Across the column's width."""
    study: list[int] = field(default_factory=lambda: [8, 12, 24], metadata={"quick": []})
    """Further numbers of cells, which are only reported."""

    @property
    def cases(self) -> Sequence[str]:
        """One for each number of cells."""
        return tuple(f"{cells} cells a width" for cells in (self.cells, *self.study))

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """RMS of Z, relative, after the best shift; that shift; and by how much the front outruns Ritter's."""
        known(self, case)
        cells = (self.cells, *self.study)[list(self.cases).index(case)]
        cell, length = self.width / cells, 4.5 * self.width
        low, high = (-length / 2, -2 * cell, 0.0), (-length / 2 + self.width, 2 * cell, 2 * self.width)
        unit = np.sqrt(self.width / (2 * GRAVITY))
        tank = Container((length, 4 * cell, 0.5))
        setting = scene(medium=liquid(low, high), container=tank, seconds=3.3 * unit, fps=24 / unit)
        happened = play(simulator, setting, cell)
        toe = (front(happened, 4 * cell, happened.particle_spacing / 2) + length / 2) / self.width
        blunt = (front(happened, 4 * cell, CAPILLARY * self.width) + length / 2) / self.width
        time, (shift, error) = happened.time / unit, fitted_shift(happened.time / unit, toe)
        ahead = float(np.max(toe - 1 - 2 * time))
        must = np.inf if cells in self.study else 1.0

        def row(quantity: str, value: float, tolerance: float, source: str) -> Measurement:
            return Measurement(case, quantity, 0.0, value, must * tolerance, "1", source, "water")

        rows = (
            row("RMS of Z / published Z - 1, one shift of T fitted", error, 0.05, MARTIN_MOYCE),
            row("fitted shift of T", shift, 0.2, MARTIN_MOYCE),
            Measurement(
                case,
                f"the same where it is {CAPILLARY} a deep",
                0.0,
                fitted_shift(time, blunt)[0],
                np.inf,
                "1",
                MARTIN_MOYCE,
                "water",
            ),
            row("lead of Z over 1 + 2 T", max(ahead, 0.0), 0.5 / cells, "Ritter 1892, within half a cell"),
            Measurement(
                case,
                "first acceleration of the released face at 0.11 widths / gravity",
                initial_acceleration(0.11),
                _first(happened, self.width) / GRAVITY,
                np.inf,
                "1",
                POHLE,
                "water",
            ),
        )
        curve = Plot(
            "Dam break: front", "T = t sqrt(2 g / a)", "Z = x / a", {case: (time, toe)},
            {"Martin & Moyce 1952": (TIME, FRONT), "Ritter's bound": (TIME[:7], 1 + 2 * TIME[:7])},
        )  # fmt: skip
        return Finding(rows, (curve,))


def initial_acceleration(height: float) -> float:
    """Of the released face at a height [widths], over gravity: the pressure of the column that is free at once solves
    Laplace's equation, with none on face and top; its modes are cos(k z), k = (n + 1/2) pi / 2."""
    k = (np.arange(4000) + 0.5) * np.pi / 2
    return float(np.sum(np.tanh(k) * np.cos(k * height) * np.exp(-1e-4 * k) / k))


def _first(happened: Trajectory, width: float) -> float:
    """Acceleration [m/s^2] of the face between 0.06 and 0.16 widths above the floor until T = 0.17."""
    x, _, z = happened.particle_position[0].T
    on_face = (x > x.max() - happened.particle_spacing) & (z > 0.06 * width) & (z < 0.16 * width)
    early = happened.time <= 0.17 * np.sqrt(width / (2 * GRAVITY))
    speed = happened.particle_velocity[early][:, on_face, 0].mean(axis=1, dtype=np.float64)
    return float(np.polyfit(happened.time[early], speed, 1)[0])


def front(happened: Trajectory, width: float, depth: float) -> Float64:
    """x [m] of the farthest place where liquid covers a floor of this width [m] so deep [m], shape (T,)."""
    slab = 2 * happened.particle_spacing
    needed = depth * slab * width / happened.particle_spacing**3
    reached = []
    for points in happened.particle_position:
        x = np.sort(points[:, 0])
        count = np.arange(1, len(x) + 1) - np.searchsorted(x, x - slab)
        reached.append(float(x[np.flatnonzero(count >= needed)[-1]]))
    return np.array(reached)


def fitted_shift(time: Float64, reached: Float64) -> tuple[float, float]:
    """The shift of T for which the front fits the table best, and the RMS of Z / published Z - 1 that is left."""
    shifts = np.linspace(-0.6, 0.6, 241)
    errors = [float(np.sqrt(np.mean((np.interp(TIME + s, time, reached) / FRONT - 1) ** 2))) for s in shifts]
    best = int(np.argmin(errors))
    return float(shifts[best]), errors[best]
