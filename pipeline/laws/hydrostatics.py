"""Liquid at rest: its pressure carries its weight, and the column keeps its height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import basin, known, lost, mean_height, volume
from pipeline.laws._scenes import GRAVITY, play, scene
from pipeline.simulators import Simulator
from pipeline.types import Finding, Measurement

DEPTHS = {"whole cells": 0.0, "a third of a cell more": 1 / 3, "two thirds of a cell more": 2 / 3}
"""Part of a cell by which the liquid is deeper than whole cells."""


@dataclass
class Hydrostatics(Law):
    """A still basin, its surface on the grid's planes and between them."""

    kind: ClassVar[str] = "liquid"
    width: float = 0.2
    """Of the square basin [m]."""
    cells: int = field(default=12, metadata={"quick": 8})
    """Across the width."""
    seconds: float = field(default=5.0, metadata={"quick": 2.0})

    @property
    def cases(self) -> Sequence[str]:
        """Depths of about half the width."""
        return tuple(DEPTHS)

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Force on the floor against the weight, drift of the height, speed that is left, particles lost."""
        known(self, case)
        cell = self.width / self.cells
        container, medium = basin(self.width, self.width, cell * (self.cells // 2 + DEPTHS[case]))
        setting = scene(medium=medium, container=container, seconds=self.seconds, fps=25.0)
        happened = play(simulator, setting, cell)
        half = len(happened.time) // 2
        span = float(happened.time[-1] - happened.time[half])
        force = happened.container_impulse[half + 1 :].sum(axis=0) / span
        weight = volume(happened) * medium.density * GRAVITY
        height = mean_height(happened)
        speed = float(np.sqrt((happened.particle_velocity[-1].astype(float) ** 2).sum(axis=1).mean()))

        def row(quantity: str, expected: float, value: float, tolerance: float, unit: str, source: str) -> Measurement:
            return Measurement(
                f"{case}, {self.cells} cells", quantity, expected, value, tolerance, unit, source, "water"
            )

        return Finding(
            (
                row("force on the floor / weight", 1.0, -float(force[2]) / weight, 0.01, "1", "Pascal: p = rho g z"),
                row("force sideways / weight", 0.0, float(np.abs(force[:2]).max()) / weight, 0.01, "1", "symmetry"),
                row("height of the centre at the end / at the beginning", 1.0, float(height[-1] / height[0]), 0.02, "1",
                    "incompressibility"),
                row("particles lost", 0.0, lost(setting, happened), 0.0, "1", "containment"),
                row("speed left, RMS", 0.0, speed, np.inf, "m/s", "rest"),
            )
        )  # fmt: skip
