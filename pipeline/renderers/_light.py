"""How much light arrives and leaves: sky, sun, occlusion, the colours of opaque things. Device functions."""

# Warp reads these functions itself: Python's type checker cannot follow its types, and a number that a loop changes
# is declared by a cast.
# mypy: disable-error-code="untyped-decorator, misc, assignment, no-any-return"
# ruff: noqa: RUF046, UP018

from __future__ import annotations

import warp as wp

from pipeline.renderers._geometry import Bodies, Geometry, Grains, Room
from pipeline.renderers._rays import BODY, FAR, GRAIN, GROUND, NOTHING, Hit, blocked, meet_grains
from pipeline.renderers._textures import albedo_at, hash_cell, smoothstep


@wp.struct
class Lamp:
    """`types.Light` for kernels, and how far one can see."""

    direction: wp.vec3
    sun: wp.vec3
    sky: wp.vec3
    horizon: wp.vec3
    angle: float
    haze: float
    """Distance [m] at which the ground has faded into the horizon by 63 %."""


@wp.func
def sky_radiance(lamp: Lamp, d: wp.vec3) -> wp.vec3:
    """Sky with a few clouds, without the sun's disc; below the horizon it stays the horizon's colour."""
    high = wp.clamp(d[2], 0.0, 1.0)
    clear = wp.lerp(lamp.horizon, lamp.sky, wp.sqrt(high))
    state = wp.rand_init(11)
    q = wp.vec3(d[0], d[1], 0.0) * (1.6 / (high + 0.25))
    thick = wp.noise(state, q + wp.vec3(0.0, 0.0, 0.3)) + 0.5 * wp.noise(state, q * 2.1 + wp.vec3(0.0, 0.0, 7.7))
    cloud = lamp.horizon * 0.6 + lamp.sun * 0.6
    return wp.lerp(clear, cloud, smoothstep(0.0, 0.6, thick) * smoothstep(0.03, 0.25, high) * 0.85)


@wp.func
def ambient(lamp: Lamp, ground: wp.vec3, normal: wp.vec3) -> wp.vec3:
    """Mean radiance of the half space above a surface: sky above, sunlit ground below."""
    above = lamp.sky * 0.6 + lamp.horizon * 0.4
    below = wp.cw_mul(ground, lamp.sun * (0.6 * wp.max(lamp.direction[2], 0.0)) + above * 0.6)
    return wp.lerp(below, above, 0.5 + 0.5 * normal[2])


@wp.func
def free_of_bodies(bodies: Bodies, p: wp.vec3, normal: wp.vec3, skipped: int) -> float:
    """Share of the sky that bodies, taken as ellipsoids, leave to a point: 1 - cos(theta) / q^2, q in radii."""
    free = float(1.0)
    for index in range(bodies.count):
        if index != skipped:
            between = bodies.position[index] - p
            distance = wp.length(between)
            if distance < 8.0 * bodies.radius[index]:
                local = wp.cw_div(wp.quat_rotate_inv(bodies.orientation[index], between), bodies.extent[index])
                squared = wp.max(wp.dot(local, local), 1.0)
                facing = wp.dot(normal, between) / wp.max(distance, 1.0e-6)
                # The far half of a sphere that dips below the surface's horizon still hides some sky.
                facing = wp.max(facing, 0.0) + 0.15 * wp.max(1.0 - wp.abs(facing), 0.0)
                free *= 1.0 - 0.9 * wp.min(facing, 1.0) / squared
    return free


@wp.func
def _hidden_by_wall(distance: float, height: float) -> float:
    """Share of the sky that a long wall of a height hides at a distance."""
    if height <= 0.0:
        return 0.0
    return 0.5 * (1.0 - distance / wp.sqrt(distance * distance + height * height))


@wp.func
def free_of_walls(room: Room, p: wp.vec3, normal: wp.vec3) -> float:
    """Share of the sky that the container's walls leave to a point, from inside or outside."""
    if room.walled == 0:
        return 1.0
    height = room.height - p[2]
    if height <= 0.0:
        return 1.0
    x, y, w = room.half[0], room.half[1], room.wall
    hidden = float(0.0)
    if wp.abs(p[0]) < x + 0.5 * w and wp.abs(p[1]) < y + 0.5 * w:
        hidden += _hidden_by_wall(wp.max(x - p[0], 0.0), height) * wp.clamp(1.0 + normal[0], 0.0, 1.0)
        hidden += _hidden_by_wall(wp.max(x + p[0], 0.0), height) * wp.clamp(1.0 - normal[0], 0.0, 1.0)
        hidden += _hidden_by_wall(wp.max(y - p[1], 0.0), height) * wp.clamp(1.0 + normal[1], 0.0, 1.0)
        hidden += _hidden_by_wall(wp.max(y + p[1], 0.0), height) * wp.clamp(1.0 - normal[1], 0.0, 1.0)
    elif normal[2] > 0.5:
        away = wp.vec2(wp.max(wp.abs(p[0]) - x - w, 0.0), wp.max(wp.abs(p[1]) - y - w, 0.0))
        hidden = _hidden_by_wall(wp.length(away), height)
    # What the walls hide they replace in part by their own light.
    return 1.0 - 0.7 * wp.min(hidden, 1.0)


@wp.func
def _cell_place(grains: Grains, p: wp.vec3) -> wp.vec3:
    """Coordinates in the bed's grid, cell centres at whole numbers."""
    return wp.cw_div(p - grains.bed_lower, grains.bed_cell) - wp.vec3(0.5, 0.5, 0.5)


@wp.func
def bed_at(grains: Grains, p: wp.vec3) -> wp.vec4:
    """Slope and sun share of the bed, linear between cell centres."""
    q = _cell_place(grains, p)
    base = wp.vec3(wp.floor(q[0]), wp.floor(q[1]), wp.floor(q[2]))
    f = q - base
    total = wp.vec4()
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
        i = wp.clamp(int(base[0]) + a, 0, grains.bed.shape[0] - 1)
        j = wp.clamp(int(base[1]) + b, 0, grains.bed.shape[1] - 1)
        k = wp.clamp(int(base[2]) + c, 0, grains.bed.shape[2] - 1)
        x, y, z = float(a), float(b), float(c)
        weight = (x * f[0] + (1.0 - x) * (1.0 - f[0])) * (y * f[1] + (1.0 - y) * (1.0 - f[1]))
        total += grains.bed[i, j, k] * (weight * (z * f[2] + (1.0 - z) * (1.0 - f[2])))
    return total


@wp.func
def free_of_bed(grains: Grains, p: wp.vec3, normal: wp.vec3) -> float:
    """Share of the sky that a bed of grains leaves to a point beside it, on the ground, a wall or a body."""
    if grains.count == 0:
        return 1.0
    above = p + normal * grains.bed_cell[2] * 1.5
    q = wp.cw_div(above - grains.bed_lower, grains.bed_cell)
    for axis in range(3):
        if q[axis] < 0.0 or q[axis] > float(grains.openness.shape[axis]):
            return 1.0
    return openness_at(grains, above)


@wp.func
def openness_at(grains: Grains, p: wp.vec3) -> float:
    """Share of the sky that the bed leaves free around a point above it (nearest cell: the field is smooth)."""
    q = _cell_place(grains, p)
    i = wp.clamp(int(wp.round(q[0])), 0, grains.openness.shape[0] - 1)
    j = wp.clamp(int(wp.round(q[1])), 0, grains.openness.shape[1] - 1)
    k = wp.clamp(int(wp.round(q[2])), 0, grains.openness.shape[2] - 1)
    return grains.openness[i, j, k]


@wp.func
def grain_albedo(grains: Grains, identity: int) -> wp.vec3:
    """Every grain has its own lightness and warmth; one in twelve is a dark mineral, one in twelve a clear one."""
    state = hash_cell(17, identity, 5, 11)
    light = 0.86 + 0.28 * wp.randf(state)
    warm = 0.07 * (wp.randf(state) - 0.5)
    rare = wp.randf(state)
    if rare < 0.083:
        light *= 0.7
    elif rare > 0.917:
        light *= 1.2
    light *= grains.tint[identity / grains.per_particle]
    return wp.cw_mul(grains.albedo, wp.vec3(light * (1.0 + warm), light, light * (1.0 - warm)))


@wp.func
def towards_sun(lamp: Lamp, disc: wp.vec2) -> wp.vec3:
    """A direction into the sun's disc, for `disc` in the unit square."""
    side = wp.normalize(wp.cross(lamp.direction, wp.vec3(0.31, 0.87, 0.38)))
    up = wp.cross(side, lamp.direction)
    radius = lamp.angle * wp.sqrt(disc[0])
    turn = 6.2831853 * disc[1]
    return wp.normalize(lamp.direction + side * (radius * wp.cos(turn)) + up * (radius * wp.sin(turn)))


@wp.func
def colour_of(geometry: Geometry, hit: Hit, p: wp.vec3, footprint: float) -> wp.vec3:
    """Diffuse colour of an opaque thing where a ray met it."""
    albedo = wp.vec3()
    if hit.kind == BODY:
        turn = geometry.bodies.orientation[hit.index]
        local = wp.quat_rotate_inv(turn, p - geometry.bodies.position[hit.index])
        normal = wp.quat_rotate_inv(turn, hit.normal)
        albedo = albedo_at(geometry.bodies.texture[hit.index], local, normal, footprint)
    elif hit.kind == GRAIN:
        albedo = grain_albedo(geometry.grains, hit.index)
    elif hit.kind == GROUND:
        albedo = albedo_at(geometry.room.ground_texture, p, hit.normal, footprint)
    else:
        albedo = albedo_at(geometry.room.wall_texture, p, hit.normal, footprint)
    return albedo


@wp.func
def shade(geometry: Geometry, lamp: Lamp, hit: Hit, o: wp.vec3, d: wp.vec3, width: float, disc: wp.vec2) -> wp.vec3:
    """Light that an opaque thing sends back along the ray: sun with a shadow ray, sky with occlusion.

    `width` is the angle of a pixel [rad]; `disc` a point of the unit square that picks the point of the sun.
    """
    if hit.kind == NOTHING:
        return sky_radiance(lamp, d)
    p = o + d * hit.distance
    normal = hit.normal
    if wp.dot(normal, d) > 0.0 and hit.kind == BODY:
        # A smooth normal may look away from the eye at the rim of a coarse mesh.
        normal = wp.normalize(normal - d * (wp.dot(normal, d) * 1.01))
    footprint = width * hit.distance / wp.max(-wp.dot(normal, d), 0.12)
    albedo = colour_of(geometry, hit, p, footprint)
    sun = float(1.0)
    sky = float(1.0)
    skipped = int(-1)
    start = p + normal * 3.0e-4
    if hit.kind == GRAIN:
        bed = bed_at(geometry.grains, p)
        slope = wp.vec3(bed[0], bed[1], bed[2])
        steep = wp.length(slope)
        part = smoothstep(0.05, 0.2, steep) * 0.6
        smooth = slope / wp.max(steep, 1.0e-6)
        above = p + smooth * geometry.grains.bed_cell[2] * 1.5
        normal = wp.normalize(normal * (1.0 - part) + smooth * part)
        sun = bed_at(geometry.grains, above)[3]
        sky = openness_at(geometry.grains, above)
    elif hit.kind == BODY:
        skipped = hit.index
        start = p + normal * (0.01 * geometry.bodies.radius[hit.index])
    sun *= wp.max(wp.dot(normal, lamp.direction), 0.0)
    if sun > 0.0:
        ray = towards_sun(lamp, disc)
        hidden = blocked(geometry, start, ray, 50.0)
        if hit.kind != GRAIN and not hidden:
            hidden = meet_grains(geometry.grains, start, ray, FAR).kind == GRAIN
        if hidden:
            sun = 0.0
    if hit.kind != GRAIN:
        sky = free_of_bed(geometry.grains, p, normal)
    around = ambient(lamp, geometry.room.ground_texture.albedo, normal)
    # One bounce: where grains hide the sky, they send their own light (grey, or a gap would take the sand's colour).
    grey = (geometry.grains.albedo[0] + geometry.grains.albedo[1] + geometry.grains.albedo[2]) / 3.0
    bounced = (lamp.sun * wp.max(lamp.direction[2], 0.0) + around) * (0.5 * grey * (1.0 - sky))
    sky *= free_of_bodies(geometry.bodies, p, normal, skipped) * free_of_walls(geometry.room, p, normal)
    colour = wp.cw_mul(albedo, lamp.sun * sun + around * sky + bounced)
    if hit.kind == GROUND:
        colour = wp.lerp(lamp.horizon, colour, wp.exp(-hit.distance / lamp.haze))
    return colour
