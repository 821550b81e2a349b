"""A body comes back up higher than it should, up to higher than it fell from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.violations import Event, Happening, Violation


@dataclass
class OverBounce(Violation):
    """On the bare floor the coefficient of restitution is 0.7, 1 and 1.4."""

    kinds = ("none",)

    def happen(self, event: Event, level: int) -> Happening:
        """Simulated anew; until something is hit nothing differs."""
        scene = event.scene
        target = (0.7, 1.0, 1.4)[level - 1]
        # The pair's coefficient is the geometric mean with the floor's.
        springy = tuple(replace(body, restitution=target**2 / 0.5) for body in scene.bodies)
        return scene, event.play(replace(scene, bodies=springy))
