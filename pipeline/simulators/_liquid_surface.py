"""What the grid of faces needs between the transfers: free surface, known faces, viscosity, pressure gradient."""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def"

from __future__ import annotations

import warp as wp

from pipeline.simulators._liquid_bodies import SEEP, SHUT, Grid
from pipeline.simulators._liquid_transfer import UNKNOWN

wp.config.quiet = True
wp.set_module_options({"enable_backward": False})

NARROW = wp.constant(0.3)
"""A cell with a smaller open share is filled as its neighbours are: too few particles fit into it."""
THIN = wp.constant(0.01)
"""Least distance of the surface from a liquid cell's centre [cells] in the ghost-fluid gradient."""

SLIT = wp.constant(0.15)
"""A face with a smaller open share keeps its flux, but its velocity, flux over share, is not trusted."""
LIGHT = wp.constant(20.0)
"""How much lighter the liquid that seeps under a body is taken: its inertia must not hold the body down."""
SPRAY = wp.constant(0.15)
"""Cells filled less hold spray, not the liquid's skin."""


@wp.func
def height_of(share: float):
    """Inverse of the hat kernel's share: how far below the surface a cell's centre lies [cells], -1..1."""
    s = wp.clamp(share, 0.0, 1.0)
    if s < 0.5:
        return wp.sqrt(2.0 * s) - 1.0
    return 1.0 - wp.sqrt(2.0 - 2.0 * s)


@wp.kernel
def fill(filled: wp.array3d(dtype=float), open_cell: wp.array3d(dtype=float), known: wp.array3d(dtype=int)):
    """Share of the open part of each cell that liquid fills (in place)."""
    i, j, k = wp.tid()
    room = open_cell[i, j, k]
    known[i, j, k] = 0
    if room > NARROW:
        filled[i, j, k] = filled[i, j, k] / room
        known[i, j, k] = 1


@wp.kernel
def fill_narrow(
    shape: wp.vec3i,
    sweep: int,
    open_face: wp.array4d(dtype=float),
    filled: wp.array3d(dtype=float),
    known: wp.array3d(dtype=int),
):
    """Narrow cells take the mean share of the neighbours beside them, else of those above and below; none through a
    wall."""
    i, j, k = wp.tid()
    if known[i, j, k] > 0:
        return
    total = 0.0
    count = 0.0
    for n in range(6):
        axis = n // 2
        cell = wp.vec3i(i, j, k)
        cell[axis] = cell[axis] + 2 * (n % 2) - 1
        face = wp.max(cell, wp.vec3i(i, j, k))
        if cell[axis] >= 0 and cell[axis] < shape[axis] and open_face[axis, face[0], face[1], face[2]] > SHUT:
            mark = known[cell[0], cell[1], cell[2]]
            if mark > 0 and mark <= sweep:
                weight = wp.where(axis == 2, 1.0e-3, 1.0)
                total += weight * filled[cell[0], cell[1], cell[2]]
                count += weight
    if count > 0.0:
        filled[i, j, k] = total / count
        known[i, j, k] = sweep + 1


@wp.kernel
def start(
    push: wp.vec3,
    mass: wp.array4d(dtype=float),
    walls: wp.array4d(dtype=float),
    open_face: wp.array4d(dtype=float),
    field: wp.array4d(dtype=float),
    known: wp.array4d(dtype=int),
):
    """Momentum to velocity (in place), plus `push` = gravity x dt [m/s], on open faces that particles reach."""
    a, i, j, k = wp.tid()
    m = mass[a, i, j, k]
    known[a, i, j, k] = 0
    if walls[a, i, j, k] == 0.0:
        field[a, i, j, k] = push[a]
        known[a, i, j, k] = 1
    elif m > 1.0e-4 and open_face[a, i, j, k] > SHUT:
        field[a, i, j, k] = field[a, i, j, k] / m + push[a]
        known[a, i, j, k] = 1
    else:
        field[a, i, j, k] = 0.0


@wp.kernel
def extend(grid: Grid, sweep: int, field: wp.array4d(dtype=float), known: wp.array4d(dtype=int)):
    """Unknown faces take the mean of their known neighbours; a face becomes known to the next sweep only."""
    a, i, j, k = wp.tid()
    counts = grid.shape
    counts[a] = counts[a] + 1
    own = known[a, i, j, k]
    if own > 0 or (own < 0 and sweep > 1) or i >= counts[0] or j >= counts[1] or k >= counts[2]:
        return
    total = 0.0
    count = 0.0
    for n in range(6):
        axis = n // 2
        face = wp.vec3i(i, j, k)
        face[axis] = face[axis] + 2 * (n % 2) - 1
        if face[axis] >= 0 and face[axis] < counts[axis]:
            mark = known[a, face[0], face[1], face[2]]
            if (mark > 0 and mark <= sweep) or (mark < 0 and sweep > 1):
                total += field[a, face[0], face[1], face[2]]
                count += 1.0
    if count > 0.0:
        field[a, i, j, k] = total / count
        known[a, i, j, k] = sweep + 1


@wp.kernel
def remember(
    push: wp.vec3,
    field: wp.array4d(dtype=float),
    known: wp.array4d(dtype=int),
    before: wp.array4d(dtype=float),
):
    """What the faces' velocity was before this step's forces."""
    a, i, j, k = wp.tid()
    before[a, i, j, k] = wp.where(known[a, i, j, k] > 0, field[a, i, j, k] - push[a], UNKNOWN)


@wp.func
def surface_share(inside: float, outside: float):
    """Where the surface cuts the line from a liquid cell's centre to an air cell's, 0..1 (ghost fluid)."""
    depth = wp.max(height_of(inside), 0.0)
    return wp.clamp(depth / wp.max(depth - height_of(outside), 1.0e-6), THIN, 1.0)


@wp.kernel
def assemble(
    grid: Grid,
    cells: wp.array(dtype=wp.vec3i),
    rank: wp.array3d(dtype=int),
    filled: wp.array3d(dtype=float),
    open_cell: wp.array3d(dtype=float),
    open_face: wp.array4d(dtype=float),
    field: wp.array4d(dtype=float),
    spread: float,
    diagonal: wp.array(dtype=float),
    weight: wp.array2d(dtype=float),
    neighbour: wp.array2d(dtype=int),
    excess: wp.array(dtype=float),
):
    """Rows of the pressure equation: sum_n weight_n (q - q_n) = -outflow + source, q = p dt / rho [m^2/s], in [m^3/s].

    `spread` [1/s] is the rate at which crowded liquid expands and sparse liquid deep inside contracts.
    """
    row = wp.tid()
    cell = cells[row]
    own = filled[cell[0], cell[1], cell[2]]
    volume = grid.cell[0] * grid.cell[1] * grid.cell[2]
    total = 0.0
    outflow = 0.0
    deep = True
    for n in range(6):
        axis = n // 2
        upper = n % 2
        face = cell
        face[axis] = face[axis] + upper
        next = cell
        next[axis] = next[axis] + 2 * upper - 1
        share = open_face[axis, face[0], face[1], face[2]]
        area = volume / grid.cell[axis] * share
        outflow += float(2 * upper - 1) * area * field[axis, face[0], face[1], face[2]]
        weight[row, n] = 0.0
        neighbour[row, n] = 0
        if next[axis] >= 0 and next[axis] < grid.shape[axis]:
            column = rank[next[0], next[1], next[2]]
            coefficient = area / grid.cell[axis]
            if axis < 2 and cell[2] == 0 and share <= 1.001 * SEEP:
                coefficient *= LIGHT
            if column >= 0:
                weight[row, n] = coefficient
                neighbour[row, n] = column
                total += coefficient
            elif area > 0.0:
                deep = False
                total += coefficient / surface_share(own, filled[next[0], next[1], next[2]])
        elif axis == 2 and upper == 1:
            deep = False
            total += area / grid.cell[axis]
    crowd = own - 1.0
    if crowd < 0.0 and not deep:
        crowd = 0.0
    room = open_cell[cell[0], cell[1], cell[2]]
    if room < 0.5:
        crowd = 0.0
    diagonal[row] = total
    excess[row] = spread * wp.clamp(crowd, -0.2, 0.5) * room * volume - outflow


@wp.kernel
def project(
    grid: Grid,
    rank: wp.array3d(dtype=int),
    filled: wp.array3d(dtype=float),
    open_face: wp.array4d(dtype=float),
    pressure: wp.array3d(dtype=float),
    field: wp.array4d(dtype=float),
    known: wp.array4d(dtype=int),
):
    """Subtracts the pressure gradient on the liquid's faces; closed faces become unknown."""
    a, i, j, k = wp.tid()
    upper = wp.vec3i(i, j, k)
    lower = upper
    lower[a] = lower[a] - 1
    if upper[a] == grid.shape[a] and a == 2:
        return
    for axis in range(3):
        if axis != a and upper[axis] >= grid.shape[axis]:
            return
    known[a, i, j, k] = wp.min(known[a, i, j, k], 1)
    wall = upper[a] == 0 or upper[a] == grid.shape[a]
    if wall or open_face[a, i, j, k] <= SHUT:
        known[a, i, j, k] = wp.where(wall, 1, 0)
        field[a, i, j, k] = 0.0
        return
    if open_face[a, i, j, k] < SLIT:
        known[a, i, j, k] = 0
        return
    above = rank[upper[0], upper[1], upper[2]] >= 0
    below = rank[lower[0], lower[1], lower[2]] >= 0
    if not above and not below:
        # Liquid just above the last liquid cell must not fall freely; spray and thin sheets must.
        if known[a, i, j, k] == 1:
            near = wp.max(filled[lower[0], lower[1], lower[2]], filled[upper[0], upper[1], upper[2]])
            known[a, i, j, k] = wp.where(near > SPRAY, -1, 2)
        return
    p_above = pressure[upper[0], upper[1], upper[2]]
    p_below = pressure[lower[0], lower[1], lower[2]]
    slope = (p_above - p_below) / grid.cell[a]
    if not above:
        slope /= surface_share(filled[lower[0], lower[1], lower[2]], filled[upper[0], upper[1], upper[2]])
    if not below:
        slope /= surface_share(filled[upper[0], upper[1], upper[2]], filled[lower[0], lower[1], lower[2]])
    field[a, i, j, k] -= slope
    known[a, i, j, k] = 1
