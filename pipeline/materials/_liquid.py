"""What all liquids on the shelf share: their fields, what is possible, and how they fill a box."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline import shelf
from pipeline.materials import Material
from pipeline.types import Medium, Vector


@dataclass
class Liquid(Material):
    """Numbers of one liquid; a file of its own gives them and says where they come from."""

    density: float = 1000.0
    """[kg/m^3]"""
    viscosity: float = 1e-3
    """Dynamic viscosity [Pa s]; of one with a yield stress, what each further unit of shear rate adds."""
    yield_stress: float = 0.0
    """Shear stress below which it does not flow [Pa]."""
    refractive_index: float = 1.333
    """At 589 nm."""
    absorption: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    """Of red, green and blue light [1/m]."""
    albedo: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    """Colour of the light scattered inside, linear RGB."""
    word: str = ""
    """Noun for captions; the file's name if empty."""

    def __post_init__(self) -> None:
        for name in ("density", "viscosity", "refractive_index"):
            if not getattr(self, name) > 0:
                raise ValueError(f"material {shelf.name(self)}: {name} must be positive, got {getattr(self, name)}")
        if self.yield_stress < 0:
            raise ValueError(f"material {shelf.name(self)}: expected yield_stress >= 0, got {self.yield_stress}")

    def fill(self, region: tuple[Vector, Vector]) -> Medium:
        """The liquid at rest in the box."""
        red, green, blue = self.albedo
        absorbed_red, absorbed_green, absorbed_blue = self.absorption
        return Medium(
            material=shelf.name(self),
            kind="liquid",
            word=self.word or shelf.name(self),
            region=region,
            density=self.density,
            viscosity=self.viscosity,
            cohesion=self.yield_stress,
            albedo=(red, green, blue),
            absorption=(absorbed_red, absorbed_green, absorbed_blue),
            refractive_index=self.refractive_index,
        )
