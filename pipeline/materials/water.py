"""Water at room temperature."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials import Material
from pipeline.types import Medium, Vector


@dataclass
class Water(Material):
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

    def __post_init__(self) -> None:
        for name in ("density", "viscosity", "refractive_index"):
            if not getattr(self, name) > 0:
                raise ValueError(f"material water: {name} must be positive, got {getattr(self, name)}")

    def fill(self, region: tuple[Vector, Vector]) -> Medium:
        """Still water in the box."""
        red, green, blue = self.albedo
        absorbed_red, absorbed_green, absorbed_blue = self.absorption
        return Medium(
            material="water",
            kind="liquid",
            word="water",
            region=region,
            density=self.density,
            viscosity=self.viscosity,
            albedo=(red, green, blue),
            absorption=(absorbed_red, absorbed_green, absorbed_blue),
            refractive_index=self.refractive_index,
        )
