"""The nouns of the pipeline: what one room hands to the next.

Everything is in SI units, world axes are z up, arrays are NumPy and are treated as read-only.
Quaternions are (x, y, z, w) as in PyBullet; colours are linear RGB in 0..1; pixel coordinates have
their origin at the top left corner with pixel centres at +0.5; cameras follow OpenCV
(x right, y down, z forward).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Layers:
    """Exact annotation of every pixel centre, all of leading shape (T, H, W)."""

    depth: Float32
    """Planar depth along the optical axis [m]; inf where a ray hits nothing (sky)."""
    normal: NDArray[np.float16]
    """World normal, (..., 3)."""
    segmentation: NDArray[np.uint16]
    """Instance id; 0 background. `Clip.instances` names the others."""
    material: UInt8
    """0 background, 1 rigid, 2 grains, 3 liquid."""
    particle: NDArray[np.int32]
    """Particle under the pixel, -1 where none."""
    object_coordinates: NDArray[np.float16]
    """Where on its object the point lies, (..., 3): for a body its frame's coordinates scaled to 0..1 over the
    bounding box, for a particle its position at t = 0 scaled the same way over the medium's region."""
    forward_flow: Float32
    """Motion of the visible point from t to t+1, (..., 2) = (u right, v down) [px]; zero in the last frame."""
    backward_flow: Float32
    """Motion from t to t-1, (..., 2) [px]; zero in the first frame."""
    forward_occluded: Bool
    """The point is hidden or out of view at t+1; true in the last frame."""
    backward_occluded: Bool
    """The point is hidden or out of view at t-1; true in the first frame."""
    valid: Bool
    """The layers hold here (false: the ray hit nothing)."""


@dataclass(frozen=True)
class Instance:
    """One entry of a clip's list of things."""

    id: int
    """Value in `Layers.segmentation`, >= 1."""
    name: str
    kind: str
    """static, rigid, grains or liquid."""
    mesh: str
    """Shape or mesh name; empty for media."""
    density: float
    """[kg/m^3]"""


@dataclass(frozen=True)
class Clip:
    """What a camera saw."""

    clip_id: str
    source: str
    """'truth' or the name of the model that made it."""
    sample: int
    """Which of several samples of the model, or which re-draw of the truth."""
    frames: UInt8
    """sRGB, shape (T, H, W, 3)."""
    fps: float
    layers: Layers | None = None
    camera: Camera | None = None
    instances: tuple[Instance, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    """What was done to it on the way, e.g. resampled from another size or rate."""

    def __post_init__(self) -> None:
        frames = self.frames
        if not (
            isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3
        ):
            got = f"{frames.dtype} of shape {frames.shape}" if isinstance(frames, np.ndarray) else type(frames).__name__
            raise ValueError(
                f"Clip {self.clip_id}/{self.source}: frames must be uint8 of shape (T, H, W, 3), got {got}"
            )
        if len(frames) == 0:
            raise ValueError(f"Clip {self.clip_id}/{self.source}: expected at least one frame, got none")


@dataclass(frozen=True)
class Prompt:
    """All that a video model may see."""

    clip_id: str
    text: str
    frames: UInt8
    """The first k frames, sRGB, shape (k, H, W, 3)."""
    fps: float
    num_frames: int
    """Length of the clip asked for, the k first frames included."""


@dataclass(frozen=True)
class FlowField:
    """Optical flow of a whole clip."""

    forward: Float32
    """t -> t+1, shape (T-1, H, W, 2) = (u right, v down) [px]."""
    estimator: str
    """Name with settings; two fields are compared only if it is the same."""


@dataclass(frozen=True)
class Take:
    """A clip with its flow."""

    clip: Clip
    flow: FlowField


@dataclass(frozen=True)
class Score:
    """One metric's opinion of one take against the truth."""

    clip_id: str
    model: str
    """Source of the take: a model's name, or 'truth' for a re-draw."""
    sample: int
    metric: str
    value: float
    """Distance from the truth, 0 = identical, larger = worse; NaN only with `failure` set."""
    unit: str
    per_frame: Float32
    """The same per frame, shape (T,); NaN where the metric does not speak about a frame."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Named numbers behind the value."""
    curves: Mapping[str, tuple[Float32, Float32]] = field(default_factory=dict)
    """What was measured: name with unit -> (of the truth, of the other), each of shape (T,), NaN where undefined."""
    failure: str = ""
    """Why there is no value."""


@dataclass(frozen=True)
class Judgement:
    """How plausible one generated clip is, and where it breaks."""

    clip_id: str
    model: str
    sample: int
    plausibility: float
    """0 (impossible) .. 100 (as close to the truth as an independent re-draw)."""
    parts: Mapping[str, float]
    """0..100 for each metric."""
    per_frame: Float32
    """0..100 for each frame, shape (T,)."""
    gate: str = ""
    """Why the clip is degenerate (then plausibility is 0); empty for a real clip."""


@dataclass(frozen=True)
class Verdict:
    """Whether a clip goes into the training set, and why."""

    clip_id: str
    accepted: bool
    reasons: tuple[str, ...]
    by: str
    """'rule' or a reviewer's id."""
    split: str = ""
    """train, validation or test; empty for a rejected clip."""


@dataclass(frozen=True)
class Example:
    """One clip of a training set."""

    clip: Clip
    scene: Scene
    captions: tuple[str, ...]
    split: str
    provenance: Mapping[str, str]
    """Key of the clip's folder, code version, seed, verdict."""


@dataclass(frozen=True)
class Measurement:
    """One quantity of one experiment: what a law expects and what came out."""

    case: str
    """In words, e.g. 'aspect 1.0, 12 cells a radius'."""
    quantity: str
    """What was measured, with its normalisation, e.g. 'run-out / initial radius'."""
    expected: float
    measured: float
    tolerance: float
    """Largest |measured - expected| that passes, in the same unit; infinite for what is only reported."""
    unit: str
    """'1' for a ratio."""
    source: str
    """Paper and equation, or the theorem, that the expected value comes from."""
    medium: str = "none"
    """Name of the material."""

    @property
    def passed(self) -> bool:
        """Whether the measured value is within the tolerance; NaN never is."""
        return math.isfinite(self.measured) and abs(self.measured - self.expected) <= self.tolerance


@dataclass(frozen=True)
class Plot:
    """Curves that belong into one picture; pictures of the same title are drawn together."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, tuple[Float64, Float64]] = field(default_factory=dict)
    """What was measured: name -> (x, y), each (N,)."""
    reference: Mapping[str, tuple[Float64, Float64]] = field(default_factory=dict)
    """What was published, drawn as points: name -> (x, y), each (N,)."""


@dataclass(frozen=True)
class Finding:
    """What the examination of one case of a law found."""

    measurements: tuple[Measurement, ...]
    plots: tuple[Plot, ...] = ()
