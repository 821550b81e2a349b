"""Olive oil."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials._liquid import Liquid


@dataclass
class Oil(Liquid):
    """Olive oil at 20 degrees Celsius (CRC Handbook of Chemistry and Physics; Codex Stan 33-1981)."""

    density: float = 913.0
    """[kg/m^3]: Codex 910-916."""
    viscosity: float = 0.084
    """Dynamic viscosity [Pa s]: 0.081-0.085 by the sources."""
    refractive_index: float = 1.469
    """At 589 nm: Codex 1.4677-1.4705."""
    absorption: list[float] = field(default_factory=lambda: [2.0, 6.0, 75.0])
    """Of red, green and blue light [1/m]: carotenoids and chlorophyll take the blue (chosen by eye)."""
    albedo: list[float] = field(default_factory=lambda: [0.55, 0.38, 0.03])
    """Colour of the light scattered inside, linear RGB: golden (chosen by eye)."""
    word: str = "olive oil"
