"""Granular beds: several small grains for each simulated particle, and the smooth shape of the bed under them."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc, assignment"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from scipy import ndimage
from scipy.special import gammainc, gammaincinv

from pipeline.renderers._clouds import STRETCH, Clouds
from pipeline.renderers._geometry import Bodies, Geometry, Grains, Room
from pipeline.types import Bool, Container, Float32, Float64, Scene

PACKING = 0.62
"""Share of a particle's cube that its grains fill: rays meet a grain before they pass two particles."""

SPREAD = 0.5
"""Standard deviation [spacings] of the grains around their particle: where the particles lie apart, as in a thin layer,
the clouds still meet; a cube of grains would show each particle as a block, and their rows."""
REACH = 1.15
"""At t = 0 no grain's surface is farther than this from its particle [spacings]."""

_PATTERNS = 256
_MAX_CELLS = 4_000_000
_BULK = 0.99
"""Share of the particles that are always under the top of the bed's grid."""


def pixel_size(scene: Scene) -> float:
    """Width of a pixel [m] where the camera sees the middle of the medium from nearest."""
    assert scene.medium is not None
    middle = np.mean(scene.medium.region, axis=0)
    pose = scene.camera.world_to_camera
    depth = np.abs(pose[:, 2, :3] @ middle + pose[:, 2, 3]).min()
    return float(depth / scene.camera.intrinsics[0, 0])


def pattern(scene: Scene, spacing: float, grains_per_particle: int, seed: int) -> Float32:
    """`Clouds.offset`, (_PATTERNS, G, 4): grains of `medium.grain_size`, or of 0.6 pixels, scattered around a particle.

    They are as many as fill its cube, and particle i has pattern i mod `_PATTERNS` for the whole clip.
    Smaller grains could not be seen, and at most `grains_per_particle` are drawn: fewer than fill the cube would leave
    holes, so they are drawn larger.
    """
    assert scene.medium is not None
    share = PACKING * spacing**3 / (np.pi / 6.0)
    finest = max(scene.medium.grain_size, 0.6 * pixel_size(scene), (share / grains_per_particle) ** (1 / 3))
    diameter = min(finest, 1.2 * spacing)
    count = max(1, round(share / diameter**3))
    rng = np.random.default_rng(seed)
    # R3 sequence (Roberts 2018), shifted and jittered for each pattern: even, without a lattice that shows.
    golden = 1.22074408460575947536
    steps = np.arange(1, count + 1)[:, None] * np.array([1 / golden, golden**-2, golden**-3])
    place = (steps + rng.random((_PATTERNS, 1, 3)) + rng.normal(0.0, 0.04, (_PATTERNS, count, 3))) % 1.0
    radius = diameter / 2 * rng.uniform(0.72, 1.2, (_PATTERNS, count, 1))
    offset = np.concatenate([_cloud(place, REACH * spacing - radius, SPREAD * spacing), radius], axis=2)
    return np.asarray(offset, np.float32)


def _cloud(place: Float64, limit: Float64, spread: float) -> Float64:
    """Points of the unit cube, shape (..., 3), as a normal cloud of standard deviation `spread` [m] along each axis,
    cut off at the radius `limit` [m], shape (..., 1)."""
    inside = gammainc(1.5, 0.5 * (limit / spread) ** 2)
    distance = spread * np.sqrt(2.0 * gammaincinv(1.5, place[..., :1] * inside))
    up, turn = 2.0 * place[..., 1:2] - 1.0, 2.0 * np.pi * place[..., 2:]
    level = np.sqrt(1.0 - up * up)
    return np.asarray(distance * np.concatenate([level * np.cos(turn), level * np.sin(turn), up], axis=-1))


@wp.kernel(enable_backward=False)
def _streak(start: wp.array[wp.vec3], state: wp.uint32, coarse: float, fine: float, tint: wp.array[float]) -> None:
    i = wp.tid()
    broad = wp.noise(state, start[i] / coarse)
    narrow = wp.noise(state, start[i] / fine)
    tint[i] = wp.clamp(1.0 + 0.45 * broad + 0.3 * narrow, 0.6, 1.4)


def tints(start: Float32, pixel: float, seed: int, device: str) -> wp.array:
    """Lightness of the particles, shape (N,): soft streaks of about 4 and 10 pixels, laid down at t = 0.

    Sand of one colour shows nothing but noise of the size of a pixel, and no estimator of flow can follow it.
    """
    made = wp.empty(len(start), dtype=float, device=device)
    where = wp.array(start, dtype=wp.vec3, device=device)
    inputs = [where, wp.uint32(seed), 10.0 * pixel, 4.0 * pixel, made]
    wp.launch(_streak, dim=len(start), inputs=inputs, device=device)
    return made


@dataclass(frozen=True)
class _Bed:
    """The medium's density on a coarse grid."""

    lower: Float64
    cell: Float64
    """Edges of a cell [m], (3,)."""
    density: Float64
    """1 in the bulk, (nx, ny, nz)."""

    @property
    def modes(self) -> tuple[str, str, str]:
        """How each axis goes on outside: mirrored by walls, unchanged below the floor; the rest is empty anyway."""
        return ("reflect", "reflect", "nearest")


def _bed(particles: Float32, spacing: float, container: Container | None) -> _Bed:
    """Particles spread over the cells of a grid that fits the container, with empty cells on top."""
    points = particles.astype(np.float64)
    lower, upper = points.min(axis=0) - 4 * spacing, points.max(axis=0) + 4 * spacing
    if container:
        half = np.array(container.inner_size[:2]) / 2
        lower = np.array([*-half, 0.0])
        # Single grains may splash high; a column or a hopper may stand high over a low tray.
        bulk = float(np.quantile(points[:, 2], _BULK)) + 4 * spacing
        upper = np.array([*half, min(upper[2], max(bulk, 4 * container.inner_size[2]))])
    size = np.clip(np.round((upper - lower) / spacing), 2, 160).astype(int)
    cell = (upper - lower) / size
    # Linear weights between cell centres; what falls beyond a wall's half cell is mirrored back by the clip.
    place = (points - lower) / cell - 0.5
    base = np.floor(place).astype(int)
    part = place - base
    density = np.zeros(int(size.prod()))
    for corner in np.ndindex(2, 2, 2):
        index = np.clip(base + corner, 0, size - 1)
        weight = np.prod(np.where(corner, part, 1.0 - part), axis=1)
        density += np.bincount(np.ravel_multi_index(tuple(index.T), tuple(size)), weight, len(density))
    return _Bed(lower, cell, density.reshape(size) * spacing**3 / cell.prod())


def _near_surface(bed: _Bed, smooth: Float64, particles: Float32) -> Bool:
    """Particles within two cells of emptiness: no ray gets deeper between the grains."""
    free = ndimage.binary_dilation(smooth < 0.5, np.ones((3, 3, 3)), iterations=2)
    index = np.clip(((particles - bed.lower) / bed.cell).astype(int), 0, np.array(free.shape) - 1)
    return np.asarray(free[tuple(index.T)])


def _sun_share(bed: _Bed, density: Float64, sun: Float64) -> Float64:
    """Share of the sun's light that reaches each cell through the bed, marched down layer by layer."""
    share = np.ones_like(density)
    if sun[2] < 0.05:
        return share
    solid = np.clip((density - 0.25) / 0.5, 0.0, 1.0)
    path = 1.0 / sun[2]
    shift = -sun[:2] / sun[2] * bed.cell[2] / bed.cell[:2]
    for layer in range(density.shape[2] - 2, -1, -1):
        above = share[:, :, layer + 1] * np.exp(-2.0 * path * solid[:, :, layer + 1])
        share[:, :, layer] = ndimage.shift(above, shift, order=1, mode="nearest")
    return share


@wp.kernel(enable_backward=False)
def _filled(bodies: Bodies, lower: wp.vec3, cell: wp.vec3, free: wp.array3d[float]) -> None:
    """Marks with 0 the cells whose centre lies inside a body."""
    i, j, k = wp.tid()
    p = lower + wp.cw_mul(cell, wp.vec3(float(i) + 0.5, float(j) + 0.5, float(k) + 0.5))
    for index in range(bodies.count):
        local = wp.quat_rotate_inv(bodies.orientation[index], p - bodies.position[index])
        if wp.length(local) < bodies.radius[index]:
            query = wp.mesh_query_point_sign_normal(bodies.mesh[index], local, bodies.radius[index] * 2.0)
            if query.result and query.sign < 0.0:
                free[i, j, k] = 0.0


@wp.kernel(enable_backward=False)
def _scatter(
    particles: wp.array[wp.vec3],
    kept: wp.array[int],
    offset: wp.array2d[wp.vec4],
    form: wp.array[wp.mat33],
    lower: wp.vec3,
    cell: float,
    size: wp.vec3i,
    room: Room,
    filling: int,
    cursor: wp.array[int],
    sphere: wp.array[wp.vec4],
    identity: wp.array[int],
) -> None:
    """Counts (filling = 0) or writes (filling = 1) the grains that touch each cell.

    Grains of a particle inside the container that lie in its walls are left out: they could reach through.
    """
    row, place = wp.tid()
    particle = kept[row]
    shift = offset[particle % offset.shape[0], place]
    centre = particles[particle] + form[particle] * wp.vec3(shift[0], shift[1], shift[2])
    radius = shift[3]
    where = particles[particle]
    if room.walled == 1 and wp.abs(where[0]) <= room.half[0] and wp.abs(where[1]) <= room.half[1]:
        beyond = wp.abs(centre[0]) > room.half[0] or wp.abs(centre[1]) > room.half[1]
        if beyond and centre[2] - radius < room.height:
            return
    first = wp.vec3i()
    last = wp.vec3i()
    for axis in range(3):
        first[axis] = wp.clamp(int(wp.floor((centre[axis] - radius - lower[axis]) / cell)), 0, size[axis] - 1)
        last[axis] = wp.clamp(int(wp.floor((centre[axis] + radius - lower[axis]) / cell)), 0, size[axis] - 1)
    for k in range(first[2], last[2] + 1):
        for j in range(first[1], last[1] + 1):
            for i in range(first[0], last[0] + 1):
                entry = wp.atomic_add(cursor, (k * size[1] + j) * size[0] + i, 1)
                if filling == 1:
                    sphere[entry] = wp.vec4(centre[0], centre[1], centre[2], radius)
                    identity[entry] = particle * offset.shape[1] + place


def _grid(made: Grains, particles: Float32, kept: Bool, clouds: Clouds, reach: float, room: Room, device: str) -> None:
    """Sorts the grains of the kept particles, none farther from them than `reach` [m], into a uniform grid's cells."""
    points = particles[kept]
    lower, upper = points.min(axis=0) - reach, points.max(axis=0) + reach
    radius = float(clouds.offset[..., 3].mean())
    cell = max(4.0 * radius, float((np.prod(upper - lower, dtype=np.float64) / _MAX_CELLS) ** (1 / 3)))
    size = np.maximum(np.ceil((upper - lower) / cell), 1).astype(int)
    made.lower, made.cell, made.size = wp.vec3(*lower.tolist()), cell, wp.vec3i(*size.tolist())
    rows = wp.array(np.flatnonzero(kept), dtype=int, device=device)
    where = wp.array(particles, dtype=wp.vec3, device=device)
    offset = wp.array(clouds.offset, dtype=wp.vec4, device=device)
    form = wp.array(clouds.form, dtype=wp.mat33, device=device)
    cursor = wp.zeros(int(size.prod()) + 1, dtype=int, device=device)
    made.first = wp.empty_like(cursor)
    made.sphere = wp.empty(1, dtype=wp.vec4, device=device)
    made.identity = wp.empty(1, dtype=int, device=device)
    shape = (len(rows), clouds.offset.shape[1])
    for filling in (0, 1):
        cells = (made.lower, cell, made.size, room, filling, cursor, made.sphere, made.identity)
        inputs = [where, rows, offset, form, *cells]
        wp.launch(_scatter, dim=shape, inputs=inputs, device=device)
        if filling == 0:
            wp.utils.array_scan(cursor, made.first, inclusive=False)
            wp.copy(cursor, made.first)
            entries = int(made.first.numpy()[-1])
            made.sphere = wp.empty(entries, dtype=wp.vec4, device=device)
            made.identity = wp.empty(entries, dtype=int, device=device)
    made.count = shape[0] * shape[1]


def grains(
    scene: Scene, particles: Float32, clouds: Clouds, spacing: float, tint: wp.array, around: Geometry, device: str
) -> Grains:
    """Grains and bed at one time, for `particles` [m] of shape (N, 3), N > 0; `around` has the bodies and the room."""
    assert scene.medium is not None
    made = Grains()
    made.per_particle, made.albedo = clouds.offset.shape[1], wp.vec3(*scene.medium.albedo)
    made.tint = tint
    bed = _bed(particles, spacing, scene.container)
    free = wp.ones(bed.density.shape, dtype=float, device=device)
    made.bed_lower, made.bed_cell = wp.vec3(*bed.lower.tolist()), wp.vec3(*bed.cell.tolist())
    wp.launch(
        _filled, dim=bed.density.shape, inputs=[around.bodies, made.bed_lower, made.bed_cell, free], device=device
    )
    room = free.numpy().astype(np.float64)
    raw = ndimage.gaussian_filter(bed.density, 1.0, mode=bed.modes)
    # Normalised convolution: inside a body the bed goes on as it is around it, or every body would stand in a dip.
    smooth = raw / np.maximum(ndimage.gaussian_filter(room, 1.0, mode=bed.modes), 0.3)
    wide = ndimage.gaussian_filter(bed.density, 2.5, mode=bed.modes)
    wide = wide / np.maximum(ndimage.gaussian_filter(room, 2.5, mode=bed.modes), 0.3)
    slope = -np.stack(np.gradient(smooth, *bed.cell), axis=-1) * spacing
    sun = _sun_share(bed, smooth, np.array(scene.light.direction))
    made.bed = wp.array(np.concatenate([slope, sun[..., None]], axis=-1), dtype=wp.vec4, device=device)
    # A flat bed's own half space, seen from 1.5 cells above it, counts as free sky.
    flat = 0.274
    made.openness = wp.array(1.0 - np.clip((wide - flat) / (1.0 - flat), 0.0, 1.0), dtype=float, device=device)
    # A particle that has escaped to ten times the medium's size would blow up the cells of all others.
    lower, upper = np.array(scene.medium.region)
    strayed = np.linalg.norm(particles - (lower + upper) / 2, axis=1) > 10.0 * np.linalg.norm(upper - lower)
    kept = _near_surface(bed, raw, particles) & ~strayed
    if kept.any():
        _grid(made, particles, kept, clouds, STRETCH * REACH * spacing, around.room, device)
    return made
