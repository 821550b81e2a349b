"""Bodies as the liquid's grid sees them: solid shares of faces and cells, and the way out of a body."""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def"

from __future__ import annotations

import warp as wp

wp.config.quiet = True
wp.set_module_options({"enable_backward": False})

SEEP = wp.constant(0.1)
"""Share of a face beside the floor that stays open under a free body: contact never seals water out. Led bodies may
be walls, and do."""

SHUT = wp.constant(0.01)
"""A face with a smaller open share lets nothing through."""


@wp.struct
class Grid:
    """Cells of a staggered grid; the container's floor and walls are faces of it."""

    low: wp.vec3  # lower corner [m]
    cell: wp.vec3  # edges of a cell [m]
    shape: wp.vec3i  # number of cells


@wp.struct
class Shape:
    """Where one body's distance field lies within the common array of samples."""

    offset: int  # of its samples
    counts: wp.vec3i
    origin: wp.vec3  # node (0, 0, 0) [m], body frame
    spacing: float  # [m]


@wp.func
def distance_at(samples: wp.array(dtype=float), shape: Shape, point: wp.vec3):
    """Signed distance of a point [m, body frame] from a body, trilinear; beyond the samples a lower bound."""
    g = (point - shape.origin) / shape.spacing
    n = shape.counts
    top = wp.vec3(float(n[0] - 1), float(n[1] - 1), float(n[2] - 1))
    c = wp.max(wp.min(g, top), wp.vec3(0.0))
    i = wp.min(int(c[0]), n[0] - 2)
    j = wp.min(int(c[1]), n[1] - 2)
    k = wp.min(int(c[2]), n[2] - 2)
    f = c - wp.vec3(float(i), float(j), float(k))
    a = shape.offset + (i * n[1] + j) * n[2] + k
    b = a + n[1] * n[2]
    v00 = wp.lerp(samples[a], samples[a + 1], f[2])
    v01 = wp.lerp(samples[a + n[2]], samples[a + n[2] + 1], f[2])
    v10 = wp.lerp(samples[b], samples[b + 1], f[2])
    v11 = wp.lerp(samples[b + n[2]], samples[b + n[2] + 1], f[2])
    return wp.lerp(wp.lerp(v00, v01, f[1]), wp.lerp(v10, v11, f[1]), f[0]) + wp.length(g - c) * shape.spacing


@wp.func
def way_out(samples: wp.array(dtype=float), shape: Shape, pose: wp.transform, point: wp.vec3):
    """Displacement [m, world] that takes a point inside a body to its surface; zero outside."""
    local = wp.transform_point(wp.transform_inverse(pose), point)
    inside = distance_at(samples, shape, local)
    out = wp.vec3(0.0)
    if inside < 0.0:
        h = 0.5 * shape.spacing
        x = wp.vec3(h, 0.0, 0.0)
        y = wp.vec3(0.0, h, 0.0)
        z = wp.vec3(0.0, 0.0, h)
        normal = wp.normalize(
            wp.vec3(
                distance_at(samples, shape, local + x) - distance_at(samples, shape, local - x),
                distance_at(samples, shape, local + y) - distance_at(samples, shape, local - y),
                distance_at(samples, shape, local + z) - distance_at(samples, shape, local - z),
            )
        )
        out = wp.transform_vector(pose, -inside * normal)
    return out


@wp.func
def hat_share(d: float):
    """Share of a hat kernel (half width 1) that lies below a plane at height d above its centre."""
    d = wp.clamp(d, -1.0, 1.0)
    if d < 0.0:
        return 0.5 * (1.0 + d) * (1.0 + d)
    return 1.0 - 0.5 * (1.0 - d) * (1.0 - d)


@wp.func
def solid_share(
    samples: wp.array(dtype=float), shape: Shape, inverse: wp.transform, grid: Grid, face: wp.vec3, axis: int
):
    """Share of a face that a body covers, from 4 x 4 samples with a step smoothed over a sample's width.

    They alternate a quarter of a cell before and behind the face: the shares add up to the body's volume.
    """
    one = (axis + 1) % 3
    two = (axis + 2) % 3
    width = 0.25 * wp.max(grid.cell)
    share = 0.0
    for s in range(4):
        for t in range(4):
            point = face
            point[axis] = face[axis] + (0.5 * float((s + t) % 2) - 0.25) * grid.cell[axis]
            point[one] = face[one] + (0.25 * float(s) - 0.375) * grid.cell[one]
            point[two] = face[two] + (0.25 * float(t) - 0.375) * grid.cell[two]
            share += wp.clamp(0.5 - distance_at(samples, shape, wp.transform_point(inverse, point)) / width, 0.0, 1.0)
    return share / 16.0


@wp.kernel
def cover(
    grid: Grid,
    body: int,
    first: wp.vec3i,
    seep: float,
    shapes: wp.array(dtype=Shape),
    poses: wp.array(dtype=wp.transform),
    samples: wp.array(dtype=float),
    solid: wp.array4d(dtype=float),
    open_face: wp.array4d(dtype=float),
    open_cell: wp.array3d(dtype=float),
):
    """Solid shares of the faces around one body, shape (3, mx, my, mz) from cell `first` on; takes them from the open
    shares. On the floor's faces, which are shut anyway, the share of the half cell above them is kept instead. Beside
    the floor a share of `seep` stays open."""
    i, j, k = wp.tid()
    shape = shapes[body]
    inverse = wp.transform_inverse(poses[body])
    cell = first + wp.vec3i(i, j, k)
    corner = grid.low + wp.cw_mul(wp.vec3(float(cell[0]), float(cell[1]), float(cell[2])), grid.cell)
    centre = corner + 0.5 * grid.cell
    distance = distance_at(samples, shape, wp.transform_point(inverse, centre))
    reach = wp.max(grid.cell)
    within = bool(True)  # noqa: UP018 (a variable in warp, where a literal is a constant)
    for axis in range(3):
        if cell[axis] < 0 or cell[axis] > grid.shape[axis]:
            within = False
    for axis in range(3):
        share = float(0.0)  # noqa: UP018
        floor = axis == 2 and cell[2] == 0
        if distance < reach:
            face = centre
            face[axis] = corner[axis]
            if floor:
                face[axis] = corner[axis] + 0.25 * grid.cell[axis]
            share = solid_share(samples, shape, inverse, grid, face, axis)
        if axis < 2 and cell[2] == 0:
            share = wp.min(share, 1.0 - seep)
        if within and not floor:
            # Walls and bodies counted before leave less to cover.
            room = open_face[axis, cell[0], cell[1], cell[2]]
            share = wp.where(room - share < SHUT, room, share)
            open_face[axis, cell[0], cell[1], cell[2]] = room - share
        solid[axis, i, j, k] = share
    if within and cell[0] < grid.shape[0] and cell[1] < grid.shape[1] and cell[2] < grid.shape[2]:
        open_cell[cell[0], cell[1], cell[2]] *= hat_share(distance / reach)
