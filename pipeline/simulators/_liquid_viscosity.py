"""Viscous stress of the liquid on the grid of faces, kernels: what it resists, what it pushes.

Batty & Bridson (2008), 'Accurate viscous free surfaces for buckling, coiling, and rotating liquids': the step minimises
kinetic energy of the change plus dissipation, so that a free surface feels no stress and a rigid rotation costs
nothing. Beyond their paper, a difference across the surface of a body or wall counts the true distance to it (ghost
fluid), in the gradient and in the volume. All in units of a cell's mass: `viscosity` is nu dt [m^2] x liquid share.
"""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def"

from __future__ import annotations

import warp as wp

from pipeline.simulators._liquid_bodies import Grid, Shape, distance_at
from pipeline.simulators._liquid_surface import height_of

wp.config.quiet = True
wp.set_module_options({"enable_backward": False})

NEAREST = wp.constant(0.1)
"""Least distance from a face to the surface of a body [cells]."""


@wp.func
def step_to(index: wp.vec3i, axis: int, by: int):
    """The index `by` further along an axis."""
    moved = index
    moved[axis] = moved[axis] + by
    return moved


@wp.kernel
def classify(
    grid: Grid,
    shapes: wp.array(dtype=Shape),
    poses: wp.array(dtype=wp.transform),
    samples: wp.array(dtype=float),
    distance: wp.array4d(dtype=float),
    owner: wp.array4d(dtype=int),
):
    """Signed distance of the faces' centres from the nearest body [m], and which that is."""
    a, i, j, k = wp.tid()
    place = wp.vec3(float(i) + 0.5, float(j) + 0.5, float(k) + 0.5)
    place[a] = place[a] - 0.5
    point = grid.low + wp.cw_mul(place, grid.cell)
    least = float(1.0e9)  # noqa: UP018 (a variable in warp, where a literal is a constant)
    for b in range(shapes.shape[0]):
        d = distance_at(samples, shapes[b], wp.transform_point(wp.transform_inverse(poses[b]), point))
        if d < least:
            least = d
            owner[a, i, j, k] = b
    distance[a, i, j, k] = least


@wp.func
def reach(distance: wp.array4d(dtype=float), grid: Grid, a: int, lower: wp.vec3i, along: int):
    """Between component a's faces `lower` and the next one: distance at which the velocities count [cells]. A wall is
    half a cell from the faces beside it."""
    upper = step_to(lower, along, 1)
    counts = grid.shape
    counts[a] = counts[a] + 1
    if lower[along] < 0 or upper[along] >= counts[along]:
        return 0.5
    one = distance[a, lower[0], lower[1], lower[2]]
    two = distance[a, upper[0], upper[1], upper[2]]
    if one < 0.0 and two >= 0.0:
        return wp.clamp(two / (two - one), NEAREST, 1.0)
    if two < 0.0 and one >= 0.0:
        return wp.clamp(one / (one - two), NEAREST, 1.0)
    return 1.0


@wp.func
def slope(
    field: wp.array4d(dtype=float),
    distance: wp.array4d(dtype=float),
    grid: Grid,
    a: int,
    lower: wp.vec3i,
    along: int,
):
    """Derivative of component a between the faces `lower` and the next one [1/s]; walls stand still."""
    upper = step_to(lower, along, 1)
    counts = grid.shape
    counts[a] = counts[a] + 1
    difference = float(0.0)  # noqa: UP018
    if lower[along] >= 0:
        difference -= field[a, lower[0], lower[1], lower[2]]
    if upper[along] < counts[along]:
        difference += field[a, upper[0], upper[1], upper[2]]
    return difference / (reach(distance, grid, a, lower, along) * grid.cell[along])


@wp.kernel
def stick(
    grid: Grid,
    poses: wp.array(dtype=wp.transform),
    motion: wp.array(dtype=wp.spatial_vector),
    distance: wp.array4d(dtype=float),
    owner: wp.array4d(dtype=int),
    mirror: float,
    field: wp.array4d(dtype=float),
):
    """Faces inside a body get its velocity, or those beside the liquid, with `mirror` 1, what makes the field,
    interpolated, the body's own on its surface. Unknown ones stay unknown."""
    a, i, j, k = wp.tid()
    if distance[a, i, j, k] >= 0.0:
        return
    index = wp.vec3i(i, j, k)
    counts = grid.shape
    counts[a] = counts[a] + 1
    place = wp.vec3(float(i) + 0.5, float(j) + 0.5, float(k) + 0.5)
    place[a] = place[a] - 0.5
    b = owner[a, i, j, k]
    lever = grid.low + wp.cw_mul(place, grid.cell) - wp.transform_get_translation(poses[b])
    surface = (wp.spatial_top(motion[b]) + wp.cross(wp.spatial_bottom(motion[b]), lever))[a]
    total = float(0.0)  # noqa: UP018
    count = float(0.0)  # noqa: UP018
    for n in range(6):
        next = step_to(index, n // 2, 2 * (n % 2) - 1)
        exists = next[0] >= 0 and next[1] >= 0 and next[2] >= 0 and next[n // 2] < counts[n // 2]
        if exists and next[2] < distance.shape[3]:  # noqa: SIM102 (warp evaluates both sides of an `and`)
            if distance[a, next[0], next[1], next[2]] >= 0.0:
                own = field[a, next[0], next[1], next[2]]
                near = reach(distance, grid, a, wp.min(index, next), n // 2)
                if wp.abs(own) < 1.0e6:
                    total += surface + mirror * (surface - own) * wp.min(1.0 / near - 1.0, 1.0)
                    count += 1.0
    if count > 0.0:
        field[a, i, j, k] = total / count
    elif wp.abs(field[a, i, j, k]) < 1.0e6:
        field[a, i, j, k] = surface


@wp.func
def pair(edge: int):
    """The two axes across an edge: 0 is along z (x, y), 1 along y (x, z), 2 along x (y, z)."""
    return wp.vec2i(wp.where(edge == 2, 1, 0), wp.where(edge == 0, 1, 2))


@wp.func
def edge_exists(grid: Grid, layers: int, edge: int, index: wp.vec3i):
    """Whether there is an edge at an index of the faces' array, below the highest layer."""
    along = 2 - edge
    return index[along] < grid.shape[along] and index[2] < layers


@wp.kernel
def liquid_share(
    shape: wp.vec3i, filled: wp.array3d(dtype=float), open_cell: wp.array3d(dtype=float), share: wp.array3d(dtype=float)
):
    """Sharp share of each cell's open part that is liquid: 1 below the skin, whatever the particles' noise."""
    i, j, k = wp.tid()
    own = filled[i, j, k]
    deep = own > 0.5
    for n in range(6):
        next = step_to(wp.vec3i(i, j, k), n // 2, 2 * (n % 2) - 1)
        if deep and next[n // 2] >= 0 and next[n // 2] < shape[n // 2]:  # noqa: SIM102 (as above)
            if open_cell[next[0], next[1], next[2]] > 0.05:
                deep = filled[next[0], next[1], next[2]] > 0.5
    share[i, j, k] = wp.where(deep, 1.0, wp.clamp(0.5 + height_of(own), 0.0, 1.0))


@wp.func
def edge_rate(
    field: wp.array4d(dtype=float), distance: wp.array4d(dtype=float), grid: Grid, edge: int, index: wp.vec3i
):
    """Square of the shear rate in the plane across an edge [1/s^2]; zero where velocities are unknown."""
    axes = pair(edge)
    rate = slope(field, distance, grid, axes[0], step_to(index, axes[1], -1), axes[1])
    rate += slope(field, distance, grid, axes[1], step_to(index, axes[0], -1), axes[0])
    return wp.where(wp.abs(rate) < 1.0e6, rate * rate, 0.0)


@wp.kernel
def shear_rates(
    grid: Grid,
    layers: int,
    distance: wp.array4d(dtype=float),
    field: wp.array4d(dtype=float),
    rates: wp.array3d(dtype=wp.vec4),
):
    """The cells' shear rates [1/s]: across each kind of edge, then by stretching; 2 D:D is the sum of their squares."""
    i, j, k = wp.tid()
    index = wp.vec3i(i, j, k)
    found = wp.vec4(0.0)
    for a in range(3):
        s = slope(field, distance, grid, a, index, a)
        if wp.abs(s) < 1.0e6:
            found[3] = found[3] + 2.0 * s * s
        axes = pair(a)
        for n in range(4):
            at = step_to(step_to(index, axes[0], n // 2), axes[1], n % 2)
            if edge_exists(grid, layers, a, at):
                found[a] = found[a] + 0.25 * wp.sqrt(edge_rate(field, distance, grid, a, at))
    found[3] = wp.sqrt(found[3])
    rates[i, j, k] = found


@wp.func
def bingham(plain: float, yields: float, sharpness: float, square: float):
    """nu dt [m^2] at a square of the shear rate [1/s^2]: Bingham's law after Papanastasiou (1987)."""
    x = sharpness * wp.sqrt(square)
    return plain + yields * sharpness * wp.where(x < 1.0e-3, 1.0 - 0.5 * x, (1.0 - wp.exp(-x)) / wp.max(x, 1.0e-3))


@wp.kernel
def thicken(
    plain: float,
    yields: float,
    sharpness: float,
    rates: wp.array3d(dtype=wp.vec4),
    share: wp.array3d(dtype=float),
    viscosity: wp.array3d(dtype=float),
):
    """The cells' nu dt x liquid share [m^2]; `yields` = tau_y dt / rho."""
    i, j, k = wp.tid()
    square = wp.dot(rates[i, j, k], rates[i, j, k])
    viscosity[i, j, k] = bingham(plain, yields, sharpness, square) * share[i, j, k]


@wp.func
def wall_rate(
    field: wp.array4d(dtype=float), distance: wp.array4d(dtype=float), grid: Grid, a: int, lower: wp.vec3i, along: int
):
    """Square of component a's shear rate between a face and the body beside it [1/s^2], across their true distance;
    zero elsewhere. Where the body is oblique to the grid, one edge sees only a part of that rate."""
    counts = grid.shape
    counts[a] = counts[a] + 1
    upper = step_to(lower, along, 1)
    if lower[along] < 0 or upper[along] >= counts[along]:
        return 0.0
    one = distance[a, lower[0], lower[1], lower[2]]
    two = distance[a, upper[0], upper[1], upper[2]]
    if (one < 0.0) == (two < 0.0):
        return 0.0
    difference = field[a, upper[0], upper[1], upper[2]] - field[a, lower[0], lower[1], lower[2]]
    rate = difference / wp.max(wp.max(one, two), NEAREST * grid.cell[along])
    return wp.where(wp.abs(rate) < 1.0e6, rate * rate, 0.0)


@wp.kernel
def weigh(
    grid: Grid,
    layers: int,
    distance: wp.array4d(dtype=float),
    open_cell: wp.array3d(dtype=float),
    share: wp.array3d(dtype=float),
    rates: wp.array3d(dtype=wp.vec4),
    field: wp.array4d(dtype=float),
    plain: float,
    yields: float,
    sharpness: float,
    edges: wp.array4d(dtype=float),
):
    """The edges' nu dt x liquid share x near part of their volume [m^2], from their own rate and the cells around."""
    edge, i, j, k = wp.tid()
    index = wp.vec3i(i, j, k)
    if not edge_exists(grid, layers, edge, index):
        return
    axes = pair(edge)
    total = float(0.0)  # noqa: UP018
    count = float(0.0)  # noqa: UP018
    around = wp.vec4(0.0)
    for n in range(4):
        cell = step_to(step_to(index, axes[0], n // 2 - 1), axes[1], n % 2 - 1)
        if cell[0] >= 0 and cell[1] >= 0 and cell[2] >= 0 and cell[0] < grid.shape[0] and cell[1] < grid.shape[1]:
            room = open_cell[cell[0], cell[1], cell[2]]
            total += room * share[cell[0], cell[1], cell[2]]
            around += room * rates[cell[0], cell[1], cell[2]]
            count += room
    if count * total <= 0.0:
        return
    around[edge] = 0.0
    square = wp.dot(around, around) / (count * count)
    if yields > 0.0:
        square += edge_rate(field, distance, grid, edge, index)
        square = wp.max(square, wall_rate(field, distance, grid, axes[0], step_to(index, axes[1], -1), axes[1]))
        square = wp.max(square, wall_rate(field, distance, grid, axes[1], step_to(index, axes[0], -1), axes[0]))
    one = reach(distance, grid, axes[0], step_to(index, axes[1], -1), axes[1])
    two = reach(distance, grid, axes[1], step_to(index, axes[0], -1), axes[0])
    near = wp.where(one < 1.0 and two < 1.0, 0.5 * (one + two), wp.min(one, two))
    edges[edge, i, j, k] = bingham(plain, yields, sharpness, square) * total / count * near


@wp.func
def face_row(grid: Grid, layers: int, a: int, face: wp.vec3i):
    """Where component a's face stands in the flattened array of all faces up to the highest layer."""
    return ((a * (grid.shape[0] + 1) + face[0]) * (grid.shape[1] + 1) + face[1]) * (layers + 1) + face[2]


@wp.func
def enter(
    grid: Grid,
    layers: int,
    distance: wp.array4d(dtype=float),
    a: int,
    lower: wp.vec3i,
    along: int,
    scale: float,
    row: int,
    first: int,
    column: wp.array2d(dtype=int),
    value: wp.array2d(dtype=float),
):
    """Writes the derivative of component a between `lower` and the next face, x `scale`, into two places of a row."""
    counts = grid.shape
    counts[a] = counts[a] + 1
    upper = step_to(lower, along, 1)
    by = scale / (reach(distance, grid, a, lower, along) * grid.cell[along])
    column[row, first] = wp.where(lower[along] >= 0, face_row(grid, layers, a, lower), -1)
    column[row, first + 1] = wp.where(upper[along] < counts[along], face_row(grid, layers, a, upper), -1)
    value[row, first] = -by
    value[row, first + 1] = by


@wp.kernel
def strain_rows(
    grid: Grid,
    layers: int,
    distance: wp.array4d(dtype=float),
    viscosity: wp.array3d(dtype=float),
    edges: wp.array4d(dtype=float),
    listed: wp.array(dtype=wp.vec4i),
    column: wp.array2d(dtype=int),
    value: wp.array2d(dtype=float),
):
    """Rows of G, K = G^T G: the root of dissipation x dt / a cell's mass from the faces' velocities.

    A row is a cell's normal strain (kinds 0, 1, 2) or the shear strain of an edge (kinds 3, 4, 5), `listed` as kind and
    index; a column is a face, -1 beyond a wall.
    """
    row = wp.tid()
    kind = listed[row][0]
    index = wp.vec3i(listed[row][1], listed[row][2], listed[row][3])
    column[row, 2] = -1
    column[row, 3] = -1
    if kind < 3:
        near = reach(distance, grid, kind, index, kind)
        scale = wp.sqrt(2.0 * viscosity[index[0], index[1], index[2]] * near)
        enter(grid, layers, distance, kind, index, kind, scale, row, 0, column, value)
    else:
        axes = pair(kind - 3)
        scale = wp.sqrt(edges[kind - 3, index[0], index[1], index[2]])
        enter(grid, layers, distance, axes[0], step_to(index, axes[1], -1), axes[1], scale, row, 0, column, value)
        enter(grid, layers, distance, axes[1], step_to(index, axes[0], -1), axes[0], scale, row, 2, column, value)
