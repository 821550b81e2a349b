"""Where a ray first meets something: device functions shared by the picture and the exact layers."""

# Warp reads these functions itself: Python's type checker cannot follow its types, and a number that a loop changes
# is declared by a cast.
# mypy: disable-error-code="untyped-decorator, misc, assignment, no-any-return"
# ruff: noqa: RUF046, UP018

from __future__ import annotations

import warp as wp

from pipeline.renderers._geometry import Bodies, Geometry, Grains, Liquid, Room

NOTHING = wp.constant(0)
GROUND = wp.constant(1)
WALL = wp.constant(2)
BODY = wp.constant(3)
GRAIN = wp.constant(4)
LIQUID = wp.constant(5)

FAR = wp.constant(1.0e6)
"""Beyond every scene [m]."""


@wp.struct
class Hit:
    """The nearest thing on a ray."""

    distance: float
    kind: int
    index: int
    """Body, grain or triangle of the liquid's surface."""
    normal: wp.vec3
    """Unit, world, pointing out of the thing."""


@wp.func
def slab(lower: wp.vec3, upper: wp.vec3, o: wp.vec3, inverse: wp.vec3) -> wp.vec2:
    """Distances at which a ray enters and leaves a box; it misses if the first exceeds the second."""
    a = wp.cw_mul(lower - o, inverse)
    b = wp.cw_mul(upper - o, inverse)
    enter = wp.max(wp.max(wp.min(a[0], b[0]), wp.min(a[1], b[1])), wp.min(a[2], b[2]))
    leave = wp.min(wp.min(wp.max(a[0], b[0]), wp.max(a[1], b[1])), wp.max(a[2], b[2]))
    return wp.vec2(enter, leave)


@wp.func
def inverse_of(d: wp.vec3) -> wp.vec3:
    """1 / d without infinities, which would turn into NaN on a slab's face."""
    out = wp.vec3()
    for axis in range(3):
        x = d[axis]
        if wp.abs(x) < 1.0e-12:
            x = 1.0e-12
        out[axis] = 1.0 / x
    return out


@wp.func
def wall_box(room: Room, index: int) -> wp.vec4:
    """Footprint (x0, y0, x1, y1) of the container's parts: 0 floor, 1..4 walls."""
    x, y, w = room.half[0], room.half[1], room.wall
    box = wp.vec4(-x - w, -y - w, x + w, y + w)
    if index == 1:
        box = wp.vec4(-x - w, -y - w, -x, y + w)
    elif index == 2:
        box = wp.vec4(x, -y - w, x + w, y + w)
    elif index == 3:
        box = wp.vec4(-x, -y - w, x, -y)
    elif index == 4:
        box = wp.vec4(-x, y, x, y + w)
    return box


@wp.func
def meet_room(room: Room, o: wp.vec3, d: wp.vec3, limit: float) -> Hit:
    """Ground or container nearer than `limit`."""
    hit = Hit()
    hit.distance = limit
    inverse = inverse_of(d)
    if d[2] < -1.0e-9 and o[2] > room.ground:
        t = (room.ground - o[2]) * inverse[2]
        if t < hit.distance:
            hit.distance = t
            hit.kind = GROUND
            hit.normal = wp.vec3(0.0, 0.0, 1.0)
    if room.walled == 0:
        return hit
    whole = wall_box(room, 0)
    outside = slab(wp.vec3(whole[0], whole[1], -room.wall), wp.vec3(whole[2], whole[3], room.height), o, inverse)
    if outside[0] > outside[1] or outside[1] < 0.0 or outside[0] > hit.distance:
        return hit
    for index in range(5):
        box = wall_box(room, index)
        top = room.height
        if index == 0:
            top = 0.0
        lower, upper = wp.vec3(box[0], box[1], -room.wall), wp.vec3(box[2], box[3], top)
        span = slab(lower, upper, o, inverse)
        if span[0] <= span[1] and span[0] > 0.0 and span[0] < hit.distance:
            hit.distance = span[0]
            hit.kind = WALL
            # The face that was entered is the one whose plane lies at the entry distance.
            a = wp.cw_mul(lower - o, inverse)
            b = wp.cw_mul(upper - o, inverse)
            near = wp.vec3(wp.min(a[0], b[0]), wp.min(a[1], b[1]), wp.min(a[2], b[2]))
            hit.normal = wp.vec3(0.0, 0.0, -wp.sign(d[2]))
            if near[0] >= near[1] and near[0] >= near[2]:
                hit.normal = wp.vec3(-wp.sign(d[0]), 0.0, 0.0)
            elif near[1] >= near[2]:
                hit.normal = wp.vec3(0.0, -wp.sign(d[1]), 0.0)
    return hit


@wp.func
def near_sphere(centre: wp.vec3, radius: float, o: wp.vec3, d: wp.vec3, limit: float) -> bool:
    """Whether the ray touches a sphere before `limit`."""
    between = centre - o
    along = wp.dot(between, d)
    across = between - d * along
    return wp.dot(across, across) <= radius * radius and along + radius > 0.0 and along - radius < limit


@wp.func
def meet_bodies(bodies: Bodies, o: wp.vec3, d: wp.vec3, limit: float) -> Hit:
    """Body nearer than `limit`."""
    hit = Hit()
    hit.distance = limit
    for index in range(bodies.count):
        centre = bodies.position[index]
        if near_sphere(centre, bodies.radius[index], o, d, hit.distance):
            turn = bodies.orientation[index]
            local_o = wp.quat_rotate_inv(turn, o - centre)
            local_d = wp.quat_rotate_inv(turn, d)
            query = wp.mesh_query_ray(bodies.mesh[index], local_o, local_d, hit.distance)
            if query.result and query.t < hit.distance:
                hit.distance = query.t
                hit.kind = BODY
                hit.index = index
                first = 3 * (bodies.first_face[index] + query.face)
                # Warp's barycentrics: u belongs to the first corner, v to the second.
                smooth = (
                    bodies.corner_normal[first] * query.u
                    + bodies.corner_normal[first + 1] * query.v
                    + bodies.corner_normal[first + 2] * (1.0 - query.u - query.v)
                )
                hit.normal = wp.quat_rotate(turn, wp.normalize(smooth))
    return hit


@wp.func
def meet_grains(grains: Grains, o: wp.vec3, d: wp.vec3, limit: float) -> Hit:
    """Grain nearer than `limit`: a walk through the grid's cells along the ray (Amanatides & Woo 1987)."""
    hit = Hit()
    hit.distance = limit
    inverse = inverse_of(d)
    size = wp.vec3(float(grains.size[0]), float(grains.size[1]), float(grains.size[2]))
    span = slab(grains.lower, grains.lower + size * grains.cell, o, inverse)
    enter = wp.max(span[0], 0.0)
    if grains.count == 0 or enter >= wp.min(span[1], limit):
        return hit
    start = (o + d * enter - grains.lower) / grains.cell
    cell = wp.vec3i()
    step = wp.vec3i()
    following = wp.vec3()
    stride = wp.vec3()
    for axis in range(3):
        cell[axis] = wp.clamp(int(wp.floor(start[axis])), 0, grains.size[axis] - 1)
        step[axis] = 1
        plane = float(cell[axis] + 1)
        if d[axis] < 0.0:
            step[axis] = -1
            plane = float(cell[axis])
        following[axis] = (grains.lower[axis] + plane * grains.cell - o[axis]) * inverse[axis]
        stride[axis] = grains.cell * wp.abs(inverse[axis])
    walking = bool(True)
    while walking:
        place = (cell[2] * grains.size[1] + cell[1]) * grains.size[0] + cell[0]
        for entry in range(grains.first[place], grains.first[place + 1]):
            sphere = grains.sphere[entry]
            between = wp.vec3(sphere[0], sphere[1], sphere[2]) - o
            along = wp.dot(between, d)
            # The distance across the ray is small, its square is exact where |o - c|^2 - r^2 would not be.
            across = between - d * along
            inside = sphere[3] * sphere[3] - wp.dot(across, across)
            if inside > 0.0:
                t = along - wp.sqrt(inside)
                if t > 0.0 and t < hit.distance:
                    hit.distance = t
                    hit.kind = GRAIN
                    hit.index = grains.identity[entry]
                    hit.normal = (d * t - between) / sphere[3]
        axis = int(2)
        if following[0] <= following[1] and following[0] <= following[2]:
            axis = int(0)
        elif following[1] <= following[2]:
            axis = int(1)
        left = following[axis]
        cell[axis] = cell[axis] + step[axis]
        following[axis] = left + stride[axis]
        walking = left < hit.distance and cell[axis] >= 0 and cell[axis] < grains.size[axis]
    return hit


@wp.func
def meet_liquid(liquid: Liquid, o: wp.vec3, d: wp.vec3, limit: float) -> Hit:
    """Surface of the liquid nearer than `limit`."""
    hit = Hit()
    hit.distance = limit
    if liquid.count > 0:
        query = wp.mesh_query_ray(liquid.mesh, o, d, limit)
        if query.result and query.t < limit:
            hit.distance = query.t
            hit.kind = LIQUID
            hit.index = query.face
            a = liquid.normal[liquid.index[3 * query.face]]
            b = liquid.normal[liquid.index[3 * query.face + 1]]
            c = liquid.normal[liquid.index[3 * query.face + 2]]
            hit.normal = wp.normalize(a * query.u + b * query.v + c * (1.0 - query.u - query.v))
    return hit


@wp.func
def nearer(a: Hit, b: Hit) -> Hit:
    """The nearer of two hits."""
    if b.kind != NOTHING and b.distance < a.distance:
        return b
    return a


@wp.func
def meet_solid(geometry: Geometry, o: wp.vec3, d: wp.vec3, limit: float) -> Hit:
    """Ground, container or body nearer than `limit`."""
    hit = meet_room(geometry.room, o, d, limit)
    return nearer(hit, meet_bodies(geometry.bodies, o, d, hit.distance))


@wp.func
def meet(geometry: Geometry, o: wp.vec3, d: wp.vec3, limit: float) -> Hit:
    """Whatever is nearest, nearer than `limit`; kind NOTHING if the ray goes free."""
    hit = meet_solid(geometry, o, d, limit)
    hit = nearer(hit, meet_grains(geometry.grains, o, d, hit.distance))
    return nearer(hit, meet_liquid(geometry.liquid, o, d, hit.distance))


@wp.func
def blocked(geometry: Geometry, o: wp.vec3, d: wp.vec3, limit: float) -> bool:
    """Whether a body or the container stands in the way of light."""
    for index in range(geometry.bodies.count):
        centre = geometry.bodies.position[index]
        if near_sphere(centre, geometry.bodies.radius[index], o, d, limit):
            turn = geometry.bodies.orientation[index]
            local_o = wp.quat_rotate_inv(turn, o - centre)
            local_d = wp.quat_rotate_inv(turn, d)
            if wp.mesh_query_ray_anyhit(geometry.bodies.mesh[index], local_o, local_d, limit):
                return True
    hit = meet_room(geometry.room, o, d, limit)
    return hit.kind == WALL
