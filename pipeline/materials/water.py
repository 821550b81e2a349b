"""Water at room temperature."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._liquid import Liquid


@dataclass
class Water(Liquid):
    """Fresh water at 20 degrees Celsius (CRC Handbook of Chemistry and Physics), tinted blue.

    The tint is a dye: pure water absorbs only 0.3 of red and 0.01 of blue light in a metre (Pope & Fry 1997) and would
    be invisible in a tray, while the annotated flow is that of its surface.
    """

    density: float = 998.2
    """[kg/m^3]"""
    viscosity: float = 1.002e-3
    """Dynamic viscosity [Pa s]."""
    refractive_index: float = 1.333
    """At 589 nm."""
    absorption: list[float] = field(default_factory=lambda: [14.0, 4.0, 1.5])
    """Of red, green and blue light in the dyed water [1/m]."""
    albedo: list[float] = field(default_factory=lambda: [0.10, 0.30, 0.42])
    """Colour of the light scattered inside, linear RGB."""
