"""Sand that flows like water."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.violations import Event, Happening, Violation


@dataclass
class RunnySand(Violation):
    """The grains' angle of friction is 15 and 5 degrees; at level 3 the grains move as a liquid of their density."""

    kinds = ("grains",)

    def happen(self, event: Event, level: int) -> Happening:
        """Simulated anew; until something is hit nothing differs; it still looks like sand."""
        scene = event.scene
        assert scene.medium is not None
        if level == 3:
            liquid = replace(scene.medium, kind="liquid", friction_angle=0.0, viscosity=0.01, cohesion=0.0)
            return scene, event.play(replace(scene, medium=liquid))
        smooth = replace(scene.medium, friction_angle=float(np.deg2rad((15.0, 5.0)[level - 1])), wall_friction=0.05)
        return scene, event.play(replace(scene, medium=smooth))
