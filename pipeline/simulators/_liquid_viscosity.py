"""Viscous friction of the liquid: explicit diffusion of the faces' velocity, no slip on walls and bodies."""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def"

from __future__ import annotations

import warp as wp

from pipeline.simulators._liquid_bodies import SHUT, Grid, Shape, distance_at

wp.config.quiet = True
wp.set_module_options({"enable_backward": False})

HELD = wp.constant(0.5)
"""A face with a smaller open share moves with the body that covers it."""


@wp.func
def nearest_body(
    shapes: wp.array(dtype=Shape),
    poses: wp.array(dtype=wp.transform),
    samples: wp.array(dtype=float),
    point: wp.vec3,
):
    """Index of the body whose surface is nearest to a point [m], or which contains it."""
    best = int(0)  # noqa: UP018, RUF046 (a variable in warp, where a literal is a constant)
    least = float(1.0e9)  # noqa: UP018
    for b in range(shapes.shape[0]):
        local = wp.transform_point(wp.transform_inverse(poses[b]), point)
        distance = distance_at(samples, shapes[b], local)
        if distance < least:
            least = distance
            best = b
    return best


@wp.func
def face_centre(grid: Grid, a: int, face: wp.vec3i):
    """Centre of the face with normal a [m]."""
    place = wp.vec3(float(face[0]) + 0.5, float(face[1]) + 0.5, float(face[2]) + 0.5)
    place[a] = place[a] - 0.5
    return grid.low + wp.cw_mul(place, grid.cell)


@wp.func
def surface_velocity(motion: wp.spatial_vector, lever: wp.vec3):
    """Velocity of a body's point, `lever` from its centre of mass."""
    return wp.spatial_top(motion) + wp.cross(wp.spatial_bottom(motion), lever)


@wp.func
def take(drag: wp.array(dtype=wp.spatial_vector), body: int, a: int, momentum: float, lever: wp.vec3):
    """Gives a body momentum [N s] along axis a."""
    impulse = wp.vec3(0.0)
    impulse[a] = momentum
    wp.atomic_add(drag, body, wp.spatial_vector(impulse, wp.cross(lever, impulse)))


@wp.kernel
def diffuse(
    grid: Grid,
    shapes: wp.array(dtype=Shape),
    poses: wp.array(dtype=wp.transform),
    samples: wp.array(dtype=float),
    motion: wp.array(dtype=wp.spatial_vector),
    diffusion: float,
    face_mass: float,
    walls: wp.array4d(dtype=float),
    open_face: wp.array4d(dtype=float),
    known: wp.array4d(dtype=int),
    field: wp.array4d(dtype=float),
    result: wp.array4d(dtype=float),
    drag: wp.array(dtype=wp.spatial_vector),
):
    """One explicit step of du/dt = nu laplace u; `diffusion` = nu dt [m^2], `face_mass` = rho x cell's volume [kg].

    Air takes no shear. Faces that a body covers by half or more move with it. `motion` holds the bodies' velocity and
    angular velocity; the impulse and angular impulse that they take from the liquid are added to `drag`.
    """
    a, i, j, k = wp.tid()
    own = field[a, i, j, k]
    result[a, i, j, k] = own
    counts = grid.shape
    counts[a] = counts[a] + 1
    share = open_face[a, i, j, k]
    if known[a, i, j, k] == 0 or share <= SHUT or i >= counts[0] or j >= counts[1] or k >= counts[2]:
        return
    if share < HELD:
        point = face_centre(grid, a, wp.vec3i(i, j, k))
        b = nearest_body(shapes, poses, samples, point)
        lever = point - wp.transform_get_translation(poses[b])
        surface = surface_velocity(motion[b], lever)[a]
        take(drag, b, a, share * face_mass * (own - surface), lever)
        result[a, i, j, k] = surface
        return
    change = float(0.0)  # noqa: UP018
    for n in range(6):
        axis = n // 2
        step = 2 * (n % 2) - 1
        face = wp.vec3i(i, j, k)
        face[axis] = face[axis] + step
        rate = diffusion / (grid.cell[axis] * grid.cell[axis])
        if face[axis] < 0 or face[axis] >= counts[axis]:
            if axis < 2 or step < 0:
                change -= 2.0 * rate * own  # the wall is half a cell away
        elif walls[a, face[0], face[1], face[2]] == 0.0:
            change -= rate * own
        elif open_face[a, face[0], face[1], face[2]] < HELD:
            point = face_centre(grid, a, face)
            b = nearest_body(shapes, poses, samples, point)
            lever = point - wp.transform_get_translation(poses[b])
            slip = own - surface_velocity(motion[b], lever)[a]
            change -= rate * slip
            take(drag, b, a, face_mass * rate * slip, lever)
        elif known[a, face[0], face[1], face[2]] > 0:
            change += rate * (field[a, face[0], face[1], face[2]] - own)
    result[a, i, j, k] = own + change
