"""Mud on an incline or in a pipe: thin layers stand, thick ones flow (Bingham 1916)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._ducts import PIPE, Duct
from pipeline.laws._film import Film
from pipeline.laws._liquids import known
from pipeline.laws._scenes import GRAVITY, play
from pipeline.materials.mud import Mud
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot

FILM = "Bingham 1916: without slip nothing moves where the shear stress is below the yield stress"
PIPE_FLOW = "Buckingham 1921, Reiner 1926: Q / Newton's = 1 - 4/3 b + 1/3 b^4, b = yield stress / stress at the wall"
STRESSES = {"layer 0.6": 0.6, "layer 0.8": 0.8, "layer 2": 2.0, "pipe 0.8": 0.8, "pipe 1.5": 1.5, "pipe 2.5": 2.5}
"""Shear stress at the wall / yield stress."""


@dataclass
class YieldStress(Law):
    """Layers on an incline and plugs in a pipe whose weight pulls at the wall with less or more than the yield stress.
    What should stand may creep with one per cent of the velocity that it would have without a yield stress. A layer
    that flows moves as one piece between its side walls, which hold it back: its velocity is only reported, the pipe's
    is exact."""

    kind: ClassVar[str] = "liquid"
    cells: int = field(default=6, metadata={"quick": 5})
    """Across the layer; two times as many across the pipe."""
    slope: float = 0.5
    """Of the incline [rad]."""

    @property
    def cases(self) -> Sequence[str]:
        """Shear stress at the wall / yield stress."""
        return tuple(STRESSES)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Mean velocity in the middle, over that of a liquid without a yield stress."""
        known(self, case)
        stress = STRESSES[case]
        return self._layer(case, stress, simulator) if "layer" in case else self._pipe(case, stress, simulator)

    def _layer(self, case: str, stress: float, simulator: Simulator) -> Finding:
        mud = Mud()
        weight = mud.density * GRAVITY * float(np.sin(self.slope))
        thickness = stress * mud.yield_stress / weight
        seconds = thickness**2 * mud.density / mud.viscosity + 0.1
        b = min(1 / stress, 1.0)
        flows, newton = 1 - 1.5 * b + 0.5 * b**3, weight * thickness**2 / (3 * mud.viscosity)
        film = Film(mud, thickness, self.slope, seconds, 1.5 * flows * newton * seconds)
        depth, speed = film.middle(play(simulator, film.scene(), thickness / self.cells))
        tolerance = np.inf if stress > 1 else 0.01
        row = Measurement(
            f"{case} of the yield stress, {self.cells} cells", "mean velocity / (rho g h^2 sin(theta) / (3 mu))",
            flows, float(speed.mean()) / newton, tolerance, "1", FILM, "mud",
        )  # fmt: skip
        edges = np.linspace(0.0, 1.0, self.cells + 1)
        return Finding((row,), (_profile(case, edges, depth / thickness, speed / newton),))

    def _pipe(self, case: str, stress: float, simulator: Simulator) -> Finding:
        mud = Mud()
        diameter = 4 * stress * mud.yield_stress / (mud.density * GRAVITY)
        b = min(1 / stress, 1.0)
        flows = 1 - 4 / 3 * b + b**4 / 3 if stress > 1 else 0.0
        duct = Duct(mud, True, diameter, diameter / (2 * self.cells), slowed=flows)
        off_axis, speed = duct.middle(play(simulator, duct.scene(), duct.cell))
        newton = PIPE * duct.pull * diameter**2
        row = Measurement(
            f"{case} of the yield stress, {2 * self.cells} cells", "mean velocity / (rho g D^2 / (32 mu))",
            flows, float(speed.mean()) / newton, 0.01 if stress < 1 else 0.1 * flows, "1", PIPE_FLOW, "mud",
        )  # fmt: skip
        edges = np.linspace(0.0, 1.0, self.cells + 1)
        plot = _profile(case, edges, 1 - 2 * off_axis, speed / newton)
        theory = 2 * (1 - b) ** 2 - 2 * np.clip(1 - edges - b, 0.0, None) ** 2
        return Finding((row,), (replace(plot, reference={f"Buckingham, {case}": (edges, theory)}),))


def _profile(case: str, edges: Float64, depth: Float64, speed: Float64) -> Plot:
    """Velocity at depths between the edges [1], as seen from the wall."""
    layer = np.digitize(depth, edges) - 1
    seen = np.array([speed[layer == index].mean() for index in range(len(edges) - 1)])
    line = {case: ((edges[1:] + edges[:-1]) / 2, seen)}
    return Plot("Yield stress: profile", "distance from the wall / depth", "velocity / mean without yield stress", line)
