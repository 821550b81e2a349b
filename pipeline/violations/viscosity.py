"""Water flows like syrup."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.violations import Event, Happening, Violation


@dataclass
class Viscosity(Violation):
    """The liquid's viscosity is 100, 1 000 and 10 000 times what it is."""

    kinds = ("liquid",)

    def happen(self, event: Event, level: int) -> Happening:
        """Simulated anew; until something is hit nothing differs."""
        scene = event.scene
        assert scene.medium is not None
        thick = replace(scene.medium, viscosity=scene.medium.viscosity * 10.0 ** (level + 1))
        return scene, event.play(replace(scene, medium=thick))
