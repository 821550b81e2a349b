"""Particles to faces and back: affine particle-in-cell (APIC) on a staggered grid.

Jiang, Schroeder, Selle, Teran, Stomakhin (2015), 'The affine particle-in-cell method', section 5.3 (MAC grids).
Component a of the velocity lives on the faces with normal a; face (a, i, j, k) is the lower one of cell (i, j, k).
Trilinear weights; beyond the outermost faces the field is constant (free slip).
"""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def"

from __future__ import annotations

import warp as wp

from pipeline.simulators._liquid_bodies import Grid, Shape, way_out

wp.config.quiet = True
wp.set_module_options({"enable_backward": False})

WALL_GAP = wp.constant(0.02)
"""Particles keep this distance from walls [cells]."""
UNKNOWN = wp.constant(1.0e30)
"""Stands for the velocity of a face that no particle reached [m/s]."""


@wp.func
def clamp_index(i: int, count: int):
    """The nearest index that exists."""
    return wp.min(wp.max(i, 0), count - 1)


@wp.func
def to_grid(grid: Grid, point: wp.vec3):
    """Coordinates in cells, counted from the lower corner."""
    return wp.cw_div(point - grid.low, grid.cell)


@wp.kernel
def scatter(
    grid: Grid,
    share: float,
    position: wp.array(dtype=wp.vec3),
    velocity: wp.array(dtype=wp.vec3),
    gradient: wp.array(dtype=wp.mat33),
    momentum: wp.array4d(dtype=float),
    mass: wp.array4d(dtype=float),
    filled: wp.array3d(dtype=float),
):
    """Adds each particle's affine velocity to the faces (mass in particles) and its `share` of a cell to the cells."""
    p = wp.tid()
    g = to_grid(grid, position[p])
    if g[2] >= float(grid.shape[2]):
        return
    for a in range(3):
        offset = wp.vec3(0.5, 0.5, 0.5)
        offset[a] = 0.0
        counts = grid.shape
        counts[a] = counts[a] + 1
        b = g - offset
        i0 = int(wp.floor(b[0]))
        j0 = int(wp.floor(b[1]))
        k0 = int(wp.floor(b[2]))
        f = b - wp.vec3(float(i0), float(j0), float(k0))
        row = wp.cw_mul(gradient[p][a], grid.cell)
        for s in range(2):
            i = clamp_index(i0 + s, counts[0])
            wx = wp.where(s == 0, 1.0 - f[0], f[0])
            for t in range(2):
                j = clamp_index(j0 + t, counts[1])
                wxy = wx * wp.where(t == 0, 1.0 - f[1], f[1])
                for u in range(2):
                    k = clamp_index(k0 + u, counts[2])
                    w = wxy * wp.where(u == 0, 1.0 - f[2], f[2])
                    away = wp.vec3(float(i), float(j), float(k)) - b
                    wp.atomic_add(mass, a, i, j, k, w)
                    wp.atomic_add(momentum, a, i, j, k, w * (velocity[p][a] + wp.dot(row, away)))
    b = g - wp.vec3(0.5, 0.5, 0.5)
    i0 = int(wp.floor(b[0]))
    j0 = int(wp.floor(b[1]))
    k0 = int(wp.floor(b[2]))
    f = b - wp.vec3(float(i0), float(j0), float(k0))
    for s in range(2):
        i = clamp_index(i0 + s, grid.shape[0])
        wx = share * wp.where(s == 0, 1.0 - f[0], f[0])
        for t in range(2):
            j = clamp_index(j0 + t, grid.shape[1])
            wxy = wx * wp.where(t == 0, 1.0 - f[1], f[1])
            for u in range(2):
                k = clamp_index(k0 + u, grid.shape[2])
                wp.atomic_add(filled, i, j, k, wxy * wp.where(u == 0, 1.0 - f[2], f[2]))


@wp.func
def component_at(field: wp.array4d(dtype=float), grid: Grid, grip: float, g: wp.vec3, a: int):
    """Component a at grid coordinates g, and its gradient per cell: (value, d/dx, d/dy, d/dz). Between the outermost
    faces and the wall beside them it falls to zero with `grip` 1, and is constant with `grip` 0."""
    offset = wp.vec3(0.5, 0.5, 0.5)
    offset[a] = 0.0
    counts = grid.shape
    counts[a] = counts[a] + 1
    b = g - offset
    i0 = int(wp.floor(b[0]))
    j0 = int(wp.floor(b[1]))
    k0 = int(wp.floor(b[2]))
    f = b - wp.vec3(float(i0), float(j0), float(k0))
    i1 = clamp_index(i0 + 1, counts[0])
    j1 = clamp_index(j0 + 1, counts[1])
    k1 = clamp_index(k0 + 1, counts[2])
    i0 = clamp_index(i0, counts[0])
    j0 = clamp_index(j0, counts[1])
    k0 = clamp_index(k0, counts[2])
    q000 = field[a, i0, j0, k0]
    q001 = field[a, i0, j0, k1]
    q010 = field[a, i0, j1, k0]
    q011 = field[a, i0, j1, k1]
    q100 = field[a, i1, j0, k0]
    q101 = field[a, i1, j0, k1]
    q110 = field[a, i1, j1, k0]
    q111 = field[a, i1, j1, k1]
    q00 = wp.lerp(q000, q001, f[2])
    q01 = wp.lerp(q010, q011, f[2])
    q10 = wp.lerp(q100, q101, f[2])
    q11 = wp.lerp(q110, q111, f[2])
    q0 = wp.lerp(q00, q01, f[1])
    q1 = wp.lerp(q10, q11, f[1])
    dz0 = wp.lerp(q001 - q000, q011 - q010, f[1])
    dz1 = wp.lerp(q101 - q100, q111 - q110, f[1])
    own = wp.vec4(wp.lerp(q0, q1, f[0]), q1 - q0, wp.lerp(q01 - q00, q11 - q10, f[0]), wp.lerp(dz0, dz1, f[0]))
    for axis in range(3):
        if axis != a:
            beyond = -b[axis]
            if axis < 2:
                beyond = wp.max(beyond, b[axis] - float(counts[axis] - 1))
            if grip > 0.0 and beyond > 0.0:
                slope = 2.0 * own[0] * grip * wp.where(b[axis] < 0.0, 1.0, -1.0)
                own *= 1.0 - grip * wp.min(2.0 * beyond, 1.0)
                own[axis + 1] = slope
    return own


@wp.func
def velocity_at(field: wp.array4d(dtype=float), grid: Grid, grip: float, point: wp.vec3):
    """Velocity [m/s] at a point [m]."""
    g = to_grid(grid, point)
    u = component_at(field, grid, grip, g, 0)
    v = component_at(field, grid, grip, g, 1)
    w = component_at(field, grid, grip, g, 2)
    return wp.vec3(u[0], v[0], w[0])


@wp.func
def rebuffed(velocity: wp.vec3, out: wp.vec3, motion: wp.spatial_vector, lever: wp.vec3):
    """A velocity without what of it runs into a body against the way `out`; the body's surface moves with `motion`,
    `lever` away from the centre of mass."""
    normal = wp.normalize(out)
    surface = wp.spatial_top(motion) + wp.cross(wp.spatial_bottom(motion), lever)
    return velocity - wp.min(wp.dot(velocity - surface, normal), 0.0) * normal


@wp.kernel
def gather(
    grid: Grid,
    field: wp.array4d(dtype=float),
    before: wp.array4d(dtype=float),
    keep: float,
    grip: float,
    shapes: wp.array(dtype=Shape),
    poses: wp.array(dtype=wp.transform),
    motion: wp.array(dtype=wp.spatial_vector),
    samples: wp.array(dtype=float),
    gravity: wp.vec3,
    dt: float,
    position: wp.array(dtype=wp.vec3),
    velocity: wp.array(dtype=wp.vec3),
    gradient: wp.array(dtype=wp.mat33),
):
    """Faces to particles, midpoint advection, out of bodies and walls; above the grid particles fly freely."""
    p = wp.tid()
    x = position[p]
    g = to_grid(grid, x)
    if g[2] < float(grid.shape[2]):
        u = component_at(field, grid, grip, g, 0)
        v = component_at(field, grid, grip, g, 1)
        w = component_at(field, grid, grip, g, 2)
        c = grid.cell
        seen = wp.vec3(u[0], v[0], w[0])
        own = velocity[p] + seen - velocity_at(before, grid, grip, x)
        velocity[p] = wp.where(wp.max(wp.abs(own)) < 1.0e6, wp.lerp(seen, own, keep), seen)
        gradient[p] = wp.matrix_from_rows(
            wp.vec3(u[1] / c[0], u[2] / c[1], u[3] / c[2]),
            wp.vec3(v[1] / c[0], v[2] / c[1], v[3] / c[2]),
            wp.vec3(w[1] / c[0], w[2] / c[1], w[3] / c[2]),
        )
        middle = x + 0.5 * dt * seen
        if to_grid(grid, middle)[2] < float(grid.shape[2]):
            x += dt * velocity_at(field, grid, grip, middle)
        else:
            x += dt * seen
    else:
        x += dt * (velocity[p] + 0.5 * dt * gravity)
        velocity[p] = velocity[p] + dt * gravity
    for b in range(shapes.shape[0]):
        out = way_out(samples, shapes[b], poses[b], x)
        if wp.length(out) > 0.0:
            if grip > 0.0 and g[2] < float(grid.shape[2]):
                velocity[p] = velocity_at(field, grid, grip, x)
            else:
                velocity[p] = rebuffed(velocity[p], out, motion[b], x - wp.transform_get_translation(poses[b]))
        x += out
    gap = WALL_GAP * grid.cell
    high = grid.low + wp.cw_mul(wp.vec3(float(grid.shape[0]), float(grid.shape[1]), 1.0e9), grid.cell)
    position[p] = wp.max(wp.min(x, high - gap), grid.low + gap)


@wp.kernel
def find_deep(
    grid: Grid, filled: wp.array3d(dtype=float), position: wp.array(dtype=wp.vec3), deep: wp.array(dtype=float)
):
    """1 for particles in cells that are more than half full of liquid, 0 for spray."""
    p = wp.tid()
    g = to_grid(grid, position[p])
    i = clamp_index(int(g[0]), grid.shape[0])
    j = clamp_index(int(g[1]), grid.shape[1])
    k = int(g[2])
    deep[p] = 0.0
    if k < grid.shape[2]:
        deep[p] = wp.where(filled[i, j, k] > 0.5, 1.0, 0.0)


@wp.kernel
def push(change: wp.vec3, chosen: wp.array(dtype=float), velocity: wp.array(dtype=wp.vec3)):
    """Adds the same velocity [m/s] to the chosen particles."""
    p = wp.tid()
    velocity[p] = velocity[p] + chosen[p] * change
