"""Liquid honey."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._liquid import Liquid


@dataclass
class Honey(Liquid):
    """Clear honey with 17.5 % of water at 25 degrees Celsius, a Newtonian liquid (Yanniotis, Skaltsi, Karaburnioti
    2006, 'Effect of moisture content on the viscosity of honey at different temperatures': 5-20 Pa s)."""

    density: float = 1417.0
    """[kg/m^3] (White 1975, 'Physical characteristics of honey': 1.417 at 17.5 % of water)."""
    viscosity: float = 10.0
    """Dynamic viscosity [Pa s]."""
    refractive_index: float = 1.493
    """At 589 nm, 17.5 % of water (Wedmore 1955)."""
    absorption: list[float] = field(default_factory=lambda: [9.0, 45.0, 260.0])
    """Of red, green and blue light [1/m]: amber, about 70 mm on Pfund's scale (chosen by eye)."""
    albedo: list[float] = field(default_factory=lambda: [0.30, 0.09, 0.006])
    """Colour of the light scattered inside, linear RGB (chosen by eye)."""
