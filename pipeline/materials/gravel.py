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
    friction_angle: float = 0.681
    """Angle of the steepest slope that stands [rad], 39 degrees: crushed gravel 38-40 degrees (Terzaghi, Peck & Mesri,
    Soil Mechanics in Engineering Practice, 1996; Al-Hashemi & Al-Amoudi, Powder Technology 330, 397, 2018)."""
    wall_friction: float = 0.5
    """Coulomb coefficient against walls and bodies, 27 degrees: 0.7 of its own angle (Potyondy 1961)."""
    grain_size: float = 0.006
    """Diameter of a visible grain [m]: fine gravel is 2-6.3 mm (ISO 14688-1)."""
    albedo: list[float] = field(default_factory=lambda: [0.32, 0.31, 0.29])
    """Diffuse colour, linear RGB: grey granite."""
