"""What floats sinks, and what sinks floats."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.types import Body
from pipeline.violations import Event, Happening, Violation


@dataclass
class SwappedDensity(Violation):
    """The body's density goes a third, two thirds, or all of the way to where it ought not be, by ratios."""

    kinds = ("liquid",)

    def happen(self, event: Event, level: int) -> Happening:
        """Simulated anew; until something is hit nothing differs. Heavy bodies get 250 kg/m^3, light ones 4000."""
        scene = event.scene
        assert scene.medium is not None
        swapped = tuple(_other(body, scene.medium.density, level / 3) for body in scene.bodies)
        return scene, event.play(replace(scene, bodies=swapped))


def _other(body: Body, medium: float, share: float) -> Body:
    target = 0.25 * medium if body.density > medium else 4.0 * medium
    factor = (target / body.density) ** share
    x, y, z = (factor * moment for moment in body.inertia)
    return replace(body, density=factor * body.density, mass=factor * body.mass, inertia=(x, y, z))
