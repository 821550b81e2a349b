"""Dry crushed gravel."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._grains import Grains


@dataclass
class Gravel(Grains):
    """Loosely dumped crushed stone."""

    density: float = 1600.0
    """Bulk density [kg/m^3]: granite 2650 at a porosity of 0.40; loose crushed stone 1500-1700 (Lambe & Whitman 1969:
    uniform gravel)."""
    friction_angle: float = 0.611
    """Angle of steady flow down an incline [rad], 35 degrees, that is 40.3 in triaxial compression: crushed gravel
    38-40 there (Terzaghi, Peck & Mesri, Soil Mechanics in Engineering Practice, 1996)."""
    wall_friction: float = 0.46
    """Coulomb coefficient against walls and bodies, 24.5 degrees: 0.7 of its own angle (Potyondy 1961)."""
    grain_size: float = 0.006
    """Diameter of a visible grain [m]: fine gravel is 2-6.3 mm (ISO 14688-1)."""
    albedo: list[float] = field(default_factory=lambda: [0.32, 0.31, 0.29])
    """Diffuse colour, linear RGB: grey granite."""
