"""Another lamp."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.violations import Event, Happening, Violation


@dataclass
class Light(Violation):
    """The sun is warmer and weaker, by a tenth, a fifth and a third; the sky makes up for a part of it."""

    harmless = True

    def happen(self, event: Event, level: int) -> Happening:
        """Filmed anew."""
        dim = (0.9, 0.8, 0.67)[level - 1]
        lamp = event.scene.light
        red, green, blue = lamp.sun
        warm = (dim * red, dim * green * 0.97, dim * blue * 0.92)
        return replace(event.scene, light=replace(lamp, sun=warm)), event.trajectory
