"""Signed distance of bodies, sampled on a regular grid in the body's frame."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import warp as wp
from scipy import ndimage
from scipy.spatial.transform import Rotation

from pipeline.types import Body, Bool, Float32, Float64, Vector

wp.config.log_level = wp.LOG_ERROR

MARGIN = 4
"""Cells of the grid beyond the body's bounding box on every side."""
HALF = 0.51
"""Half of the spacing, and a little for rounding."""


@dataclass(frozen=True)
class DistanceField:
    """Distance to a body's surface, negative inside; trilinear between its nodes."""

    values: Float32
    """[m], shape (nx, ny, nz); node (i, j, k) lies at origin + spacing * (i, j, k)."""
    origin: Vector
    """Node (0, 0, 0) [m], body frame."""
    spacing: float
    """[m]"""


def outside(bodies: Sequence[Body], points: Float32 | Float64, spacing: float) -> Bool:
    """Which of the points (N, 3) [m, world] lie in none of the bodies at t = 0, seen every `spacing` [m]."""
    free = np.ones(len(points), bool)
    for body in bodies:
        field = distance_field(body, spacing)
        local = Rotation.from_quat(body.orientation).inv().apply(points - np.asarray(body.position))
        node = (local - field.origin) / field.spacing
        free &= ndimage.map_coordinates(field.values, node.T, order=1, mode="constant", cval=1.0) >= 0
    return free


def distance_field(body: Body, spacing: float) -> DistanceField:
    """Sample the signed distance of `body` every `spacing` [m], up to `MARGIN` nodes beyond its bounding box.

    Sphere, box, cylinder and capsule are exact; a mesh is measured against its triangles. Raises ValueError for a
    shape that is none of these.
    """
    half = np.asarray(body.size) / 2
    low, high = -half, half
    if body.shape == "mesh":
        low, high = body.mesh.vertices.min(axis=0), body.mesh.vertices.max(axis=0)
    counts = np.ceil((high - low) / spacing).astype(int) + 2 * MARGIN + 1
    origin = (low + high) / 2 - (counts - 1) * spacing / 2
    axes = [origin[axis] + spacing * np.arange(counts[axis]) for axis in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    if body.shape == "mesh":
        vertices, faces = np.asarray(body.mesh.vertices, np.float64), np.asarray(body.mesh.faces, np.int32)
        distance = _mesh(points.tobytes(), points.shape[:3], spacing, vertices.tobytes(), faces.tobytes())
    elif body.shape in _PRIMITIVES:
        distance = _PRIMITIVES[body.shape](points, half)
    else:
        known = ", ".join([*_PRIMITIVES, "mesh"])
        raise ValueError(f"Body {body.name}: expected a shape out of {known}, got '{body.shape}'")
    return DistanceField(distance.astype(np.float32), (origin[0], origin[1], origin[2]), spacing)


def _sphere(points: Float64, half: Float64) -> Float64:
    distance: Float64 = np.linalg.norm(points, axis=-1) - half[0]
    return distance


def _box(points: Float64, half: Float64) -> Float64:
    return _intersection(np.abs(points) - half)


def _cylinder(points: Float64, half: Float64) -> Float64:
    radial = np.linalg.norm(points[..., :2], axis=-1) - half[0]
    return _intersection(np.stack([radial, np.abs(points[..., 2]) - half[2]], axis=-1))


def _capsule(points: Float64, half: Float64) -> Float64:
    along = np.maximum(np.abs(points[..., 2]) - (half[2] - half[0]), 0.0)
    distance: Float64 = np.sqrt((points[..., :2] ** 2).sum(axis=-1) + along**2) - half[0]
    return distance


def _intersection(excess: Float64) -> Float64:
    """Exact distance of a product of intervals, from the excess over each of them, shape (..., n)."""
    outside = np.linalg.norm(np.maximum(excess, 0.0), axis=-1)
    distance: Float64 = outside + np.minimum(excess.max(axis=-1), 0.0)
    return distance


_PRIMITIVES: dict[str, Callable[[Float64, Float64], Float64]] = {
    "sphere": _sphere,
    "box": _box,
    "cylinder": _cylinder,
    "capsule": _capsule,
}


@wp.kernel(enable_backward=False)  # type: ignore[untyped-decorator]
def _closest(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), reach: float, distance: wp.array(dtype=float)):  # type: ignore[valid-type, no-untyped-def]
    i = wp.tid()
    query = wp.mesh_query_point_no_sign(mesh, points[i], reach)
    nearest = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
    distance[i] = wp.length(points[i] - nearest)


@wp.kernel(enable_backward=False)  # type: ignore[untyped-decorator]
def _side(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), reach: float, sign: wp.array(dtype=float)):  # type: ignore[valid-type, no-untyped-def]
    i = wp.tid()
    sign[i] = wp.mesh_query_point_sign_winding_number(mesh, points[i], reach).sign


@functools.lru_cache(maxsize=16)
def _mesh(points: bytes, shape: tuple[int, ...], spacing: float, vertices: bytes, faces: bytes) -> Float64:
    """Distances from a closed surface at the nodes of a grid of this shape; kept, because a mesh is asked about more
    than once.

    Two neighbours that are both farther than half the spacing lie on the same side. So the winding number, the dear
    part, is asked for at the nodes nearer than that, and once for each region of the others.
    """
    where = np.frombuffer(points).reshape(-1, 3)
    surface = wp.Mesh(
        points=wp.array(np.frombuffer(vertices).reshape(-1, 3), dtype=wp.vec3, device="cpu"),
        indices=wp.array(np.frombuffer(faces, np.int32), dtype=wp.int32, device="cpu"),
        support_winding_number=True,
    )

    def asked(kernel: wp.Kernel, which: Float64) -> Float64:
        told = wp.zeros(len(which), dtype=float, device="cpu")
        inputs = [surface.id, wp.array(which, dtype=wp.vec3, device="cpu"), reach]
        wp.launch(kernel, dim=len(which), inputs=inputs, outputs=[told], device="cpu")
        return np.asarray(told.numpy(), np.float64)

    reach = float(np.ptp(where, axis=0).sum())
    distance = asked(_closest, where)
    region, count = ndimage.label(distance.reshape(shape) > HALF * spacing)
    region = region.reshape(-1)
    _, first = np.unique(region, return_index=True)
    near = np.flatnonzero(region == 0)
    sides = np.zeros(count + 1)
    sides[region[first]] = asked(_side, where[first])
    sign = sides[region]
    sign[near] = asked(_side, where[near])
    signed: Float64 = (sign * distance).reshape(shape)
    return signed
