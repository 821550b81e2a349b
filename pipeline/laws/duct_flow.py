"""A plug of liquid slides down an upright pipe or slot (Hagen 1839, Poiseuille 1840)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._ducts import PIPE, SLOT, Duct
from pipeline.laws._liquids import known
from pipeline.laws._scenes import GRAVITY, play
from pipeline.materials._liquid import Liquid
from pipeline.materials.coffee import Coffee
from pipeline.materials.honey import Honey
from pipeline.materials.oil import Oil
from pipeline.materials.water import Water
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot

POISEUILLE = "Hagen 1839, Poiseuille 1840"
LIQUIDS = {"water": (Water, 3.0), "coffee": (Coffee, 1.0), "oil": (Oil, 0.3), "honey": (Honey, 0.1)}
"""Material, and mean velocity x width / kinematic viscosity, which sets the width."""


@dataclass
class DuctFlow(Law):
    """Both ends of the plug are open to the air, so that no pressure but only its weight drives it; after a while its
    middle flows as in a pipe with dp / L = rho g. A narrow duct keeps the Reynolds number small: a finger's breadth for
    honey, a hair's for water, four decades of viscosity. Liquids of one Reynolds number would be one problem in units
    of the width, so each has a number of its own."""

    kind: ClassVar[str] = "liquid"
    cells: int = field(default=12, metadata={"quick": 9})
    """Across the width or diameter."""

    @property
    def cases(self) -> Sequence[str]:
        """Round pipes, a mesh off the grid's planes, for each liquid; and a slot between plates."""
        return (*(f"{name} in a pipe" for name in LIQUIDS), "honey in a slot")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Mean and largest velocity in the plug's middle, and the distance from the profile."""
        known(self, case)
        name = case.split()[0]
        material, reynolds = LIQUIDS[name]
        duct = self._duct(case, material(), reynolds)
        happened = play(simulator, duct.scene(), duct.width / self.cells)
        off_axis, speed = duct.middle(happened)
        unit = duct.pull * duct.width**2
        mean, bulge = (PIPE, 2.0) if duct.round else (SLOT, 1.5)
        shape = bulge * mean * (1 - 4 * off_axis**2)
        near = off_axis < 1 / 6
        measured, peak = (
            float(speed.mean()) / unit,
            float(speed[near].mean() / shape[near].mean()) / unit * bulge * mean,
        )
        ripple = float(np.sqrt(np.mean((speed / unit - shape) ** 2))) / mean
        words = f"{case}, {duct.material.viscosity:g} Pa s, Re {reynolds:g}, {self.cells} cells across"
        rows = (
            Measurement(words, "mean velocity / (rho g w^2 / mu)", mean, measured, 0.05 * mean, "1", POISEUILLE, name),
            Measurement(words, "largest / mean velocity", bulge, peak / measured, 0.05 * bulge, "1", POISEUILLE, name),
            Measurement(words, "RMS distance from the profile / mean", 0.0, ripple, np.inf, "1", POISEUILLE, name),
        )
        return Finding(rows, (_profile(case, duct.round, off_axis, speed / unit / mean),))

    def _duct(self, case: str, material: Liquid, reynolds: float) -> Duct:
        """As wide as makes this liquid flow at its Reynolds number."""
        is_pipe = "pipe" in case
        nu = material.viscosity / material.density
        width = float(np.cbrt(reynolds * nu**2 / (GRAVITY * (PIPE if is_pipe else SLOT))))
        return Duct(material, is_pipe, width, width / self.cells)


def _profile(case: str, is_round: bool, off_axis: Float64, speed: Float64) -> Plot:
    """Velocity against the distance from the axis, in ten rings."""
    edges = np.linspace(0.0, 0.5, 11)
    ring = np.digitize(off_axis, edges) - 1
    seen = np.array([speed[ring == index].mean() for index in range(10)])
    theory = (2.0 if is_round else 1.5) * (1 - 4 * edges**2)
    return Plot(
        "Duct flow: profile", "distance from the axis / width", "velocity / theory's mean",
        {case: ((edges[1:] + edges[:-1]) / 2, seen)},
        {f"Poiseuille, {'pipe' if is_round else 'slot'}": (edges, theory)},
    )  # fmt: skip
