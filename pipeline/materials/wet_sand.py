"""Damp quartz sand, as for a sandcastle: water bridges between the grains hold them together."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._grains import Grains


@dataclass
class WetSand(Grains):
    """Sand with some percent of water, far from saturated; the water does not flow in it."""

    density: float = 1600.0
    """Bulk density [kg/m^3]: sand as loose as the dry one, 1500 (bridges keep it from packing), and 6 % of water."""
    friction_angle: float = 0.576
    """Angle of friction [rad], 33 degrees: that of the dry sand, which water bridges leave as it is (Richefeu, El
    Youssoufi & Radjai, Phys. Rev. E 73, 051304, 2006)."""
    wall_friction: float = 0.45
    """Coulomb coefficient against walls and bodies: 24 degrees, rougher than dry sand (Potyondy 1961)."""
    cohesion: float = 1000.0
    """Shear strength without pressure [Pa]: 0.5-2 kPa for fine to coarse damp sand; between the 0.6 kPa of grains of
    1 mm (Richefeu et al. 2006) and the 1-2 kPa that fine sand's smaller grains and suction add up to (Lu, Wu & Tan,
    J. Geotech. Geoenviron. Eng. 133, 144, 2007)."""
    grain_size: float = 0.0012
    """Diameter of a visible grain [m]."""
    albedo: list[float] = field(default_factory=lambda: [0.26, 0.18, 0.10])
    """Diffuse colour, linear RGB: about half as bright as dry (Lekner & Dorf, Appl. Opt. 27, 1278, 1988)."""
    word: str = "wet sand"
