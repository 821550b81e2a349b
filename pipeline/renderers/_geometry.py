"""What rays can meet, as kernel arguments: bodies, ground, container, grains, liquid."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from pipeline.renderers._clouds import Clouds
from pipeline.renderers._textures import Texture, texture
from pipeline.types import Float32, Float64, Mesh, Scene

wp.config.log_level = wp.LOG_ERROR


@wp.struct
class Bodies:
    """Rigid bodies: what stays, and the pose at one time."""

    count: int
    mesh: wp.array[wp.uint64]
    """Acceleration structures in the bodies' frames."""
    first_face: wp.array[int]
    corner_normal: wp.array[wp.vec3]
    """Smooth normals, three a face, all bodies one after the other."""
    radius: wp.array[float]
    """Bounding spheres around the centres of mass [m]."""
    extent: wp.array[wp.vec3]
    """Half the size along the bodies' axes [m]."""
    texture: wp.array[Texture]
    position: wp.array[wp.vec3]
    orientation: wp.array[wp.quat]


@wp.struct
class Room:
    """Ground plane and container."""

    ground: float
    """Height of the ground plane [m]."""
    ground_texture: Texture
    walled: int
    """1 if there is a container."""
    half: wp.vec2
    """Half the inner length and width [m]."""
    height: float
    wall: float
    wall_texture: Texture


@wp.struct
class Grains:
    """Spheres in a uniform grid, and the shape of the bed that they make up."""

    count: int
    lower: wp.vec3
    cell: float
    """Edge of a grid cell [m]."""
    size: wp.vec3i
    """Cells along each axis."""
    first: wp.array[int]
    """Where each cell's entries begin, shape (cells + 1,)."""
    sphere: wp.array[wp.vec4]
    """Centre and radius [m] of the spheres that touch a cell, cell after cell."""
    identity: wp.array[int]
    """Grain of each entry: particle * grains per particle + place in the particle."""
    per_particle: int
    albedo: wp.vec3
    tint: wp.array[float]
    """Lightness of each particle's grains against the albedo."""
    bed_lower: wp.vec3
    bed_cell: wp.vec3
    bed: wp.array3d[wp.vec4]
    """Outward normal of the bed and the share of sun light that arrives through the bed, at cell centres."""
    openness: wp.array3d[float]
    """Share of the sky that the bed leaves free."""


@wp.struct
class Liquid:
    """Free surface of a liquid."""

    count: int
    """Triangles."""
    mesh: wp.uint64
    normal: wp.array[wp.vec3]
    """At the vertices, pointing out of the liquid."""
    bulge: wp.array[float]
    """Divergence of the normals at the vertices [1/m]: positive on crests, which gather light below them."""
    tint: wp.array[float]
    """Lightness of the liquid at the vertices against the albedo."""
    index: wp.array[int]
    albedo: wp.vec3
    absorption: wp.vec3
    refractive_index: float


@wp.struct
class Geometry:
    """Everything at one time."""

    bodies: Bodies
    room: Room
    grains: Grains
    liquid: Liquid


@dataclass(frozen=True)
class Frame:
    """The geometry at one time, with what keeps it alive and what flow is computed from."""

    geometry: Geometry
    position: Float64
    """Bodies' centres of mass [m], (B, 3)."""
    orientation: Float64
    """Quaternions (x, y, z, w), (B, 4)."""
    particles: Float32
    """[m], (N, 3)."""
    clouds: Clouds | None
    """Grains around the particles, if there are any."""
    owned: tuple[object, ...]
    """Objects that the geometry points into."""


def corner_normals(mesh: Mesh, crease: float = 0.7) -> Float64:
    """Normals at the three corners of each face, shape (F, 3, 3): smooth over edges flatter than `crease` [rad].

    A corner's normal is the mean of the normals of the faces around its vertex, weighted by their area, over the
    faces that turn less than `crease` from its own: round things look round and boxes keep their edges.
    """
    corners = mesh.vertices[mesh.faces]
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-30)
    # Vertices at the same place are one vertex: some meshes store a copy for each face.
    _, merged = np.unique(np.round(mesh.vertices, 9), axis=0, return_inverse=True)
    vertex = merged.reshape(-1)[mesh.faces].reshape(-1)
    order = np.argsort(vertex, kind="stable")
    sizes = np.bincount(vertex)
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    # All ordered pairs of corners that share a vertex.
    repeats = sizes[vertex[order]]
    mine = np.repeat(order, repeats)
    offset = np.arange(len(mine)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    other = order[np.repeat(starts[vertex[order]], repeats) + offset]
    close = np.einsum("ij,ij->i", unit[mine // 3], unit[other // 3]) > np.cos(crease)
    total = np.zeros((len(vertex), 3))
    np.add.at(total, mine[close], weighted[other[close] // 3])
    length = np.linalg.norm(total, axis=1, keepdims=True)
    smooth = np.where(length > 1e-30, total / np.maximum(length, 1e-30), np.repeat(unit, 3, axis=0))
    return smooth.reshape(-1, 3, 3)


def wp_mesh(vertices: NDArray[np.floating], faces: NDArray[np.integer], device: str) -> wp.Mesh:
    """A bounding volume hierarchy over triangles."""
    return wp.Mesh(
        points=wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=device),
        indices=wp.array(np.ascontiguousarray(faces, np.int32).reshape(-1), dtype=int, device=device),
    )


def bodies(scene: Scene, device: str) -> tuple[Bodies, list[wp.Mesh]]:
    """The scene's bodies without poses, and the meshes to keep alive."""
    made = Bodies()
    made.count = len(scene.bodies)
    meshes = [wp_mesh(body.mesh.vertices, body.mesh.faces, device) for body in scene.bodies]
    faces = [0, *(len(body.mesh.faces) for body in scene.bodies)]
    normals = [corner_normals(body.mesh).reshape(-1, 3) for body in scene.bodies]
    made.mesh = wp.array([mesh.id for mesh in meshes], dtype=wp.uint64, device=device)
    made.first_face = wp.array(np.cumsum(faces)[:-1], dtype=int, device=device)
    made.corner_normal = wp.array(np.concatenate([*normals, np.zeros((0, 3))]), dtype=wp.vec3, device=device)
    reach = [float(np.linalg.norm(body.mesh.vertices, axis=1).max()) * 1.0001 for body in scene.bodies]
    made.radius = wp.array(reach, dtype=float, device=device)
    extent = [np.abs(body.mesh.vertices).max(axis=0) for body in scene.bodies]
    made.extent = wp.array(np.array(extent).reshape(-1, 3), dtype=wp.vec3, device=device)
    made.texture = wp.array([texture(body.surface) for body in scene.bodies], dtype=Texture, device=device)
    return made, meshes


def posed(still: Bodies, position: Float64, orientation: Float64, device: str) -> Bodies:
    """The bodies at one time."""
    made = Bodies()
    for name in ("count", "mesh", "first_face", "corner_normal", "radius", "extent", "texture"):
        setattr(made, name, getattr(still, name))
    made.position = wp.array(position, dtype=wp.vec3, device=device)
    made.orientation = wp.array(orientation, dtype=wp.quat, device=device)
    return made


def room(scene: Scene) -> Room:
    """Ground and container of the scene."""
    made = Room()
    made.ground = scene.ground_height
    made.ground_texture = texture(scene.ground)
    made.wall_texture = texture(scene.ground)
    if scene.container:
        length, width, height = scene.container.inner_size
        made.walled, made.half, made.height = 1, wp.vec2(length / 2, width / 2), height
        made.wall = scene.container.wall
        made.wall_texture = texture(scene.container.surface)
    return made


def rotation_matrices(orientation: Float64) -> Float64:
    """Unit quaternions (x, y, z, w), shape (..., 4), as matrices, shape (..., 3, 3)."""
    x, y, z, w = np.moveaxis(orientation / np.linalg.norm(orientation, axis=-1, keepdims=True), -1, 0)
    rows: Sequence[Sequence[Float64]] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
