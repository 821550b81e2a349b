"""What exact layers must say, worked out a second time: NumPy in float64, every ray against every triangle and sphere.

Nothing of the renderer's kernels is used, only what it draws: meshes, grains' offsets at t = 0, the liquid's triangles.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import trimesh
import warp as wp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pipeline.renderers import _grains
from pipeline.renderers._beauty import expose
from pipeline.renderers._clouds import STRETCH
from pipeline.renderers._liquid import REACH
from pipeline.renderers._stage import Stage
from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Bool, Camera, Container, Float64, Layers, Scene, Surface, Trajectory

Pixels = NDArray[np.int64]
"""Rows and columns, (K, 2)."""
GRAINS, LIQUID = 2, 3
"""Values of `Layers.material`."""


def centres(camera: Camera) -> Float64:
    """Pixel centres [px], (H, W, 2)."""
    height, width = camera.size
    return np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)


def unproject(camera: Camera, t: int, depth: Float64) -> Float64:
    """World points [m], (H, W, 3), from planar depth alone; depth 1 where a ray hits nothing."""
    pixels = np.concatenate([centres(camera), np.ones((*camera.size, 1))], axis=-1)
    away = np.where(np.isfinite(depth), depth, 1.0)[..., None].astype(np.float64)
    local = pixels @ np.linalg.inv(camera.intrinsics).T * away
    pose = camera.world_to_camera[t]
    return np.asarray((local - pose[:3, 3]) @ pose[:3, :3])


def project(camera: Camera, t: int, points: Float64) -> Float64:
    """Image positions [px], (..., 2), of world points (..., 3) in front of the camera."""
    pose = camera.world_to_camera[t]
    image = (points @ pose[:3, :3].T + pose[:3, 3]) @ camera.intrinsics.T
    return np.asarray(image[..., :2] / image[..., 2:])


def pose(trajectory: Trajectory, t: int, index: int) -> Float64:
    """A body's frame to the world, (4, 4)."""
    x, y, z, w = trajectory.body_orientation[t, index]
    made = np.asarray(trimesh.transformations.quaternion_matrix((w, x, y, z)), np.float64)
    made[:3, 3] = trajectory.body_position[t, index]
    return made


def carried(things: Things, layers: Layers, t: int, step: int, pixels: Pixels) -> Float64:
    """World points [m], (K, 3), of some pixels of frame t, carried to t + step by what they belong to."""
    at, scene, trajectory = tuple(pixels.T), things.scene, things.trajectory
    points = unproject(scene.camera, t, layers.depth[t])[at]
    thing, material, particle = (layer[t][at] for layer in (layers.segmentation, layers.material, layers.particle))
    for index in range(len(scene.bodies)):
        mine = thing == index + 1
        moving = pose(trajectory, t + step, index) @ np.linalg.inv(pose(trajectory, t, index))
        points[mine] = points[mine] @ moving[:3, :3].T + moving[:3, 3]
    now, then = (trajectory.particle_position[time].astype(np.float64) for time in (t, t + step))
    grains = material == GRAINS
    if grains.any():
        points[grains] = rolled(things, t, t + step, points[grains], particle[grains])
    liquid = (material == LIQUID) & (particle >= 0)
    points[liquid] += drift(points[liquid], now, then, REACH * trajectory.particle_spacing)
    return points


def rolled(things: Things, t: int, then: int, points: Float64, particle: NDArray[np.int32]) -> Float64:
    """Points [m], (K, 3), on grains of some particles (K,) in frame t, where they are in frame `then`.

    A grain goes where the cloud around its particle takes it and turns with the cloud; it is the one whose surface
    passes through the point.
    """
    offset = things.offset[particle % len(things.offset)]
    here, there = (things.form[time][particle] for time in (t, then))
    away = points - things.trajectory.particle_position[t][particle]
    between = away[:, None] - np.einsum("kij,kgj->kgi", here, offset[..., :3])
    grain = np.abs(np.linalg.norm(between, axis=-1) - offset[..., 3]).argmin(axis=1)
    rows = np.arange(len(points))
    turn = rotation(there) @ rotation(here).swapaxes(1, 2)
    local = np.einsum("kij,kj->ki", turn, between[rows, grain])
    shift = np.einsum("kij,kj->ki", there, offset[rows, grain, :3])
    return np.asarray(things.trajectory.particle_position[then][particle] + shift + local)


def rotation(form: Float64) -> Float64:
    """The rotations in maps (K, 3, 3) that turn and stretch: the square root of F F^T taken off F."""
    squares, axes = np.linalg.eigh(form @ form.swapaxes(1, 2))
    back = (axes / np.sqrt(squares)[:, None]) @ axes.swapaxes(1, 2)
    return np.asarray(back @ form)


def forms(trajectory: Trajectory) -> Float64:
    """What the offsets of the grains around each particle are multiplied by, (T, N, 3, 3).

    From frame to frame as the plane through what its neighbours move says, and never drawn out or pressed together by
    more than `STRETCH`.
    """
    made = [np.tile(np.eye(3), (trajectory.particle_position.shape[1], 1, 1))]
    places = trajectory.particle_position.astype(np.float64)
    for now, then in itertools.pairwise(places):
        gradient = slopes(now, then - now, trajectory.particle_spacing)
        gradient *= np.minimum(1.0, 0.7 / np.maximum(np.linalg.norm(gradient, axis=(1, 2)), 1e-12))[:, None, None]
        left, stretch, right = np.linalg.svd(made[-1] + gradient @ made[-1])
        made.append(left * np.clip(stretch, 1 / STRETCH, STRETCH)[:, None] @ right)
    return np.array(made)


def slopes(particles: Float64, moved: Float64, spacing: float) -> Float64:
    """Gradients at the particles (N, 3, 3) of what those around them moved: weighted least squares about their mean."""
    reach = 2.25 * spacing
    distance, index = cKDTree(particles).query(particles, k=min(128, len(particles)), distance_upper_bound=reach)
    weight = np.where(distance < reach, (1 - np.minimum(distance / reach, 1.0) ** 2) ** 3, 0.0)
    weight /= (total := weight.sum(axis=1, keepdims=True))
    index = np.minimum(index, len(particles) - 1)
    about = [values[index] - np.einsum("nk,nki->ni", weight, values[index])[:, None] for values in (particles, moved)]
    moments, both = (np.einsum("nk,nki,nkj->nij", weight, values, about[0]) for values in about)
    ridge = 0.002 * spacing**2 / total[..., None] * np.eye(3)
    return np.asarray(both @ np.linalg.inv(moments + ridge))


def drift(points: Float64, now: Float64, then: Float64, reach: float) -> Float64:
    """Displacement [m], (M, 3), of a liquid's points: d = fit(p + d / 2) with the particles halfway.

    Eight steps where they settle to a micrometre, else the fit where the points start.
    """
    start = found = fit(points, now, then - now, reach)
    change = np.zeros(len(points))
    for _ in range(8):
        following = fit(points + found / 2, (now + then) / 2, then - now, reach)
        change, found = np.linalg.norm(following - found, axis=1), following
    return np.where((change < 1e-6)[:, None], found, start)


def fit(points: Float64, particles: Float64, moved: Float64, reach: float) -> Float64:
    """Values at points (M, 3) of planes through what the particles within `reach` [m] moved (linear least squares).

    Weights fall as (1 - r^2 / reach^2)^3, and slopes are held back by 1e-5 of them; where nothing is in reach, what is
    within twice as far counts; a point beyond stays where it is.
    """
    if not len(points):
        return np.zeros((0, 3))
    distance, index = cKDTree(particles).query(points, k=min(96, len(particles)), distance_upper_bound=2 * reach)
    far = np.where(distance[:, :1] < reach, reach, 2 * reach)
    weight = np.where(distance < far, (1 - np.minimum(distance / far, 1.0) ** 2) ** 3, 0.0)
    index = np.minimum(index, len(particles) - 1)
    slopes = (particles[index] - points[:, None]) / far[..., None]
    basis = np.concatenate([np.ones_like(weight)[..., None], slopes], axis=-1)
    moments = np.einsum("mk,mki,mkj->mij", weight, basis, basis)
    moments[:, [1, 2, 3], [1, 2, 3]] += 1e-5 * moments[:, :1, 0]
    moments[moments[:, 0, 0] == 0.0] = np.eye(4)
    return np.linalg.solve(moments, np.einsum("mk,mki,mkj->mij", weight, basis, moved[index]))[:, 0]


def flow_error(things: Things, layers: Layers, t: int, step: int, pixels: Pixels) -> Float64:
    """Distance [px], (K,), between the flow of some pixels of frame t and where their points are carried."""
    at, scene = tuple(pixels.T), things.scene
    there = project(scene.camera, t + step, carried(things, layers, t, step, pixels))
    flow = (layers.forward_flow if step > 0 else layers.backward_flow)[t]
    return np.linalg.norm(there - centres(scene.camera)[at] - flow[at], axis=-1)


@dataclass(frozen=True)
class Trip:
    """Points that frame t and frame t + 1 both see, forward and back again."""

    error: Float64
    """Distance of the end from the start [px], (K,)."""
    off: Float64
    """How far the pixels of t + 1 lie before the point itself [m], (K,)."""
    material: NDArray[np.uint8]
    """(K,)"""


def round_trip(things: Things, layers: Layers, t: int) -> Trip:
    """Forward from the pixels of frame t, and back by the flow interpolated between four pixels of t + 1.

    A pixel counts if all four see the same thing (of grains the same particle), none of them hidden at t, and their
    depths lie in a plane: else there is an edge between them.
    """
    camera = things.scene.camera
    row, column = np.nonzero(layers.valid[t] & ~layers.forward_occluded[t])
    target = centres(camera)[row, column] + layers.forward_flow[t][row, column]
    corner = np.floor(target - 0.5).astype(int)
    height, width = camera.size
    inside = (corner >= 0).all(axis=1) & (corner[:, 0] < width - 1) & (corner[:, 1] < height - 1)
    row, column, target, corner = row[inside], column[inside], target[inside], corner[inside]
    four = [(corner[:, 1] + dv, corner[:, 0] + du) for dv in (0, 1) for du in (0, 1)]
    same = np.ones(len(row), np.bool_)
    grains = layers.material[t][row, column] == GRAINS
    for there in four:
        same &= layers.segmentation[t + 1][there] == layers.segmentation[t][row, column]
        same &= layers.valid[t + 1][there] & ~layers.backward_occluded[t + 1][there]
        same &= ~grains | (layers.particle[t + 1][there] == layers.particle[t][row, column])
    # On a plane the inverse of depth is linear over the image.
    inverse = 1.0 / np.stack([layers.depth[t + 1][there].astype(np.float64) for there in four])
    same &= np.abs(inverse[0] + inverse[3] - inverse[1] - inverse[2]) < 1e-3 * inverse.mean(axis=0)
    right, down = (target - 0.5 - corner).T
    weights = np.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
    back = sum(w[:, None] * layers.backward_flow[t + 1][there] for w, there in zip(weights, four, strict=True))
    error = np.linalg.norm(back + layers.forward_flow[t][row, column], axis=-1)
    pose = camera.world_to_camera[t + 1]
    start = np.stack([row, column], axis=1)[same]
    ahead = carried(things, layers, t, 1, start) @ pose[2, :3] + pose[2, 3]
    off = ahead - 1.0 / (weights * inverse).sum(axis=0)[same]
    return Trip(error[same], off, layers.material[t][tuple(start.T)])


def first_triangle(eye: Float64, ray: Float64, corners: Float64) -> Float64:
    """Distance to the first of triangles (F, 3, 3) on each unit ray (R, 3), inf without one (Moeller & Trumbore)."""
    nearest = np.full(len(ray), np.inf)
    a, ab, ac = corners[:, 0] - eye, corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    lift, normal = np.cross(-a, ab), np.cross(ab, ac)
    along = (lift * ac).sum(axis=1)
    side = np.cross(a, ac)
    for some in np.array_split(np.arange(len(ray)), max(1, len(ray) * len(corners) // 2_000_000)):
        facing = -ray[some] @ normal.T
        facing[facing == 0.0] = np.nan
        u, v, t = ray[some] @ side.T / facing, ray[some] @ lift.T / facing, along / facing
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        nearest[some] = np.where(hit, t, np.inf).min(axis=1, initial=np.inf)
    return nearest


def first_box(eye: Float64, ray: Float64, lower: Float64, upper: Float64) -> Float64:
    """Distance at which each unit ray (R, 3) enters a box, inf if it does not."""
    with np.errstate(divide="ignore"):
        ends = np.stack([lower - eye, upper - eye])[:, None] / ray
    enter, leave = ends.min(axis=0).max(axis=1), ends.max(axis=0).min(axis=1)
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)


def first_wall(eye: Float64, ray: Float64, container: Container) -> Float64:
    """Distance to the container's floor and four walls on each unit ray."""
    x, y, top = container.inner_size[0] / 2, container.inner_size[1] / 2, container.inner_size[2]
    w = container.wall
    boxes = [(-x - w, -y - w, -w, x + w, y + w, 0.0), (-x - w, -y - w, -w, -x, y + w, top)]
    boxes += [(x, -y - w, -w, x + w, y + w, top), (-x, -y - w, -w, x, -y, top), (-x, y, -w, x, y + w, top)]
    return np.min([first_box(eye, ray, np.array(b[:3]), np.array(b[3:])) for b in boxes], axis=0)


def first_grain(eye: Float64, ray: Float64, particles: Float64, offset: Float64, form: Float64) -> Float64:
    """Distance to the first grain on each unit ray.

    `offset` (P, G, 4) is that of particle i mod P at t = 0, with radius, and `form` (N, 3, 3) what it is multiplied by.
    """
    nearest = np.full(len(ray), np.inf)
    reach = float((STRETCH * np.linalg.norm(offset[..., :3], axis=-1) + offset[..., 3]).max())
    between = particles - eye
    squared = (between**2).sum(axis=1)
    for row, d in enumerate(ray):
        along = between @ d
        near = np.flatnonzero(squared - along**2 < reach**2)
        shift = np.einsum("kij,kgj->kgi", form[near], offset[near % len(offset), :, :3])
        centre = (between[near][:, None] + shift).reshape(-1, 3)
        radius = offset[near % len(offset), :, 3].reshape(-1)
        middle = centre @ d
        depth = radius**2 - ((centre - middle[:, None] * d) ** 2).sum(axis=1)
        t = middle - np.sqrt(np.maximum(depth, 0.0))
        nearest[row] = t[(depth > 0) & (t > 0)].min(initial=np.inf)
    return nearest


class Things:
    """All that rays can meet in a scene, as triangles, boxes and spheres."""

    def __init__(self, scene: Scene, trajectory: Trajectory, renderer: Raytrace) -> None:
        self.scene, self.trajectory = scene, trajectory
        spacing, drawn = trajectory.particle_spacing, (renderer.grains_per_particle, renderer.seed)
        self.stage = Stage(scene, trajectory, drawn[0], 1, drawn[1], "cpu")
        self.kind = scene.medium.kind if scene.medium else "none"
        self.offset, self.form = np.zeros((1, 0, 4)), np.zeros((scene.num_frames, 0, 3, 3))
        if self.kind == "grains":
            self.offset = _grains.pattern(scene, spacing, *drawn).astype(np.float64)
            self.form = forms(trajectory)

    def first(self, t: int, eye: Float64, ray: Float64) -> Float64:
        """Distance [m] to the first thing on each unit ray (R, 3) from `eye` in frame t, inf without one."""
        scene, trajectory = self.scene, self.trajectory
        with np.errstate(divide="ignore"):
            ground = (scene.ground_height - eye[2]) / ray[:, 2]
        found = [np.where(ground > 0, ground, np.inf)]
        if scene.container:
            found.append(first_wall(eye, ray, scene.container))
        for index, body in enumerate(scene.bodies):
            place = pose(trajectory, t, index)
            corners = body.mesh.vertices @ place[:3, :3].T + place[:3, 3]
            found.append(first_triangle(eye, ray, corners[body.mesh.faces]))
        if self.kind == "grains":
            where = trajectory.particle_position[t].astype(np.float64)
            found.append(first_grain(eye, ray, where, self.offset, self.form[t]))
        elif self.kind == "liquid":
            found.append(first_triangle(eye, ray, self.surface(t)))
        return np.min(found, axis=0)

    def surface(self, t: int) -> Float64:
        """The liquid's triangles in frame t, (F, 3, 3)."""
        mesh = self.stage.frame(t).owned[-1]
        points, faces = mesh.points.numpy(), mesh.indices.numpy()  # type: ignore[attr-defined]
        return np.asarray(points.astype(np.float64)[faces.reshape(-1, 3)])


def agreement(things: Things, layers: Layers, t: int, step: int, pixels: Pixels, tolerance: float = 1e-5) -> Bool:
    """Whether the occlusion flag of each of some pixels (K, 2) (row, column) of frame t is what a second ray finds.

    Hidden is what is out of view at t + step, or has something nearer by more than `tolerance` [m] before it; before
    a liquid's point, whose surface is made anew in every frame, by more than a quarter of the particles' spacing.
    """
    scene, spacing = things.scene, things.trajectory.particle_spacing
    row, column = pixels.T
    target = carried(things, layers, t, step, pixels)
    flag = (layers.forward_occluded if step > 0 else layers.backward_occluded)[t][row, column]
    camera = scene.camera.world_to_camera[t + step]
    eye = -camera[:3, :3].T @ camera[:3, 3]
    where, ahead = project(scene.camera, t + step, target), target @ camera[2, :3] + camera[2, 3] > 0
    height, width = scene.camera.size
    inside = ahead & (where >= 0).all(axis=1) & (where < [width, height]).all(axis=1)
    distance = np.linalg.norm(target - eye, axis=1)
    allowed = np.where(layers.material[t][row, column] == LIQUID, max(spacing / 4, tolerance), tolerance)
    nearest = things.first(t + step, eye, (target - eye) / distance[:, None])
    hidden = ~inside | (nearest < distance - allowed)
    return np.asarray(hidden == flag)[layers.valid[t][row, column]]


def shown(scene: Scene, trajectory: Trajectory, renderer: Raytrace, t: int) -> NDArray[np.uint16]:
    """Which instance each pixel of the picture shows in frame t, (H, W), for a scene with one body at most.

    Everything gets a colour of its own, red, green or blue, and is lit from all around, without sun, gloss, or
    refraction; one sample goes through the centre of each pixel.
    """
    red, green, blue = np.eye(3).tolist()
    white = (1.0, 1.0, 1.0)
    plain = Surface("plain", tuple(blue), tuple(blue))
    bodies = tuple(replace(body, surface=Surface("plain", tuple(red), tuple(red))) for body in scene.bodies)
    medium, container = scene.medium, scene.container
    if medium:
        medium = replace(medium, albedo=tuple(green), absorption=(1e9, 1e9, 1e9), refractive_index=1.0)
    if container:
        container = replace(container, surface=plain)
    light = replace(scene.light, sun=(0.0, 0.0, 0.0), sky=white, horizon=white)
    flat = replace(scene, bodies=bodies, medium=medium, container=container, ground=plain, light=light)
    stage = Stage(flat, trajectory, renderer.grains_per_particle, 1, renderer.seed, "cpu")
    centre = wp.array(np.full((1, 1, 4), 0.5, np.float32), dtype=wp.vec4, device="cpu")
    linear = expose(stage.frame(t), flat, t, centre, "cpu")
    instance = np.array([1, len(bodies) + 1, 0], np.uint16)[linear.argmax(axis=-1)]
    return np.where(linear.max(axis=-1) > 0.0, instance, np.uint16(65535))
