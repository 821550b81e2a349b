"""Contact of grid nodes with moving bodies: one sequential-impulse solve per step, implicit in the bodies' masses."""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def, no-any-return"

from __future__ import annotations

import warp as wp

from pipeline.simulators._grains_kernels import Grid, Pose, Shape, distance_at, normal_at

SWEEPS = 12
"""Passes over all contacts; the push of a body 8 times lighter than the medium it displaces settles in about 10."""
STUCK = wp.constant(0.5)
"""Nodes in thin walls deeper than this move with the wall [cells]."""
PROBE = wp.constant(1.5)
"""How much deeper to look whether a wall ends there [cells]."""


@wp.struct
class Contact:
    """A node that touches a body."""

    body: int
    node: wp.vec3i
    normal: wp.vec3  # out of the body
    arm: wp.vec3  # from the centre of mass to the node [m]
    push: float  # impulse along the normal, from the body to the node [N s]
    drag: wp.vec3  # impulse along the surface [N s]
    stuck: bool  # the node moves with the body, whatever pulls


@wp.func
def softness(arm: wp.vec3, direction: wp.vec3, rotation: wp.mat33, inertia: wp.vec3, mass: float) -> float:
    """Velocity that a unit impulse gives to a body's point along its direction [1/kg]."""
    turn = rotation * wp.cw_div(wp.transpose(rotation) * wp.cross(arm, direction), inertia)
    return 1.0 / mass + wp.dot(wp.cross(turn, arm), direction)


@wp.func
def within_thin(
    values: wp.array(dtype=float), body: Shape, local: wp.vec3, outward: wp.vec3, distance: float, cell: float
) -> bool:
    """Whether a node lies in the middle of a thin wall, where the nearest surface may be that of the far side: a
    normal from there would let the medium through."""
    if distance > -STUCK * cell:
        return False
    rise = distance_at(values, body, local + 0.25 * cell * outward) - distance
    if rise < 0.1 * cell:  # on the middle surface there is no way out; 0.25 elsewhere, 0.14 within a corner
        return True
    return distance_at(values, body, local - PROBE * cell * outward) > distance


@wp.kernel(enable_backward=False)
def touch(
    grid: Grid,
    dt: float,
    friction: float,
    gap: float,
    sweeps: int,
    values: wp.array(dtype=float),
    shape: wp.array(dtype=Shape),
    pose: wp.array(dtype=Pose),
    bodies: int,
    node: wp.array3d(dtype=wp.vec4),
    contact: wp.array(dtype=Contact),
    capacity: int,
    impulse: wp.array2d(dtype=wp.float64),
):
    """Stop nodes closer than `gap` from entering bodies; Coulomb friction along the surface, free separation.

    `pose` comes with the velocities that the bodies would have after the step without the medium. Every impulse
    changes them as it is found, so that a light body does not answer a whole step late to medium that weighs more
    than itself (added mass). One thread walks over all contacts: the
    order, and so the result, is the same everywhere. `pose` is left as it will be after the step.
    """
    found = wp.int32(0)
    for b in range(bodies):
        body = shape[b]
        centre = wp.cw_div(pose[b].position - grid.origin, grid.cell)
        span = wp.cw_div(wp.vec3(body.reach + gap, body.reach + gap, body.reach + gap), grid.cell)
        for i in range(wp.max(int(centre[0] - span[0]), 0), wp.min(int(centre[0] + span[0]) + 2, grid.shape[0])):
            for j in range(wp.max(int(centre[1] - span[1]), 0), wp.min(int(centre[1] + span[1]) + 2, grid.shape[1])):
                for k in range(
                    wp.max(int(centre[2] - span[2]), 0), wp.min(int(centre[2] + span[2]) + 2, grid.shape[2])
                ):
                    if node[i, j, k][3] > 0.0 and found < capacity:
                        x = grid.origin + wp.cw_mul(grid.cell, wp.vec3(float(i), float(j), float(k)))
                        arm = x - pose[b].position
                        local = wp.quat_rotate_inv(pose[b].orientation, arm)
                        distance = distance_at(values, body, local)
                        if distance < gap:
                            outward = normal_at(values, body, local)
                            c = Contact()
                            c.body = b
                            c.node = wp.vec3i(i, j, k)
                            c.normal = wp.quat_rotate(pose[b].orientation, outward)
                            c.stuck = within_thin(values, body, local, outward, distance, wp.min(grid.cell))
                            c.arm = arm
                            c.push = 0.0
                            c.drag = wp.vec3(0.0, 0.0, 0.0)
                            contact[found] = c
                            found += 1

    for _ in range(sweeps):
        for n in range(found):
            c = contact[n]
            b = c.body
            mass = shape[b].mass
            inertia = shape[b].inertia
            rotation = wp.quat_to_matrix(pose[b].orientation)
            q = node[c.node[0], c.node[1], c.node[2]]
            u = wp.vec3(q[0], q[1], q[2])
            w = pose[b].angular_velocity
            slip = u - pose[b].velocity - wp.cross(w, c.arm)
            ease = 1.0 / q[3] + softness(c.arm, c.normal, rotation, inertia, mass)
            push = c.push - wp.dot(slip, c.normal) / ease
            if not c.stuck:
                push = wp.max(push, 0.0)
            given = (push - c.push) * c.normal
            slip += given / q[3]
            slip -= wp.dot(slip, c.normal) * c.normal
            speed = wp.length(slip)
            if speed > 1.0e-9:
                ease = 1.0 / q[3] + softness(c.arm, slip / speed, rotation, inertia, mass)
                drag = c.drag - slip / ease
                limit = friction * push
                size = wp.length(drag)
                if size > limit and not c.stuck:
                    drag = drag * (limit / size)
                given += drag - c.drag
                contact[n].drag = drag
            contact[n].push = push
            u += given / q[3]
            node[c.node[0], c.node[1], c.node[2]] = wp.vec4(u[0], u[1], u[2], q[3])
            turn = rotation * wp.cw_div(wp.transpose(rotation) * wp.cross(c.arm, given), inertia)
            pose[b].velocity = pose[b].velocity - given / mass
            pose[b].angular_velocity = w - turn

    for n in range(found):
        c = contact[n]
        total = c.push * c.normal + c.drag
        moment = wp.cross(c.arm, total)
        for axis in range(3):
            impulse[c.body, axis] = impulse[c.body, axis] - wp.float64(total[axis])
            impulse[c.body, 3 + axis] = impulse[c.body, 3 + axis] - wp.float64(moment[axis])

    for b in range(bodies):
        pose[b].position = pose[b].position + dt * pose[b].velocity
        w = pose[b].angular_velocity
        turned = pose[b].orientation
        pose[b].orientation = wp.normalize(turned + (0.5 * dt) * (wp.quat(w[0], w[1], w[2], 0.0) * turned))
