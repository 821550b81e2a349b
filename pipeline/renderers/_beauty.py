"""The picture: what a camera's pixel receives, averaged over jittered samples."""

# Warp reads these functions itself: Python's type checker cannot follow its types, and a number that a loop changes
# is declared by a cast.
# mypy: disable-error-code="untyped-decorator, misc, assignment, no-any-return"
# ruff: noqa: UP018

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import warp as wp
from scipy.spatial.transform import Rotation

from pipeline.renderers._geometry import Frame, Geometry, Liquid
from pipeline.renderers._light import Lamp, ambient, shade, sky_radiance
from pipeline.renderers._rays import (
    BODY,
    FAR,
    LIQUID,
    NOTHING,
    WALL,
    Hit,
    blocked,
    meet,
    meet_grains,
    meet_solid,
    nearer,
)
from pipeline.types import Camera, Float32, Float64, Scene, UInt8

_PATTERNS = 64


@wp.struct
class View:
    """A camera at one time: direction of pixel (u, v) is `rays` (u, v, 1), of planar depth 1."""

    origin: wp.vec3
    rays: wp.mat33
    width: float
    """Angle of a pixel [rad]."""
    lens: float
    """Radius of the lens [m]; 0 for a pinhole."""
    focus: float
    """Planar depth that is sharp [m]."""
    right: wp.vec3
    """Axes of the image, in which the lens lies."""
    down: wp.vec3


class Lens(NamedTuple):
    """A thin lens: what is not in focus spreads."""

    radius: float = 0.0
    """[m]; 0 for a pinhole."""
    focus: float = 1.0
    """Planar depth that is sharp [m]."""


PINHOLE = Lens()


def view(camera: Camera, time: float, lens: Lens = PINHOLE) -> View:
    """The camera at a time [frames]; between two frames it moves straight and turns evenly."""
    made = View()
    rotation, origin = pose_at(camera, time)
    made.origin = wp.vec3(*origin.tolist())
    made.rays = wp.mat33(*(rotation.T @ np.linalg.inv(camera.intrinsics)).reshape(-1).tolist())
    made.width = 1.0 / float(camera.intrinsics[1, 1])
    made.lens, made.focus = lens.radius, lens.focus
    made.right, made.down = wp.vec3(*rotation[0].tolist()), wp.vec3(*rotation[1].tolist())
    return made


def pose_at(camera: Camera, time: float) -> tuple[Float64, Float64]:
    """World to camera rotation (3, 3) and the camera's place [m] (3,) at a time [frames]."""
    first = int(time)
    rotation, shift = camera.world_to_camera[first, :3, :3], camera.world_to_camera[first, :3, 3]
    origin = -rotation.T @ shift
    if time == first:
        return rotation, origin
    turned, moved = camera.world_to_camera[first + 1, :3, :3], camera.world_to_camera[first + 1, :3, 3]
    part = time - first
    turn = Rotation.from_matrix(turned @ rotation.T).as_rotvec() * part
    return Rotation.from_rotvec(turn).as_matrix() @ rotation, (1.0 - part) * origin + part * (-turned.T @ moved)


@wp.func
def ray_direction(view: View, u: float, v: float) -> wp.vec3:
    """Unit direction through a point of the image [px] from the middle of the lens."""
    return wp.normalize(view.rays * wp.vec3(u, v, 1.0))


@wp.struct
class Ray:
    """Where a ray starts and its unit direction."""

    origin: wp.vec3
    direction: wp.vec3


@wp.func
def camera_ray(view: View, u: float, v: float, sample: int, shift: float, turn: float) -> Ray:
    """The ray of a sample at a point of the image [px]; `shift` and `turn` in 0..1 set its place on the lens.

    A thin lens: all rays of a point of the image meet where its central ray meets the plane in focus. R2 sequence.
    """
    ray = Ray()
    ray.origin = view.origin
    ray.direction = ray_direction(view, u, v)
    if view.lens > 0.0:
        radius = view.lens * wp.sqrt(wp.mod(shift + 0.7548776662 * float(sample), 1.0))
        angle = 6.2831853 * wp.mod(turn + 0.5698402910 * float(sample), 1.0)
        aside = view.right * (radius * wp.cos(angle)) + view.down * (radius * wp.sin(angle))
        ray.origin = view.origin + aside
        ray.direction = wp.normalize(view.rays * wp.vec3(u, v, 1.0) * view.focus - aside)
    return ray


def lamp(scene: Scene) -> Lamp:
    """The scene's light as the camera's exposure takes it; haze begins far behind what the camera looks at.

    Light that would bleach white paper lying on the ground is dimmed until it does not.
    """
    made = Lamp()
    light = scene.light
    made.direction = wp.normalize(wp.vec3(*light.direction))
    sun, sky, horizon = np.array(light.sun), np.array(light.sky), np.array(light.horizon)
    paper = sun * max(made.direction[2], 0.0) + 0.6 * sky + 0.4 * horizon
    exposure = min(1.0, 1.2 / max(float(paper.mean()), 1e-6))
    made.sun, made.sky, made.horizon = (wp.vec3(*(exposure * colour).tolist()) for colour in (sun, sky, horizon))
    made.angle = light.angle
    rotation, shift = scene.camera.world_to_camera[0, :3, :3], scene.camera.world_to_camera[0, :3, 3]
    made.haze = 12.0 * max(float(np.linalg.norm(rotation.T @ shift)), 0.5)
    return made


def sample_pattern(samples: int, seed: int) -> Float32:
    """Places in the unit hypercube, shape (_PATTERNS, samples, 4): two for the pixel, two for the sun's disc.

    R4 sequence (Roberts 2018), shifted at random for each pattern; a pixel keeps its pattern for the whole clip.
    """
    golden = 1.167303978261418740
    steps = np.arange(samples)[:, None] * np.array([golden**-k for k in range(1, 5)])
    return ((steps + np.random.default_rng(seed).random((_PATTERNS, 1, 4))) % 1.0).astype(np.float32)


@wp.func
def fresnel(cosine: float, index: float) -> float:
    """Reflected share of unpolarised light that enters a medium of a refractive index (Fresnel equations)."""
    sine = wp.sqrt(wp.max(0.0, 1.0 - cosine * cosine)) / index
    inner = wp.sqrt(wp.max(0.0, 1.0 - sine * sine))
    s = (cosine - index * inner) / (cosine + index * inner)
    p = (inner - index * cosine) / (inner + index * cosine)
    return 0.5 * (s * s + p * p)


@wp.func
def bent(d: wp.vec3, normal: wp.vec3, index: float) -> wp.vec3:
    """Direction after refraction into a medium, for a normal that looks towards the ray's origin (Snell's law)."""
    cosine = -wp.dot(d, normal)
    inner = wp.sqrt(1.0 - (1.0 - cosine * cosine) / (index * index))
    return wp.normalize(d / index + normal * (cosine / index - inner))


@wp.func
def wet_length(liquid: Liquid, start: wp.vec3, d: wp.vec3, limit: float) -> float:
    """Length of a ray inside the liquid up to `limit`, when it starts inside."""
    wet = float(0.0)
    at = float(0.0)
    inside = bool(True)
    for _ in range(4):
        query = wp.mesh_query_ray(liquid.mesh, start + d * (at + 1.0e-4), d, limit - at)
        if not query.result:
            if inside:
                wet += limit - at
            return wet
        if inside:
            wet += query.t + 1.0e-4
        inside = wp.dot(query.normal, d) < 0.0
        at += query.t + 1.0e-4
    return wet


@wp.func
def gathered(liquid: Liquid, p: wp.vec3, sun: wp.vec3) -> float:
    """Sun light at a point under the surface against that under a flat surface: the caustics of small waves.

    A ray that enters at slope s lands k D s aside, k = 1 - 1/n, at depth D: the light is spread over
    1 - k D div(normal) of the area.
    """
    query = wp.mesh_query_ray(liquid.mesh, p + sun * 1.0e-3, sun, 2.0)
    if not query.result:
        return 1.0
    bulge = (
        liquid.bulge[liquid.index[3 * query.face]] * query.u
        + liquid.bulge[liquid.index[3 * query.face + 1]] * query.v
        + liquid.bulge[liquid.index[3 * query.face + 2]] * (1.0 - query.u - query.v)
    )
    spread = 1.0 - (1.0 - 1.0 / liquid.refractive_index) * query.t * bulge
    return 1.0 / wp.clamp(wp.abs(spread), 0.45, 1.6)


@wp.func
def damped(absorption: wp.vec3, length: float) -> wp.vec3:
    """Share of light that is left after a way through the liquid (Beer-Lambert)."""
    return wp.vec3(wp.exp(-absorption[0] * length), wp.exp(-absorption[1] * length), wp.exp(-absorption[2] * length))


@wp.func
def glint(lamp: Lamp, d: wp.vec3, normal: wp.vec3, sharpness: float) -> float:
    """The sun's mirror image on a slightly rough surface (normalised Blinn-Phong)."""
    half = wp.normalize(lamp.direction - d)
    return wp.pow(wp.max(wp.dot(normal, half), 0.0), sharpness) * (sharpness + 8.0) / 25.0


@wp.func
def mirrored(geometry: Geometry, lamp: Lamp, p: wp.vec3, d: wp.vec3, normal: wp.vec3, width: float) -> wp.vec3:
    """What a mirror at p shows."""
    out = d - normal * (2.0 * wp.dot(d, normal))
    start = p + normal * 5.0e-4
    hit = meet_solid(geometry, start, out, FAR)
    hit = nearer(hit, meet_grains(geometry.grains, start, out, hit.distance))
    return shade(geometry, lamp, hit, start, out, width, wp.vec2(0.0, 0.0))


@wp.func
def shade_liquid(
    geometry: Geometry, lamp: Lamp, hit: Hit, o: wp.vec3, d: wp.vec3, width: float, disc: wp.vec2
) -> wp.vec3:
    """A liquid's surface: mirror image by Fresnel, and what lies below it, refracted, absorbed and veiled."""
    liquid = geometry.liquid
    p = o + d * hit.distance
    normal = hit.normal
    if wp.dot(normal, d) > 0.0:
        normal = -normal
    cosine = wp.clamp(-wp.dot(normal, d), 0.02, 1.0)
    share = fresnel(cosine, liquid.refractive_index)
    below = bent(d, normal, liquid.refractive_index)
    start = p + below * 2.0e-4
    floor = meet_solid(geometry, start, below, FAR)
    length = wet_length(liquid, start, below, wp.min(floor.distance, 2.0))
    deep = wp.max(0.0, -below[2] * length)
    wet = Lamp()
    wet.direction = -bent(-lamp.direction, wp.vec3(0.0, 0.0, 1.0), liquid.refractive_index)
    wet.sun = wp.cw_mul(lamp.sun, damped(liquid.absorption, deep / wp.max(wet.direction[2], 0.3)))
    if wp.cw_mul(wet.sun, wet.sun)[1] > 1.0e-4:
        wet.sun *= gathered(liquid, start + below * floor.distance, wet.direction)
    wet.sky = wp.cw_mul(lamp.sky, damped(liquid.absorption, deep * 1.2))
    wet.horizon = wp.cw_mul(lamp.horizon, damped(liquid.absorption, deep * 1.2))
    wet.angle = lamp.angle
    wet.haze = lamp.haze
    seen = shade(geometry, wet, floor, start, below, width, disc)
    left = damped(liquid.absorption, length)
    # Light scattered inside: a deep liquid takes its own colour; squared, so that a shallow one stays clear.
    sun = wp.max(wp.dot(normal, lamp.direction), 0.0)
    if blocked(geometry, p + normal * 5.0e-4, lamp.direction, 50.0):
        sun = 0.0
    own = wp.cw_mul(liquid.albedo, lamp.sun * sun + ambient(lamp, geometry.room.ground_texture.albedo, normal))
    first = 3 * hit.index
    own *= (
        liquid.tint[liquid.index[first]] + liquid.tint[liquid.index[first + 1]] + liquid.tint[liquid.index[first + 2]]
    ) / 3.0
    taken = 1.0 - (left[0] + left[1] + left[2]) / 3.0
    veil = taken * taken
    inner = wp.cw_mul(seen, left) + own * veil
    shine = wp.min(glint(lamp, d, normal, 600.0) * 0.05, 4.0) * wp.min(sun, 1.0)
    return inner * (1.0 - share) + mirrored(geometry, lamp, p, d, normal, width) * share + lamp.sun * shine


@wp.func
def radiance(geometry: Geometry, lamp: Lamp, o: wp.vec3, d: wp.vec3, width: float, disc: wp.vec2) -> wp.vec3:
    """Light that arrives along a ray."""
    hit = meet(geometry, o, d, FAR)
    if hit.kind == NOTHING:
        return sky_radiance(lamp, d)
    if hit.kind == LIQUID:
        return shade_liquid(geometry, lamp, hit, o, d, width, disc)
    colour = shade(geometry, lamp, hit, o, d, width, disc)
    gloss = float(0.0)
    if hit.kind == BODY:
        gloss = geometry.bodies.texture[hit.index].gloss
    elif hit.kind == WALL:
        gloss = geometry.room.wall_texture.gloss
    if gloss > 0.0:
        p = o + d * hit.distance
        cosine = wp.clamp(-wp.dot(hit.normal, d), 0.0, 1.0)
        share = gloss + (1.0 - gloss) * wp.pow(1.0 - cosine, 5.0) * wp.min(1.0, 6.0 * gloss)
        lit = float(1.0)
        if blocked(geometry, p + hit.normal * 2.0e-3, lamp.direction, 50.0):
            lit = 0.0
        shine = lamp.sun * (wp.min(glint(lamp, d, hit.normal, 160.0), 12.0) * gloss * lit)
        colour = colour * (1.0 - share) + mirrored(geometry, lamp, p, d, hit.normal, width) * share + shine
    return colour


@wp.kernel(enable_backward=False)
def _expose(
    geometry: Geometry,
    lamp: Lamp,
    view: View,
    pattern: wp.array2d[wp.vec4],
    first: int,
    end: int,
    image: wp.array2d[wp.vec3],
) -> None:
    """Mean radiance of one pixel over the samples from `first` to before `end`."""
    row, column = wp.tid()
    state = wp.rand_init(7, row * image.shape[1] + column)
    which = int(wp.randi(state, 0, pattern.shape[0]))
    shift, turn = wp.randf(state), wp.randf(state)
    total = wp.vec3()
    for sample in range(first, end):
        place = pattern[which, sample]
        ray = camera_ray(view, float(column) + place[0], float(row) + place[1], sample, shift, turn)
        colour = radiance(geometry, lamp, ray.origin, ray.direction, view.width, wp.vec2(place[2], place[3]))
        # A single bright glint must not outshine its neighbours' pixels for good.
        total += wp.min(colour, wp.vec3(2.0, 2.0, 2.0))
    image[row, column] = total / float(end - first)


def expose(
    frame: Frame,
    scene: Scene,
    time: float,
    pattern: wp.array,
    device: str,
    lens: Lens = PINHOLE,
    samples: range | None = None,
) -> Float32:
    """The picture at a time [frames] in linear light, shape (H, W, 3).

    `pattern` is a `sample_pattern` on the device, of which only `samples` are taken if given.
    """
    samples = samples or range(pattern.shape[1])
    image = wp.empty(scene.camera.size, dtype=wp.vec3, device=device)
    seen = view(scene.camera, time, lens)
    inputs = [frame.geometry, lamp(scene), seen, pattern, samples.start, samples.stop, image]
    wp.launch(_expose, dim=scene.camera.size, inputs=inputs, device=device)
    linear: Float32 = image.numpy()
    return linear


def develop(linear: Float32 | Float64) -> UInt8:
    """Linear light as sRGB bytes: exact up to 0.7, above it a soft shoulder towards white (IEC 61966-2-1)."""
    knee = 0.7
    over = 1.0 - np.exp(-np.maximum(linear - knee, 0.0) / (1.0 - knee))
    light = np.where(linear > knee, knee + (1.0 - knee) * over, np.maximum(linear, 0.0))
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(np.clip(encoded, 0.0, 1.0) * 255.0), np.uint8)
