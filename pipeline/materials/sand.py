"""Dry quartz sand."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._grains import Grains


@dataclass
class Sand(Grains):
    """Dry, loosely poured quartz sand."""

    density: float = 1550.0
    """Bulk density [kg/m^3]: quartz 2650 at a porosity of 0.41; poured dry sand 1500-1600 (Lambe & Whitman 1969)."""
    friction_angle: float = 0.576
    """Angle of the steepest slope that stands [rad], 33 degrees: repose angle of dry sand 30-35 degrees (ibid.)."""
    wall_friction: float = 0.395
    """Coulomb coefficient against walls and bodies, 0.65 of its own angle: 0.54 of it on smooth steel, 0.76 on wood
    (Potyondy 1961)."""
    grain_size: float = 0.0012
    """Diameter of a visible grain [m]: coarse sand is 0.5-2 mm (ISO 14688-1: 0.63-2 mm)."""
    albedo: list[float] = field(default_factory=lambda: [0.56, 0.42, 0.25])
    """Diffuse colour, linear RGB: iron-stained quartz."""
    word: str = "dry sand"
