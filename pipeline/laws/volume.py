"""A liquid keeps its volume and stays in its container, however wildly it splashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.laws import Law
from pipeline.laws._liquids import known, level, liquid, lost, mean_height, packing
from pipeline.laws._scenes import body, play, scene
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators import Simulator
from pipeline.types import Body, Container, Finding, Measurement, Plot, Scene

CASES = ("slosh", "splash")


@dataclass
class Volume(Law):
    """A dam that breaks in a short tank and sloshes itself to rest; a heavy ball that falls into a basin."""

    kind: ClassVar[str] = "liquid"
    length: float = 0.4
    """Of the tank [m]."""
    cells: int = field(default=24, metadata={"quick": 14})
    """Along the length."""
    seconds: float = field(default=10.0, metadata={"quick": 5.0})

    @property
    def cases(self) -> Sequence[str]:
        """What stirs the liquid."""
        return CASES

    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Over the last fifth: how densely the particles lie, how high their centre is; and the particles lost."""
        known(self, case)
        setting, immersed = self._scene(case)
        happened = play(simulator, setting, self.length / self.cells)
        true = level(setting, happened, immersed)
        # A ball on the floor takes liquid from below: its own first moment is missing from the liquid's.
        assert setting.container is not None
        floor = float(np.prod(setting.container.inner_size[:2]))
        inside = setting.bodies[0].size[2] / 2 * immersed if setting.bodies else 0.0
        centre = (floor * true**2 / 2 - inside) / (floor * true - immersed)
        height = mean_height(happened)
        drift = float(height[-len(height) // 5 :].mean() / centre - 1)
        packed = float(packing(setting, happened)[-len(height) // 5 :].mean())
        words = f"{case}, {self.cells} cells a length, {self.seconds:g} s"
        source = "incompressibility"
        calm = 0.02 if case == "splash" else np.inf  # what still sways has its centre above that of still liquid
        rows = (
            Measurement(words, "drift of the volume deep inside", 0.0, 1 / packed - 1, 0.02, "1", source, "water"),
            Measurement(words, "drift of the centre's height at the end", 0.0, drift, calm, "1", source, "water"),
            Measurement(words, "particles lost", 0.0, lost(setting, happened), 0.0, "1", "containment", "water"),
        )
        line = {case: (happened.time, height / centre)}
        return Finding(rows, (Plot("Height of the centre of mass", "time [s]", "height / its height at rest", line),))

    def _scene(self, case: str) -> tuple[Scene, float]:
        """The scene, and the volume of bodies at the bottom in the end [m^3]."""
        half, width = self.length / 2, self.length / 4 if case == "slosh" else self.length
        container = Container((self.length, width, self.length))
        falling: list[Body] = []
        high = (half, width / 2, self.length / 4)
        if case == "slosh":
            high = (-half + self.length / 3, width / 2, 0.75 * self.length)
        else:
            ball = shapes.sphere(self.length / 4)
            falling = [body(ball, (0.02, 0.01, 0.9 * self.length), 2500.0, velocity=(0.0, 0.0, -1.0))]
        medium = liquid((-half, -width / 2, 0.0), high)
        setting = scene(falling, medium, container, self.seconds, fps=25.0)
        return setting, sum(one.mass / one.density for one in falling)
