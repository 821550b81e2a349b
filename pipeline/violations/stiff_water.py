"""Water that heaps like sand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.violations import Event, Happening, Violation


@dataclass
class StiffWater(Violation):
    """The liquid has a yield stress of 15 and 150 Pa, as mud has; at level 3 it moves as grains of its density with an
    angle of friction of 33 degrees."""

    kinds = ("liquid",)

    def happen(self, event: Event, level: int) -> Happening:
        """Simulated anew; until something is hit nothing differs; it still looks like water."""
        scene = event.scene
        assert scene.medium is not None
        if level < 3:
            return scene, event.play(replace(scene, medium=replace(scene.medium, cohesion=(15.0, 150.0)[level - 1])))
        angle = float(np.deg2rad(33.0))
        heaped = replace(scene.medium, kind="grains", friction_angle=angle, wall_friction=0.3, viscosity=0.0)
        return scene, event.play(replace(scene, medium=heaped))
