"""A film runs down an incline (Nusselt 1916)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._ducts import duct_velocity
from pipeline.laws._film import ASPECT, Film
from pipeline.laws._liquids import known
from pipeline.laws._scenes import GRAVITY, play
from pipeline.materials.honey import Honey
from pipeline.materials.oil import Oil
from pipeline.simulators import Simulator
from pipeline.types import Finding, Measurement, Plot

NUSSELT = "Nusselt 1916: U = rho g h^2 sin(theta) / (3 mu), less what the side walls hold back (half a duct)"
LIQUIDS = {"honey": Honey, "oil": Oil}


@dataclass
class ViscousFilm(Law):
    """Mean velocity of a layer whose free side feels no stress. A wall serves as the incline, so that the film may be
    steep and its ends far away; upright, nothing but its no-slip holds it."""

    kind: ClassVar[str] = "liquid"
    cells: int = field(default=6, metadata={"quick": 5})
    """Across the film."""
    reynolds: float = 0.3
    """Mean velocity x thickness / kinematic viscosity, which sets the thickness."""

    @property
    def cases(self) -> Sequence[str]:
        """Liquids on a slope and on an upright wall."""
        return ("honey at 45 degrees", "oil at 45 degrees", "honey upright")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Mean velocity and thickness in the middle of the sheet, once the flow is steady to 1 %."""
        known(self, case)
        name = case.split()[0]
        film = self._film(name, np.pi / 2 if "upright" in case else np.pi / 4)
        h = film.thickness
        depth, speed = film.middle(play(simulator, film.scene(), h / self.cells))
        y = np.linspace(-ASPECT * h / 6, ASPECT * h / 6, 31)
        across = duct_velocity(*np.meshgrid(np.linspace(0.0, h, 51), y), 2 * h, ASPECT * h, film.pull)
        expected, unit = float(across.mean()), film.pull * h**2 / 3
        words = f"{case}, {self.cells} cells thick"
        rows = (
            Measurement(words, "mean velocity / (rho g h^2 sin(theta) / (3 mu))", expected / unit,
                        float(speed.mean()) / unit, 0.05 * expected / unit, "1", NUSSELT, name),
            Measurement(words, "thickness / that at the beginning", 1.0, float(2 * depth.mean() / h), 0.05, "1",
                        "incompressibility", name),
        )  # fmt: skip
        edges = np.linspace(0.0, 1.0, 2 * self.cells + 1)
        layer = np.digitize(depth / h, edges) - 1
        middles = (edges[1:] + edges[:-1]) / 2
        seen = np.array([speed[layer == index].mean() / unit for index in range(2 * self.cells)])
        picture = Plot(
            "Viscous film: profile", "distance from the wall / thickness", "velocity / Nusselt's mean",
            {case: (middles, seen)}, {"Nusselt 1916": (edges, 1.5 * (1 - (1 - edges) ** 2))},
        )  # fmt: skip
        return Finding(rows, (picture,))

    def _film(self, name: str, slope: float) -> Film:
        material = LIQUIDS[name]()
        nu = material.viscosity / material.density
        thickness = float(np.cbrt(3 * self.reynolds * nu**2 / (GRAVITY * np.sin(slope))))
        seconds = 4.6 * 4 / np.pi**2 * thickness**2 / nu
        fall = 1.5 * self.reynolds * nu / thickness * seconds
        return Film(material, thickness, slope, seconds, fall)
