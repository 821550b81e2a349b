"""A body falls: into a tray of sand or water, or on the bare floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.types import Body, Camera, Colour, Container, Float64, Light, Medium, Scene, Surface, Vector

if TYPE_CHECKING:
    from pipeline.scenarios._shapes import Solid

GRAVITY = 9.81
"""[m/s^2]"""
COLOURS: dict[str, tuple[Colour, Colour]] = {
    "red": ((0.70, 0.06, 0.05), (0.88, 0.80, 0.66)),
    "blue": ((0.06, 0.14, 0.60), (0.82, 0.84, 0.88)),
    "green": ((0.05, 0.40, 0.12), (0.85, 0.85, 0.60)),
    "yellow": ((0.85, 0.60, 0.04), (0.20, 0.15, 0.10)),
    "purple": ((0.32, 0.08, 0.48), (0.85, 0.75, 0.88)),
    "white": ((0.85, 0.85, 0.83), (0.12, 0.12, 0.13)),
}
"""Word -> the two diffuse colours of a body's pattern, linear RGB."""
PATTERNS = ("checker", "stripes", "speckle")


class _Look(NamedTuple):
    """A tray and the ground that suits it."""

    tray: Surface
    ground: Surface


LOOKS = (
    _Look(
        Surface("wood", (0.46, 0.27, 0.13), (0.28, 0.15, 0.07), 0.035),
        Surface("tiles", (0.52, 0.51, 0.48), (0.33, 0.32, 0.31), 0.09),
    ),
    _Look(
        Surface("tiles", (0.72, 0.72, 0.68), (0.36, 0.40, 0.46), 0.05),
        Surface("wood", (0.42, 0.30, 0.19), (0.30, 0.20, 0.12), 0.06),
    ),
    _Look(
        Surface("stripes", (0.55, 0.20, 0.13), (0.62, 0.52, 0.40), 0.04),
        Surface("checker", (0.50, 0.50, 0.48), (0.34, 0.36, 0.36), 0.08),
    ),
    _Look(
        Surface("speckle", (0.40, 0.45, 0.46), (0.20, 0.23, 0.25), 0.02),
        Surface("speckle", (0.56, 0.52, 0.45), (0.38, 0.35, 0.30), 0.04),
    ),
)


@dataclass
class Drop(Scenario):
    """One body of drawn shape, size, density, pose and velocity falls."""

    tray: float = 0.32
    """Inner length and width of the tray [m]."""
    wall_height: float = 0.17
    """Height of the tray's walls above its inner floor [m]."""
    depth: list[float] = field(default_factory=lambda: [0.085, 0.10])
    """Depth of the medium [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.08, 0.12])
    """Extent of the body [m], from .. to; capsules and octahedra are a quarter longer."""
    density: list[float] = field(default_factory=lambda: [200.0, 6000.0])
    """Density of the body [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    fall: list[float] = field(default_factory=lambda: [0.18, 0.24])
    """Time until the body touches down [s], from .. to."""

    def __post_init__(self) -> None:
        for name in ("depth", "size", "density", "fall"):
            values = getattr(self, name)
            if len(values) != 2 or not 0 < values[0] <= values[1]:
                raise ValueError(f"scenario drop: {name} must be two positive numbers [from, to], got {values}")
        if not self.depth[1] < self.wall_height:
            raise ValueError(f"scenario drop: depth must stay below wall_height={self.wall_height}, got {self.depth}")
        if self.tray < 2.5 * self.size[1]:
            got = f"{self.tray} and {self.size}"
            raise ValueError(f"scenario drop: tray must be at least two and a half bodies wide, got {got}")

    @property
    def materials(self) -> Sequence[str]:
        """Sand, water and the bare floor in turn."""
        return ("sand", "water", "none")

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others."""
        half = self.tray / 2
        depth = _between(generator(seed, 0), self.depth)
        medium = material.fill(((-half, -half, 0.0), (half, half, depth)))
        look = LOOKS[int(generator(seed, 1).integers(len(LOOKS)))]
        container = Container((self.tray, self.tray, self.wall_height), surface=look.tray) if medium else None
        body = self._body(generator(seed, 2), surface_height=depth if medium else 0.0, bare=medium is None)
        return Scene(
            clip_id=clip_id,
            scenario="drop",
            grade="primary" if medium else "kindergarten",
            seed=seed,
            draw=0,
            bodies=(body,),
            medium=medium,
            container=container,
            ground=look.ground,
            ground_friction=0.5,
            gravity=(0.0, 0.0, -GRAVITY),
            camera=self._camera(generator(seed, 3), body, container, size, num_frames),
            light=_light(generator(seed, 4)),
            fps=fps,
            num_frames=num_frames,
            captions=_captions(body, medium),
            particle_seed=int(generator(seed, 5).integers(2**31)),
        )

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, grains, and a velocity that differs by less than a fifth of a pixel per frame."""
        rng = generator(scene.seed, 6, draw)
        distance = float(np.linalg.norm(scene.camera.world_to_camera[0, :3, 3]))
        unseen = 0.2 * distance / scene.camera.intrinsics[0, 0] * scene.fps
        bodies = tuple(_redrawn(body, rng, unseen) for body in scene.bodies)
        medium = scene.medium
        if medium:
            medium = replace(
                medium,
                friction_angle=_tilted(rng, medium.friction_angle),
                wall_friction=medium.wall_friction * rng.uniform(0.93, 1.07),
            )
        return replace(
            scene,
            draw=draw,
            bodies=bodies,
            medium=medium,
            ground_friction=scene.ground_friction * float(rng.uniform(0.93, 1.07)),
            particle_seed=int(rng.integers(2**31)),
        )

    def _body(self, rng: np.random.Generator, surface_height: float, bare: bool) -> Body:
        noun, solid = _solid(rng, _between(rng, self.size))
        density = float(np.exp(_between(rng, np.log(self.density).tolist())))
        colour = str(rng.choice(list(COLOURS)))
        mass = density * solid.volume
        orientation = _orientation(rng)
        velocity = rng.uniform([-0.18, -0.18, -0.3], [0.18, 0.18, 0.3]) * ([1.5, 1.5, 1.0] if bare else 1.0)
        fall = _between(rng, self.fall)
        lowest = -(_rotation(orientation) @ solid.mesh.vertices.T)[2].min()
        height = surface_height + lowest + GRAVITY * fall**2 / 2 - velocity[2] * fall
        # Aim at the middle of the tray: the spot of the impact is drawn, not that of the start.
        spot = rng.uniform(-0.05, 0.05, 2) - velocity[:2] * fall
        pattern = str(rng.choice(PATTERNS))
        surface = Surface(pattern, *COLOURS[colour], scale=0.028, gloss=0.04, seed=int(rng.integers(2**31)))
        return Body(
            name=f"{_weight(density)} {colour} {noun}",
            shape=solid.shape,
            size=solid.size,
            mesh=solid.mesh,
            density=density,
            mass=mass,
            inertia=_vector(mass * np.array(solid.inertia_per_mass)),
            position=_vector(np.append(spot, height)),
            orientation=orientation,
            velocity=_vector(velocity),
            angular_velocity=_vector(rng.uniform(-4, 4, 3)),
            friction=float(rng.uniform(0.4, 0.7)),
            restitution=float(rng.uniform(0.3, 0.65) if bare else rng.uniform(0.1, 0.3)),
            surface=surface,
        )

    def _camera(
        self, rng: np.random.Generator, body: Body, container: Container | None, size: tuple[int, int], num_frames: int
    ) -> Camera:
        """From the front and above, the whole tray and the body's start in the picture."""
        from pipeline.scenarios._framing import frame

        half = self.tray / 2 + (container.wall if container else 0.0)
        low, high = (-container.wall, self.wall_height) if container else (0.0, 0.0)
        corners = np.array([[x, y, z] for x in (-half, half) for y in (-half, half) for z in (low, high)])
        reach = np.linalg.norm(body.mesh.vertices, axis=1).max()
        ball = reach * np.vstack([np.eye(3), -np.eye(3)]) + body.position
        azimuth = -np.pi / 2 + rng.uniform(-0.5, 0.5)
        return frame(np.vstack([corners, ball]), azimuth, float(rng.uniform(0.65, 0.85)), size, num_frames)


def _between(rng: np.random.Generator, limits: list[float]) -> float:
    """A number drawn evenly from limits[0] .. limits[1]."""
    low, high = limits
    return float(rng.uniform(low, high))


def _solid(rng: np.random.Generator, extent: float) -> tuple[str, Solid]:
    """A noun and a solid whose size is about `extent` [m]."""
    from pipeline.scenarios import _shapes as shapes

    flat = rng.uniform(0.65, 0.95, 3)
    kinds: dict[str, Callable[[], Solid]] = {
        "ball": lambda: shapes.sphere(extent),
        "block": lambda: shapes.box(_vector(extent * flat)),
        "cylinder": lambda: shapes.cylinder(0.85 * extent, extent * flat[0]),
        "capsule": lambda: shapes.capsule(0.65 * extent, 1.25 * extent),
        "cone": lambda: shapes.cone(extent, extent * flat[1] * 1.2),
        "octahedron": lambda: shapes.octahedron(1.25 * extent),
    }
    noun = str(rng.choice(list(kinds)))
    return noun, kinds[noun]()


def _orientation(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A rotation drawn evenly (Shoemake 1992), as a quaternion (x, y, z, w)."""
    x, y, z, w = (quaternion := rng.normal(size=4)) / np.linalg.norm(quaternion)
    return float(x), float(y), float(z), float(w)


def _rotation(quaternion: tuple[float, float, float, float]) -> Float64:
    """Matrix of a unit quaternion (x, y, z, w), body to world."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _redrawn(body: Body, rng: np.random.Generator, unseen: float) -> Body:
    """The body again, with what its first frames do not show varied; `unseen` is a speed [m/s]."""
    tilt = rng.normal(0, 0.004, 3)
    x, y, z, w = np.array(body.orientation)
    turned = np.array([x, y, z, w]) + 0.5 * np.array(
        [
            tilt[0] * w + tilt[1] * z - tilt[2] * y,
            tilt[1] * w + tilt[2] * x - tilt[0] * z,
            tilt[2] * w + tilt[0] * y - tilt[1] * x,
            -tilt @ np.array([x, y, z]),
        ]
    )
    x, y, z, w = turned / np.linalg.norm(turned)
    return replace(
        body,
        orientation=(float(x), float(y), float(z), float(w)),
        velocity=_vector(np.array(body.velocity) + rng.uniform(-unseen, unseen, 3) / 2),
        angular_velocity=_vector(np.array(body.angular_velocity) + rng.normal(0, 0.05, 3)),
        friction=body.friction * float(rng.uniform(0.92, 1.08)),
        restitution=body.restitution * float(rng.uniform(0.92, 1.08)),
    )


def _light(rng: np.random.Generator) -> Light:
    """A sun from the upper left or right, in front of the camera's side so that faces are lit."""
    azimuth, height = -np.pi / 2 + rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.3), rng.uniform(0.75, 1.1)
    direction = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    warm = float(rng.uniform(0.0, 0.12))
    return Light(_vector(direction), (1.0, 1.0 - warm / 2, 1.0 - warm), (0.42, 0.52, 0.68), (0.72, 0.76, 0.80), 0.03)


def _weight(density: float) -> str:
    """The word for a density [kg/m^3]."""
    return "light" if density < 700 else "heavy" if density > 2500 else "solid"


def _captions(body: Body, medium: Medium | None) -> tuple[str, ...]:
    """Three phrasings of what is about to happen, none of which tells how it ends."""
    if medium is None:
        return (
            f"A {body.name} falls on a bare floor.",
            f"Somebody drops a {body.name}; it hits the hard ground.",
            f"Seen from above at an angle: a {body.name} is dropped and lands on the floor.",
        )
    return (
        f"A {body.name} falls into a tray of {medium.word}.",
        f"Somebody drops a {body.name} into a box filled with {medium.word}.",
        f"Seen from above at an angle: a {body.name} lands in {medium.word}.",
    )


def _vector(values: Float64) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _tilted(rng: np.random.Generator, friction_angle: float) -> float:
    """The friction angle within about a degree; liquids have none."""
    return friction_angle + float(rng.normal(0, np.deg2rad(0.7))) if friction_angle else 0.0
