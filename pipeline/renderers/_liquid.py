"""Liquids: the free surface around the particles, and how its points move."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc, assignment"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pysplashsurf
import warp as wp
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from pipeline.renderers._geometry import Bodies, Liquid, wp_mesh
from pipeline.types import Bool, Container, Float32, Float64, Medium

REACH = 2.25
"""Radius of the fit [spacings]: half a ball of it, as at a surface, holds about 24 particles."""

_MIRROR = 2.75
"""Depth [spacings] of the mirrored particles: 2 is the reach of the density that the surface is a level of, the rest
keeps the rim of the mirrored part, which is rounded, away from the walls."""


LEVEL = 0.55
"""Share of the rest density at the surface: puts that of a still liquid half a spacing above its top particles."""


@wp.kernel(enable_backward=False)
def _mirror(
    bodies: Bodies, particles: wp.array[wp.vec3], depth: float, image: wp.array[wp.vec3], found: wp.array[int]
) -> None:
    """Mirrors particles closer than `depth` to a body in its surface; the first body in reach wins."""
    i = wp.tid()
    for index in range(bodies.count):
        turn = bodies.orientation[index]
        local = wp.quat_rotate_inv(turn, particles[i] - bodies.position[index])
        if found[i] == 0 and wp.length(local) < bodies.radius[index] + depth:
            query = wp.mesh_query_point_sign_normal(bodies.mesh[index], local, depth)
            if query.result and query.sign > 0.0:
                foot = wp.mesh_eval_position(bodies.mesh[index], query.face, query.u, query.v)
                image[i] = bodies.position[index] + wp.quat_rotate(turn, foot * 2.0 - local)
                found[i] = 1


def _beyond_bodies(particles: Float32, posed: Bodies, depth: float, device: str) -> Float32:
    """Mirror images of the particles in the surfaces of the bodies."""
    where = wp.array(particles, dtype=wp.vec3, device=device)
    image, found = wp.zeros_like(where), wp.zeros(len(particles), dtype=int, device=device)
    wp.launch(_mirror, dim=len(particles), inputs=[posed, where, depth, image, found], device=device)
    return np.asarray(image.numpy()[found.numpy() == 1])


def _beyond_walls(particles: Float32, container: Container, depth: float) -> Float32:
    """The particles and their mirror images in the four walls and the floor."""
    length, width, _ = container.inner_size
    for axis, side, wall in (
        (0, 1, length / 2),
        (0, -1, length / 2),
        (1, 1, width / 2),
        (1, -1, width / 2),
        (2, -1, 0),
    ):
        away = wall - side * particles[:, axis]
        image = particles[(away < depth) & (away > 0.0)].copy()
        image[:, axis] = 2 * side * wall - image[:, axis]
        particles = np.concatenate([particles, image])
    return particles


@dataclass(frozen=True)
class _Air:
    """Coarse cells without particles, air or body, which the surface cannot be far from."""

    lower: Float64
    cell: float
    """[m]"""
    free: Bool
    """(nx, ny, nz)"""

    def near(self, points: Float32, cells: int) -> Bool:
        """Whether points, shape (M, 3), lie in a free cell or within `cells` of one."""
        reach = ndimage.binary_dilation(self.free, np.ones((3, 3, 3)), iterations=cells)
        index = np.clip(((points - self.lower) / self.cell).astype(int), 0, np.array(reach.shape) - 1)
        return np.asarray(reach[tuple(index.T)])


def _air(particles: Float32, spacing: float, container: Container | None) -> _Air:
    """Finds the empty cells of 1.5 spacings; what lies behind the container's walls and floor is not air."""
    cell = 1.5 * spacing
    lower = particles.min(axis=0).astype(np.float64) - cell
    size = np.minimum((particles.max(axis=0) + cell - lower) / cell, 256).astype(int) + 1
    index = np.clip(((particles - lower) / cell).astype(int), 0, size - 1)
    free = np.ones(size, np.bool_)
    free[tuple(index.T)] = False
    if container:
        x, y, z = (lower[axis] + cell * (np.arange(size[axis]) + 0.5) for axis in range(3))
        free[np.abs(x) > container.inner_size[0] / 2] = False
        free[:, np.abs(y) > container.inner_size[1] / 2] = False
        free[:, :, z < 0.0] = False
    return _Air(lower, cell, free)


def _in_order(vertices: Float32, faces: NDArray[np.int32]) -> tuple[Float32, NDArray[np.int32]]:
    """The same triangles, with the vertices in use sorted by place and the faces by vertex.

    pysplashsurf makes the same triangles in every run but lists them as its threads come (it starts some even when it
    is told not to), and sums over neighbours would differ in their last bits.
    """
    used = np.unique(faces)
    order = used[np.lexsort(vertices[used].T)]
    number = np.zeros(len(vertices), np.int32)
    number[order] = np.arange(len(order))
    faces = number[faces]
    turn = (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3
    faces = np.take_along_axis(faces, turn, axis=1)
    return vertices[order], faces[np.lexsort(faces.T[::-1])]


def _crowd(particles: Float32, spacing: float, points: Float32) -> Float64:
    """How many particles are in the 3 x 3 x 3 cells of 1.5 spacings around each point, 91 in the bulk, shape (M,)."""
    cell = 1.5 * spacing
    lower = particles.min(axis=0) - 2 * cell
    size = np.minimum((particles.max(axis=0) - lower) / cell + 3, 256).astype(int)
    index, where = (np.clip(((p - lower) / cell).astype(int), 0, size - 1) for p in (particles, points))
    count = np.bincount(np.ravel_multi_index(tuple(index.T), tuple(size)), minlength=int(size.prod())).reshape(size)
    around = ndimage.uniform_filter(count.astype(np.float64), 3, mode="constant") * 27
    return np.asarray(around[tuple(where.T)])


def _averaging(faces: NDArray[np.int32], count: int) -> sparse.csr_matrix:
    """The matrix that takes the mean over each vertex's neighbours."""
    starts = np.concatenate([faces, faces], axis=1).reshape(-1)
    ends = np.concatenate([np.roll(faces, -1, axis=1), np.roll(faces, 1, axis=1)], axis=1).reshape(-1)
    linked = sparse.csr_matrix((np.ones(len(starts)), (starts, ends)), shape=(count, count))
    degree = np.diff(linked.indptr)
    linked.data[:] = np.repeat(1.0 / np.maximum(degree, 1), degree)
    return linked


def _vertex_normals(
    vertices: Float64, faces: NDArray[np.int32], averaging: sparse.csr_matrix, rounds: int = 5
) -> Float64:
    """Unit normals at the vertices, shape (V, 3): those of the faces around by area, averaged with the neighbours'."""
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    weighted = np.cross(second - first, third - first)
    shared = [np.bincount(faces.reshape(-1), np.repeat(weighted[:, axis], 3), len(vertices)) for axis in range(3)]
    normals = np.stack(shared, axis=1).astype(np.float64)
    for _ in range(rounds):
        normals = _unit(normals)
        normals = normals + 2.0 * (averaging @ normals)
    return _unit(normals)


def _unit(vectors: Float64) -> Float64:
    """Vectors of length 1; (0, 0, 1) for those of none, at triangles that have no area."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-20, vectors / np.maximum(length, 1e-30), (0.0, 0.0, 1.0))


def surface(
    particles: Float32, spacing: float, container: Container | None, posed: Bodies, device: str
) -> tuple[Float32, NDArray[np.int32], Float32]:
    """Vertices (V, 3) [m], faces (F, 3) and vertex normals (V, 3) of the free surface.

    A level of the particles' SPH density (Loeschner et al. 2023; pysplashsurf), smoothed. The particles are mirrored
    in walls, floor and bodies first, so that the surface meets them squarely, and it is cut off at the walls: there
    is no liquid skin between liquid and solid. Particles deep inside are left out, and with them the faces around the
    hollow that this makes.
    """
    air = _air(particles, spacing, container)
    shallow = particles[air.near(particles, 3)]
    shallow = np.concatenate([shallow, _beyond_bodies(shallow, posed, _MIRROR * spacing, device)])
    if container:
        shallow = _beyond_walls(shallow, container, _MIRROR * spacing)
    made, _ = pysplashsurf.reconstruction_pipeline(
        np.ascontiguousarray(shallow, np.float32),
        particle_radius=spacing / 2,
        smoothing_length=2.0,
        cube_size=1.5,
        iso_surface_threshold=LEVEL,
        multi_threading=False,
        subdomain_num_cubes_per_dim=32,
    )
    vertices, faces = np.asarray(made.mesh.vertices, np.float32), np.asarray(made.mesh.triangles, np.int32)
    faces = faces[air.near(vertices[faces].mean(axis=1), 2)]
    if container:
        faces = faces[_inside(vertices, container, 2.0 * spacing)[faces].all(axis=1)]
    vertices, faces = _in_order(vertices, faces)
    # Smoothing spares the small drops, which would vanish.
    weight = 0.7 * np.clip((_crowd(shallow, spacing, vertices) - 8.0) / 24.0, 0.0, 1.0)
    if container:
        # An open rim would shrink.
        weight = weight * _inside(vertices, container, 1.2 * spacing)
    averaging = _averaging(faces, len(vertices))
    moved = vertices.astype(np.float64)
    for _ in range(12):
        moved = moved + weight[:, None] * (averaging @ moved - moved)
    vertices, normals = moved.astype(np.float32), _vertex_normals(moved, faces, averaging).astype(np.float32)
    if container:
        faces = faces[_inside(vertices, container, 0.0)[faces].any(axis=1)]
        half = np.array([container.inner_size[0] / 2, container.inner_size[1] / 2, np.inf], np.float32)
        vertices = np.clip(vertices, np.array([*-half[:2], 0.0], np.float32), half)
    return vertices, faces, normals


def _inside(points: Float32, container: Container, margin: float) -> Bool:
    """Whether points lie between the container's walls and above its floor, or no more than `margin` [m] beyond."""
    length, width, _ = container.inner_size
    near = (np.abs(points[:, 0]) <= length / 2 + margin) & (np.abs(points[:, 1]) <= width / 2 + margin)
    return np.asarray(near & (points[:, 2] >= -margin))


def bulge(vertices: Float32, faces: NDArray[np.int32], normals: Float32) -> Float64:
    """Divergence of the vertex normals along the surface [1/m], shape (V,).

    Along an edge d the normal turns by A d; over edges in all directions d.A.d is half the trace of A times d.d.
    """
    starts, ends = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    along = (vertices[ends] - vertices[starts]).astype(np.float64)
    turn = np.einsum("ij,ij->i", along, normals[ends] - normals[starts])
    squared = np.einsum("ij,ij->i", along, along)
    both = np.concatenate([starts, ends])
    total = np.bincount(both, np.tile(turn, 2), len(vertices))
    return np.asarray(2.0 * total / np.maximum(np.bincount(both, np.tile(squared, 2), len(vertices)), 1e-12))


def carried(points: Float32, particles: Float32, tint: Float32) -> Float32:
    """What the particles carry, shape (N,), at points near them, shape (M,): a mean of the nearest eight, of which the
    farthest counts nothing, so that it changes smoothly as they pass."""
    count = min(8, len(particles))
    distance, index = cKDTree(particles).query(points, np.arange(1, count + 1))
    weight = (1.0 - distance / np.maximum(distance[:, -1:], 1e-12)) ** 2 + 1e-6
    return np.asarray((weight * tint[index]).sum(axis=1) / weight.sum(axis=1), np.float32)


def liquid(
    medium: Medium, vertices: Float32, faces: NDArray[np.int32], normals: Float32, tint: Float32, device: str
) -> tuple[Liquid, wp.Mesh | None]:
    """The surface as a kernel argument, and the mesh to keep alive (None if there is no surface); `tint` (V,) is the
    lightness at the vertices."""
    made = Liquid()
    made.albedo, made.absorption = wp.vec3(*medium.albedo), wp.vec3(*medium.absorption)
    made.refractive_index = medium.refractive_index
    if not len(faces):
        return made, None
    made.normal = wp.array(normals, dtype=wp.vec3, device=device)
    made.bulge = wp.array(bulge(vertices, faces, normals), dtype=float, device=device)
    made.tint = wp.array(tint, dtype=float, device=device)
    made.index = wp.array(faces.reshape(-1), dtype=int, device=device)
    mesh = wp_mesh(vertices, faces, device)
    made.count, made.mesh = len(faces), mesh.id
    return made, mesh


@wp.kernel(enable_backward=False)
def _fit(
    grid: wp.uint64,
    reach: float,
    before: wp.array[wp.vec3],
    after: wp.array2d[wp.vec3],
    points: wp.array[wp.vec3d],
    nearest: wp.array[int],
    displacement: wp.array2d[wp.vec3d],
) -> None:
    """Linear moving least squares of the particles' displacements at one point, in float64."""
    row = wp.tid()
    p = points[row]
    h = wp.float64(reach)
    moments = wp.mat44d()
    first = wp.mat44d()
    second = wp.mat44d()
    best = wp.float64(1.0e30)
    nearest[row] = -1
    centre = wp.vec3(float(p[0]), float(p[1]), float(p[2]))
    query = wp.hash_grid_query(grid, centre, reach)
    for i in query:
        b = before[i]
        offset = wp.vec3d(wp.float64(b[0]), wp.float64(b[1]), wp.float64(b[2])) - p
        squared = wp.dot(offset, offset)
        if squared < h * h:
            if squared < best:
                best = squared
                nearest[row] = i
            q = wp.float64(1.0) - squared / (h * h)
            basis = wp.vec4d(wp.float64(1.0), offset[0] / h, offset[1] / h, offset[2] / h)
            weighted = basis * (q * q * q)
            moments += wp.outer(weighted, basis)
            for side in range(2):
                a = after[side, i]
                move = wp.vec4d(
                    wp.float64(a[0]) - wp.float64(b[0]),
                    wp.float64(a[1]) - wp.float64(b[1]),
                    wp.float64(a[2]) - wp.float64(b[2]),
                    wp.float64(0.0),
                )
                if side == 0:
                    first += wp.outer(weighted, move)
                else:
                    second += wp.outer(weighted, move)
    if nearest[row] < 0:
        return
    # A trace of ridge on the gradient only: flat or few neighbours fall back to their weighted mean.
    ridge = wp.float64(1.0e-5) * moments[0, 0]
    for axis in range(1, 4):
        moments[axis, axis] = moments[axis, axis] + ridge
    solution = wp.inverse(moments)
    weights = wp.vec4d(solution[0, 0], solution[0, 1], solution[0, 2], solution[0, 3])
    one = weights * first
    two = weights * second
    displacement[0, row] = wp.vec3d(one[0], one[1], one[2])
    displacement[1, row] = wp.vec3d(two[0], two[1], two[2])


def displacements(
    points: Float64, now: Float32, others: tuple[Float32, Float32], spacing: float, device: str
) -> tuple[NDArray[np.int32], Float64]:
    """Nearest particle (M,) of each point [m], shape (M, 3), and its displacement [m] to two other times, (2, M, 3).

    Linear moving least squares over the particles within `REACH` spacings (twice as far where there are none): exact
    for affine motion. A point without particles in reach has nearest -1 and does not move.
    """
    before = wp.array(now, dtype=wp.vec3, device=device)
    after = wp.array(np.stack(others), dtype=wp.vec3, device=device)
    nearest, moved = np.full(len(points), -1, np.int32), np.zeros((2, len(points), 3))
    for reach in (REACH * spacing, 2 * REACH * spacing):
        left = np.flatnonzero(nearest < 0)
        if not len(left):
            break
        grid = wp.HashGrid(48, 48, 48, device=device)
        grid.build(before, reach)
        found = wp.empty(len(left), dtype=int, device=device)
        fitted = wp.zeros((2, len(left)), dtype=wp.vec3d, device=device)
        where = wp.array(points[left], dtype=wp.vec3d, device=device)
        inputs = [grid.id, reach, before, after, where, found, fitted]
        wp.launch(_fit, dim=len(left), inputs=inputs, device=device)
        nearest[left], moved[:, left] = found.numpy(), fitted.numpy()
    return nearest, moved
