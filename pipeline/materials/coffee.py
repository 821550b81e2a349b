"""Black coffee, gone cold."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._liquid import Liquid


@dataclass
class Coffee(Liquid):
    """Filter coffee at 20 degrees Celsius: water with 1.3 % of dissolved solids (the SCA's brewing standard asks for
    1.15-1.35 %), which make it a little denser and thicker than water (after Sobolik et al. 2002, 'Viscosity and
    electrical conductivity of concentrated solutions of soluble coffee': about 3 % for each per cent of solids)."""

    density: float = 1003.0
    """[kg/m^3]: water plus 0.37 % for each per cent of solids."""
    viscosity: float = 1.04e-3
    """Dynamic viscosity [Pa s]."""
    refractive_index: float = 1.335
    """At 589 nm: water plus 0.0017 for each per cent of solids, the refractometer's scale."""
    absorption: list[float] = field(default_factory=lambda: [110.0, 260.0, 600.0])
    """Of red, green and blue light [1/m]: a spoonful is red-brown and clear, a cup is black (chosen by eye)."""
    albedo: list[float] = field(default_factory=lambda: [0.02, 0.0075, 0.003])
    """Colour of the light scattered inside, linear RGB (chosen by eye)."""
