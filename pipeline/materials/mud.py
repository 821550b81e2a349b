"""Thick mud: it flows only where the shear stress is large enough."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._liquid import Liquid


@dataclass
class Mud(Liquid):
    """Silty mud with 35 % of solids by volume, a Bingham liquid (O'Brien & Julien 1988, 'Laboratory analysis of
    mudflow properties', Aspen Pit 1: yield stress 0.0181 exp(25.7 c) Pa, viscosity 0.0036 exp(22.1 c) Pa s)."""

    density: float = 1578.0
    """[kg/m^3]: water and 35 % of quartz, 2650."""
    viscosity: float = 8.2
    """What each further unit of shear rate adds to the shear stress [Pa s]."""
    yield_stress: float = 146.0
    """Shear stress below which it does not flow [Pa]: a layer 2 cm thick stands on a slope of 28 degrees."""
    refractive_index: float = 1.34
    """Of the water between the grains."""
    absorption: list[float] = field(default_factory=lambda: [900.0, 1000.0, 1200.0])
    """Of red, green and blue light [1/m]: opaque within a few millimetres."""
    albedo: list[float] = field(default_factory=lambda: [0.14, 0.08, 0.04])
    """Diffuse colour of wet earth, linear RGB (chosen by eye)."""
