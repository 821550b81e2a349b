"""What is about to happen, and what happened: all that the solvers know.

The record of the laws hangs on this file (stages/_units.py), so that nouns no solver reads stand elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]
Vector = tuple[float, float, float]
Colour = tuple[float, float, float]

BACKGROUND = 0
"""Instance id of everything that is not a body or a medium: ground, container, sky."""


@dataclass(frozen=True)
class Mesh:
    """A closed triangle surface."""

    vertices: Float64
    """Corner positions [m], shape (V, 3), body frame: centre of mass at the origin."""
    faces: NDArray[np.int32]
    """Corner indices, shape (F, 3), counter-clockwise seen from outside."""


@dataclass(frozen=True)
class Surface:
    """How a solid surface looks: a procedural, seeded, solid (3-D) texture."""

    kind: str = "plain"
    """One of plain, checker, stripes, speckle, wood, tiles."""
    albedo: Colour = (0.6, 0.6, 0.6)
    """First diffuse colour."""
    albedo2: Colour = (0.4, 0.4, 0.4)
    """Second diffuse colour, where the pattern has one."""
    scale: float = 0.05
    """Size of one pattern cell [m]."""
    gloss: float = 0.0
    """Share of mirror-like reflection at normal incidence, 0..1."""
    seed: int = 0


@dataclass(frozen=True)
class Path:
    """Where a body is led, whatever pushes against it: straight and evenly from pose to pose, then it stands still."""

    time: Float64
    """Of the poses [s], increasing from 0, shape (K,)."""
    position: Float64
    """Centres of mass [m], shape (K, 3)."""
    orientation: Float64
    """Quaternions (x, y, z, w), body to world, shape (K, 4)."""


@dataclass(frozen=True)
class Body:
    """A rigid body, its state at t = 0 and its look."""

    name: str
    """Words for captions, e.g. 'heavy red ball'."""
    shape: str
    """Collision shape: sphere, box, cylinder (axis z), capsule (axis z) or mesh (any closed surface)."""
    size: Vector
    """Full extents along the body's axes [m]; (2r, 2r, 2r) for a sphere, (2r, 2r, height) for cylinder and capsule."""
    mesh: Mesh
    density: float
    """[kg/m^3]"""
    mass: float
    """[kg]"""
    inertia: Vector
    """Principal moments about the centre of mass, along the body's axes [kg m^2]."""
    position: Vector
    """Centre of mass [m]."""
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """Quaternion (x, y, z, w), body to world."""
    velocity: Vector = (0.0, 0.0, 0.0)
    """[m/s]"""
    angular_velocity: Vector = (0.0, 0.0, 0.0)
    """World axes [rad/s]."""
    friction: float = 0.5
    """Coulomb coefficient against other bodies, walls and ground."""
    restitution: float = 0.3
    surface: Surface = Surface()
    path: Path | None = None
    """None: the body moves freely. Else it is led (kinematic) and starts where the path does; by one pose: fixed."""


@dataclass(frozen=True)
class Medium:
    """Sand, water or the like, filling a simple solid at t = 0."""

    material: str
    """Name on the materials shelf."""
    kind: str
    """'grains' or 'liquid'."""
    word: str
    """Noun for captions, e.g. 'dry sand'."""
    region: tuple[Vector, Vector]
    """Lower and upper corner of the box that is filled at t = 0 [m], or in which `form` is inscribed."""
    density: float
    """Bulk density at rest [kg/m^3] (grains and the pores between them)."""
    friction_angle: float = 0.0
    """Internal friction angle [rad]; 0 for liquids."""
    viscosity: float = 0.0
    """Dynamic viscosity [Pa s]; 0 for grains."""
    wall_friction: float = 0.0
    """Coulomb coefficient of the medium against walls and bodies."""
    grain_size: float = 0.0
    """Diameter of a visible grain [m]; 0 for liquids."""
    albedo: Colour = (0.6, 0.5, 0.35)
    """Diffuse colour of grains; for liquids the colour of light scattered inside."""
    absorption: Vector = (0.0, 0.0, 0.0)
    """Absorption of red, green, blue inside a liquid [1/m]."""
    refractive_index: float = 1.33
    form: str = "box"
    """What of the region is filled: box, cylinder (upright) or cone (upright, tip above)."""
    cohesion: float = 0.0
    """Shear strength without pressure [Pa]: cohesion of wet grains, yield stress of a liquid such as mud."""


@dataclass(frozen=True)
class Container:
    """An open box with vertical walls; its inner floor is centred on (0, 0, 0)."""

    inner_size: Vector
    """Inner length, width and visible wall height [m]. The simulators extend the walls upwards without end."""
    wall: float = 0.01
    """Wall and floor thickness [m]."""
    friction: float = 0.5
    restitution: float = 0.2
    surface: Surface = Surface()


@dataclass(frozen=True)
class Camera:
    """A pinhole camera, one pose per frame."""

    size: tuple[int, int]
    """Height, width [px]."""
    intrinsics: Float64
    """(3, 3) [px]."""
    world_to_camera: Float64
    """(T, 4, 4), OpenCV convention."""


@dataclass(frozen=True)
class Light:
    """One soft sun and a sky gradient."""

    direction: Vector
    """Unit vector from the scene towards the sun."""
    sun: Colour
    """Irradiance of the sun, 1 = white paper exposed correctly."""
    sky: Colour
    """Radiance at the zenith."""
    horizon: Colour
    """Radiance at the horizon."""
    angle: float = 0.03
    """Angular radius of the sun [rad]: softness of the shadows."""


@dataclass(frozen=True)
class Scene:
    """Everything that is about to happen."""

    clip_id: str
    """Unique in its run, e.g. 'drop-sand-00003'."""
    scenario: str
    grade: str
    """kindergarten, primary, middle, high or university."""
    seed: int
    """What the scene was drawn from."""
    draw: int
    """0 for the scene itself, k >= 1 for its k-th re-draw within the unobserved."""
    bodies: tuple[Body, ...]
    medium: Medium | None
    container: Container | None
    ground: Surface
    """Look of the ground plane (z = -container.wall under a container, else z = 0)."""
    ground_friction: float
    gravity: Vector
    """[m/s^2]"""
    camera: Camera
    light: Light
    fps: float
    """[1/s]"""
    num_frames: int
    captions: tuple[str, ...]
    """Several phrasings of the same event; the first is the prompt."""
    particle_seed: int = 0
    """Seed of the particles' jitter at t = 0."""

    @property
    def ground_height(self) -> float:
        """Height of the ground plane [m]."""
        return -self.container.wall if self.container else 0.0

    @property
    def material(self) -> str:
        """Name of the medium's material, 'none' without a medium."""
        return self.medium.material if self.medium else "none"


@dataclass(frozen=True)
class Trajectory:
    """What happened: states at the times of the frames."""

    time: Float64
    """(T,) [s]"""
    body_position: Float64
    """Centres of mass [m], shape (T, B, 3)."""
    body_orientation: Float64
    """Quaternions (x, y, z, w), body to world, shape (T, B, 4)."""
    body_velocity: Float64
    """[m/s], shape (T, B, 3)."""
    body_angular_velocity: Float64
    """World axes [rad/s], shape (T, B, 3)."""
    body_impulse: Float64
    """Impulse [N s] and angular impulse about the centre of mass [N m s] that the medium gave each body
    since the frame before, shape (T, B, 6)."""
    particle_position: Float32
    """[m], shape (T, N, 3); N = 0 without a medium."""
    particle_velocity: Float32
    """[m/s], shape (T, N, 3)."""
    particle_spacing: float
    """Edge of the cube of medium that one particle stands for [m]; 0 without a medium."""
    container_impulse: Float64
    """Impulse [N s] that the medium gave floor and walls since the frame before, shape (T, 3)."""
