"""A body afloat displaces its own weight of liquid, and settles there (Archimedes, On Floating Bodies)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import basin, known, level
from pipeline.laws._scenes import body, play, scene
from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._shapes import Solid
from pipeline.simulators import Simulator
from pipeline.types import Finding, Float64, Measurement, Plot, Scene, Trajectory

ARCHIMEDES = "Archimedes, On Floating Bodies I, proposition 5"
WATER = 998.2
"""[kg/m^3]"""
SWITCH = (0.95, 1.0, 1.05)
"""Density ratios around the one that neither rises nor sinks."""


@dataclass
class Archimedes(Law):
    """Balls and flat blocks, let go with a quarter of their draft missing; the draft is counted from the
    level that the volumes give."""

    kind: ClassVar[str] = "liquid"
    size: float = 0.1
    """Diameter of the ball, edge of the block [m]."""
    cells: int = field(default=6, metadata={"quick": 5})
    """Across the body."""
    densities: list[float] = field(default_factory=lambda: [0.3, 0.5, 0.8, 0.9], metadata={"quick": [0.3, 0.8]})
    """Of the bodies / that of water."""
    study: list[int] = field(default_factory=lambda: [4, 8], metadata={"quick": []})
    """Further numbers of cells, at the second density, which are only reported."""
    settling: float = 3.0
    """By then the body has come to rest [s]."""

    @property
    def cases(self) -> Sequence[str]:
        """Shapes and densities, resolutions, and the switch between floating and sinking."""
        floats = [f"{shape} {ratio:g}" for shape in ("ball", "block") for ratio in self.densities]
        return (*floats, *(f"{shape} {cells} cells" for shape in ("ball", "block") for cells in self.study), "switch")

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """The draft, and how far it still swings after `settling`; or where floating turns into sinking."""
        known(self, case)
        if case == "switch":
            return self._switch(simulator)
        shape, value, *study = case.split()
        ratio, cells = (self.densities[1], int(value)) if study else (float(value), self.cells)
        setting, displaced = self._afloat(_solid(shape, self.size), ratio, self.size / cells)
        happened = play(simulator, setting, self.size / cells)
        swim = draft(setting, happened, displaced) / self.size
        rest = swim[happened.time > self.settling]
        expected = _draft(setting.bodies[0].size[2], shape, ratio) / self.size
        tolerance = np.inf if study else max(0.03, 0.5 / cells)
        words = f"{shape}, density ratio {ratio:g}, {cells} cells across"
        rows = (
            Measurement(words, "draft / size", expected, float(rest.mean()), tolerance, "1", ARCHIMEDES, "water"),
            Measurement(words, f"swing about it after {self.settling:g} s / size", 0.0,
                        float(np.abs(rest - rest.mean()).max()), tolerance, "1", "rest", "water"),
        )  # fmt: skip
        named = f"{shape} {ratio:g}, {cells} cells"
        pictures = [
            Plot("Bobbing", "time [s]", "(draft - Archimedes') / size", {named: (happened.time, swim - expected)})
        ]
        if study or ratio == self.densities[1]:
            error = {shape: (np.array([float(cells)]), np.abs(rest.mean() - expected)[None])}
            pictures.append(Plot("Draft: error against resolution", "cells across", "error / size", error))
        else:
            pictures.append(
                Plot("Draft", "density ratio", "draft / size", {shape: (np.array([ratio]), rest.mean()[None])},
                     {f"{shape}, Archimedes": (np.array([ratio]), np.array([expected]))})
            )  # fmt: skip
        return Finding(rows, tuple(pictures))

    def _afloat(self, solid: Solid, ratio: float, cell: float) -> tuple[Scene, float]:
        """A body that is let go a quarter of its draft too high, and the volume it displaces afloat [m^3]."""
        width, depth = 4 * self.size, 1.3 * self.size
        container, medium = basin(width, width, depth)
        high = solid.size[2] / 2 - 0.75 * _draft(solid.size[2], "ball" if solid.shape == "sphere" else "block", ratio)
        floating = body(solid, (0.11 * cell, -0.07 * cell, depth + high), ratio * medium.density)
        return scene([floating], medium, container, self.settling + 1.0, fps=25.0), floating.mass / medium.density

    def _switch(self, simulator: Simulator) -> Finding:
        """Balls let go half way down: the density ratio of the one that would stay."""
        cell, risen = self.size / self.cells, []
        for ratio in SWITCH:
            container, medium = basin(3 * self.size, 3 * self.size, 3 * self.size)
            ball = body(shapes.sphere(self.size), (0.0, 0.0, 1.5 * self.size), ratio * medium.density)
            happened = play(simulator, scene([ball], medium, container, 1.0, fps=25.0), cell)
            risen.append(float(happened.body_position[-1, 0, 2] - happened.body_position[0, 0, 2]))
        stays = float(np.interp(0.0, risen[::-1], SWITCH[::-1]))
        words = f"ball, {self.cells} cells across"
        row = Measurement(
            words, "density ratio that neither floats nor sinks", 1.0, stays, 0.05, "1", ARCHIMEDES, "water"
        )
        line = {words: (np.array(SWITCH), np.array(risen) / self.size)}
        return Finding((row,), (Plot("Float or sink", "density ratio", "rise in one second / diameter", line),))


def draft(setting: Scene, happened: Trajectory, displaced: float) -> Float64:
    """How deep the lowest point of the body afloat lies below the level that the volumes give [m], shape (T,)."""
    height: Float64 = happened.body_position[:, 0, 2] - setting.bodies[0].size[2] / 2
    return level(setting, happened, displaced) - height


def _solid(shape: str, size: float) -> Solid:
    """The block is so flat that it stands upright in the water at any density."""
    return shapes.sphere(size) if shape == "ball" else shapes.box((size, size, 0.6 * size))


def _draft(height: float, shape: str, ratio: float) -> float:
    """Depth of a ball or block of this height [m] afloat [m]."""
    from scipy.optimize import brentq

    if shape == "block":
        return height * ratio
    radius = height / 2
    displaced = 4 / 3 * np.pi * radius**3 * ratio
    depth: float = brentq(lambda deep: np.pi * deep**2 * (radius - deep / 3) - displaced, 0.0, height)
    return depth
