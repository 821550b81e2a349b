"""A ball sinks steadily through a liquid (Stokes 1851; Schiller & Naumann 1933)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import basin, known
from pipeline.laws._scenes import GRAVITY, body, play, scene
from pipeline.laws._settling import drag_factor
from pipeline.materials._liquid import Liquid
from pipeline.materials.honey import Honey
from pipeline.materials.oil import Oil
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators import Simulator
from pipeline.types import Finding, Measurement, Plot

SOURCE = (
    "steady Navier-Stokes flow around a ball in a tube, computed by finite elements (pipeline/laws/_settling.py): "
    "without inertia Haberman & Sayre 1958, in wide tubes Schiller & Naumann 1933"
)
CASES = {"Re 0.05": (0.05, Honey), "Re 1": (1.0, Honey), "Re 10": (10.0, Oil), "Re 100": (100.0, Oil)}
RATIO = 1.5
"""Density of the ball / liquid."""
WIDTH = 4
"""Of the square vessel / diameter."""
SQUARE = 1.9033 / 2.1044
"""Half width of a square vessel / radius of the round one which slows a small ball down as much: ratio of the
first-order coefficients of Happel & Brenner 1983, table 7-4.1, and of Faxen 1922."""


@dataclass
class FallingSphere(Law):
    """Drag from the terminal velocity. The vessel is narrow, and slows the ball down: its drag is larger by 83 % in
    creeping flow. This share may not be added to the drag of the open liquid at a larger Reynolds number, as Fayon &
    Happel (1960) do for a ball held in a stream: walls closer than nu / U cut Oseen's wake off, and between them the
    first effect of inertia vanishes by symmetry (0.4 % at Re 1 instead of 15 %; at Re 10 the sum is 17 % too much). So
    the flow in the tube is computed. Boundary layers, diameter / sqrt(Re), thinner than a cell are beyond what the grid
    resolves: those cases are only reported."""

    kind: ClassVar[str] = "liquid"
    cells: int = field(default=8, metadata={"quick": 5})
    """Across the diameter."""

    @property
    def cases(self) -> Sequence[str]:
        """Reynolds numbers."""
        return tuple(CASES)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Weight less buoyancy, over rho U^2 A / 2, at the Reynolds number that the ball reaches."""
        known(self, case)
        reynolds, kind = CASES[case]
        material = kind()
        nu = material.viscosity / material.density
        drag = drag_coefficient(reynolds)
        diameter = float(np.cbrt(0.75 * drag * reynolds**2 * nu**2 / ((RATIO - 1) * GRAVITY)))
        speed = reynolds * nu / diameter
        container, medium = basin(WIDTH * diameter, WIDTH * diameter, 6 * diameter, material)
        start, seconds = (0.0, 0.0, 4.5 * diameter), min(2.5 * diameter / speed, self._lag(diameter, nu))
        ball = body(shapes.sphere(diameter), start, RATIO * medium.density, velocity=(0.0, 0.0, -speed))
        setting = scene([ball], medium, container, seconds=seconds, fps=40 / seconds)
        happened = play(simulator, setting, diameter / self.cells)
        time, height = happened.time[-11:], happened.body_position[-11:, 0, 2]
        reached = float((height[0] - height[-1]) / (time[-1] - time[0]))
        measured = 4 / 3 * (RATIO - 1) * GRAVITY * diameter / reached**2
        expected = drag_coefficient(reached * diameter / nu)
        tolerance = 0.1 * expected if reynolds < self.cells**2 else np.inf
        words = f"{case}, {material.viscosity:g} Pa s, {self.cells} cells across, vessel {WIDTH} diameters wide"
        row = Measurement(words, "drag coefficient", expected, measured, tolerance, "1", SOURCE, case_medium(material))
        numbers = np.geomspace(0.02, 150, 16)
        theory = np.array([drag_factor(number, SQUARE / WIDTH) for number in numbers])
        picture = Plot(
            "Falling sphere: drag", "Reynolds number", "drag / Stokes' drag",
            {case: (np.array([reached * diameter / nu]), np.array([measured * reached * diameter / nu / 24]))},
            {"in the vessel": (numbers, theory), "in the open": (numbers, 1 + 0.15 * numbers**0.687)},
        )  # fmt: skip
        return Finding((row,), (picture,))

    def _lag(self, diameter: float, nu: float) -> float:
        """Time in which the ball's motion has spread to the walls [s]."""
        return 0.4 * (WIDTH * diameter / 2) ** 2 / nu


def drag_coefficient(reynolds: float) -> float:
    """Of a ball in the middle of the vessel."""
    return 24 / reynolds * drag_factor(reynolds, SQUARE / WIDTH)


def case_medium(material: Liquid) -> str:
    """Name of a material."""
    return material.fill(((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))).material
