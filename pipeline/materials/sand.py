"""Dry quartz sand."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.materials import Material
from pipeline.types import Medium, Vector


@dataclass
class Sand(Material):
    """Dry, loosely poured quartz sand."""

    density: float = 1550.0
    """Bulk density [kg/m^3]: quartz 2650 at a porosity of 0.41; poured dry sand 1500-1600 (Lambe & Whitman 1969)."""
    friction_angle: float = 0.576
    """Internal friction angle [rad], 33 degrees: repose angle of dry sand 30-35 degrees."""
    wall_friction: float = 0.45
    """Coulomb coefficient against walls and bodies: sand on wood or metal 0.4-0.5 (Potyondy 1961)."""
    grain_size: float = 0.0012
    """Diameter of a visible grain [m]: coarse sand is 0.5-2 mm (ISO 14688-1: 0.63-2 mm)."""
    albedo: list[float] = field(default_factory=lambda: [0.56, 0.42, 0.25])
    """Diffuse colour, linear RGB: iron-stained quartz."""

    def __post_init__(self) -> None:
        for name in ("density", "friction_angle", "grain_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"material sand: {name} must be positive, got {getattr(self, name)}")
        if not (self.friction_angle < 1.0 and self.wall_friction >= 0):
            raise ValueError(
                "material sand: expected friction_angle < 1 rad and wall_friction >= 0, "
                f"got {self.friction_angle} and {self.wall_friction}"
            )

    def fill(self, region: tuple[Vector, Vector]) -> Medium:
        """Sand at rest in the box."""
        red, green, blue = self.albedo
        return Medium(
            material="sand",
            kind="grains",
            word="dry sand",
            region=region,
            density=self.density,
            friction_angle=self.friction_angle,
            wall_friction=self.wall_friction,
            grain_size=self.grain_size,
            albedo=(red, green, blue),
        )
