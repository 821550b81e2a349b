"""What all grains on the shelf share: their fields, what is possible, and how they fill a box."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline import shelf
from pipeline.materials import Material
from pipeline.types import Medium, Vector


@dataclass
class Grains(Material):
    """Numbers of one granular material; a file of its own gives them and says where they come from."""

    density: float = 1550.0
    """Bulk density, pores included [kg/m^3]."""
    friction_angle: float = 0.576
    """Angle of an incline on which a layer without cohesion flows steadily [rad], below pi/4: tan is the friction mu of
    simple shear. Triaxial compression gives more: 36.5 degrees for 33, 40.3 for 35."""
    wall_friction: float = 0.4
    """Coulomb coefficient against walls and bodies."""
    cohesion: float = 0.0
    """Shear strength without pressure [Pa]."""
    grain_size: float = 0.001
    """Diameter of a visible grain [m]."""
    albedo: list[float] = field(default_factory=lambda: [0.5, 0.4, 0.3])
    """Diffuse colour, linear RGB."""
    word: str = ""
    """Noun for captions; the file's name if empty."""

    def __post_init__(self) -> None:
        for name in ("density", "friction_angle", "grain_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"material {shelf.name(self)}: {name} must be positive, got {getattr(self, name)}")
        if not (self.friction_angle < 0.78 and self.wall_friction >= 0 and self.cohesion >= 0):
            raise ValueError(
                f"material {shelf.name(self)}: expected friction_angle < 0.78 rad, wall_friction >= 0 and "
                f"cohesion >= 0, got {self.friction_angle}, {self.wall_friction} and {self.cohesion}"
            )

    def fill(self, region: tuple[Vector, Vector]) -> Medium:
        """The grains at rest in the box."""
        red, green, blue = self.albedo
        return Medium(
            material=shelf.name(self),
            kind="grains",
            word=self.word or shelf.name(self),
            region=region,
            density=self.density,
            friction_angle=self.friction_angle,
            wall_friction=self.wall_friction,
            cohesion=self.cohesion,
            grain_size=self.grain_size,
            albedo=(red, green, blue),
        )
