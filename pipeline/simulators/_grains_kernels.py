"""Kernels of the grain solver: moving least squares MPM with APIC transfers (one code for CPU and CUDA, float32)."""

# Warp's annotations are values, not types; its decorators are untyped.
# mypy: disable-error-code="valid-type, untyped-decorator, no-untyped-call, no-untyped-def, no-any-return"

from __future__ import annotations

import warp as wp

wp.config.log_level = wp.LOG_ERROR

INERTIA = wp.constant(0.279)
"""Inertial number I_0 at which half of the friction's growth with the rate of flow is there (Jop et al. 2006)."""
LOOSENED = wp.constant(100.0)
"""Plastic shear strain of grains that have flown apart: of their peak strength nothing is left."""


@wp.struct
class Grid:
    """A box of nodes; the container's floor and walls lie on node planes."""

    origin: wp.vec3  # node (0, 0, 0) [m]
    cell: wp.vec3  # edges of a cell [m]
    shape: wp.vec3i  # number of nodes
    low: wp.vec3i  # first node inside the container (on the wall)
    high: wp.vec3i  # last node inside the container (on the wall); none above


@wp.struct
class Law:
    """Numbers of the granular law."""

    density: float  # at rest [kg/m^3]
    bulk: float  # bulk modulus K [Pa]
    shear: float  # shear modulus G [Pa]
    kappa: float  # Matsuoka-Nakai constant I1 I2 / I3 of a yielding state
    surely: float  # sqrt(J2)/p that every direction of stress allows: the cone's radius in triaxial extension
    attraction: float  # pressure that cohesion adds to the strength: cohesion / tan phi [Pa]
    inertia: float  # diameter of a grain * sqrt(its density) [m (kg/m^3)^(1/2)]
    rate_gain: float  # friction of a fast flow relative to that of a slow one, less 1
    peak_gain: float  # friction of grains that have not been sheared relative to that in steady flow, less 1
    softening: float  # plastic shear strain that wears off all but 1/e of it
    loosest: float  # expansion J beyond which the grains do not touch
    firm: float  # expansion J below which compression is not elastic: grains have moved for good
    unloading: float  # how many times stiffer than in compression they are when unloaded from there
    sharing: float  # share of a particle's difference from its cell's mean expansion that a step takes away
    wall_friction: float


@wp.struct
class Shape:
    """Where a body's distance field lies in the common array, and how the body moves when pushed."""

    offset: int
    counts: wp.vec3i
    origin: wp.vec3
    spacing: float
    reach: float  # radius of the sphere about the centre of mass that encloses the body [m]
    mass: float
    inertia: wp.vec3


@wp.struct
class Pose:
    """State of a body at the beginning of a step."""

    position: wp.vec3
    orientation: wp.quat
    velocity: wp.vec3
    angular_velocity: wp.vec3


@wp.func
def covers(grid: Grid, i: int, j: int, k: int) -> bool:
    """Whether the 27 nodes from (i, j, k) on exist: not for a particle that flies above the grid (or is lost)."""
    n = grid.shape
    return i >= 0 and j >= 0 and k >= 0 and i + 2 < n[0] and j + 2 < n[1] and k + 2 < n[2]


@wp.func
def spline(f: float) -> wp.vec3:
    """Quadratic B-spline weights of three nodes, f = distance from the first one [cells], 0.5..1.5."""
    return wp.vec3(0.5 * (1.5 - f) * (1.5 - f), 0.75 - (f - 1.0) * (f - 1.0), 0.5 * (f - 0.5) * (f - 0.5))


@wp.func
def column(m: wp.mat33, index: int) -> wp.vec4:
    """A column of a matrix that acts on (x, y, z), as (x, y, z, 0)."""
    return wp.vec4(m[0, index], m[1, index], m[2, index], 0.0)


@wp.func
def distance_at(values: wp.array(dtype=float), shape: Shape, point: wp.vec3) -> float:
    """Distance of a point [m, body frame] from a body's surface; far away a large number."""
    g = (point - shape.origin) / shape.spacing
    i = int(wp.floor(g[0]))
    j = int(wp.floor(g[1]))
    k = int(wp.floor(g[2]))
    n = shape.counts
    if i < 0 or j < 0 or k < 0 or i >= n[0] - 1 or j >= n[1] - 1 or k >= n[2] - 1:
        return 1.0e3
    fx = g[0] - float(i)
    fy = g[1] - float(j)
    fz = g[2] - float(k)
    a = shape.offset + (i * n[1] + j) * n[2] + k
    b = a + n[1] * n[2]
    v00 = wp.lerp(values[a], values[a + 1], fz)
    v01 = wp.lerp(values[a + n[2]], values[a + n[2] + 1], fz)
    v10 = wp.lerp(values[b], values[b + 1], fz)
    v11 = wp.lerp(values[b + n[2]], values[b + n[2] + 1], fz)
    return wp.lerp(wp.lerp(v00, v01, fy), wp.lerp(v10, v11, fy), fx)


@wp.func
def normal_at(values: wp.array(dtype=float), shape: Shape, point: wp.vec3) -> wp.vec3:
    """Outward unit normal of the distance field at a point, body frame."""
    h = 0.5 * shape.spacing
    x = wp.vec3(h, 0.0, 0.0)
    y = wp.vec3(0.0, h, 0.0)
    z = wp.vec3(0.0, 0.0, h)
    gradient = wp.vec3(
        distance_at(values, shape, point + x) - distance_at(values, shape, point - x),
        distance_at(values, shape, point + y) - distance_at(values, shape, point - y),
        distance_at(values, shape, point + z) - distance_at(values, shape, point - z),
    )
    return wp.normalize(gradient)


@wp.func
def yield_ratio(lode: float, kappa: float) -> float:
    """Largest sqrt(J2)/p on the Matsuoka-Nakai cone I1 I2 / I3 = kappa.

    With the compressive stress p + t, J2 and J3 of t and y = sqrt(J2)/p the cone is
    (kappa - 9) - (kappa - 3) y^2 + kappa lode y^3 = 0, lode = J3 / J2^1.5; 1/y is the largest root of a depressed
    cubic, which has a closed trigonometric form.
    """
    third = (kappa - 3.0) / (3.0 * (kappa - 9.0))
    offset = 0.5 * kappa * lode / (kappa - 9.0)
    angle = wp.acos(wp.clamp(-offset / (third * wp.sqrt(third)), -1.0, 1.0)) / 3.0
    return 0.5 / (wp.sqrt(third) * wp.cos(angle))


@wp.func
def shared_expansion(J: float, cell: wp.vec2, law: Law) -> float:
    """A particle's expansion, closer to the mean of its cell (sum, count): the grid cannot see, and so never mends,
    differences within a cell. Left alone they grow until 6 of 10 grains of a heap carry nothing and it swells."""
    if cell[1] == 0.0:
        return J
    return wp.lerp(J, cell[0] / cell[1], law.sharing)


@wp.func
def grown(J: float, growth: float, law: Law) -> float:
    """Expansion after a step in which the volume grows by a factor; compressed grains unload on a steeper path."""
    if growth > 1.0 and law.firm > J:
        return wp.clamp(J * (1.0 + law.unloading * (growth - 1.0)), 0.1, 2.0)
    return wp.clamp(J * growth, 0.1, 2.0)


@wp.func
def sheared(s: wp.mat33, L: wp.mat33, pressure: float, strain: float, dt: float, law: Law):
    """Deviator (tension positive) after a step of velocity gradient L, and the plastic shear strain by then: elastic
    trial with Jaumann's rate, then radially back to the Matsuoka-Nakai cone.

    The cone is wider by (mu_2/mu_s - 1) / (1 + I_0/I) where grains flow fast under little pressure, with the inertial
    number I = shear rate * d / sqrt(p / rho_s) (Jop, Forterre & Pouliquen, Nature 441, 727, 2006), and by
    the share of its peak that plastic strain has not worn off (Bolton, Geotechnique 36, 65, 1986).
    """
    D = 0.5 * (L + wp.transpose(L))
    W = 0.5 * (L - wp.transpose(L))
    shear = D - (wp.trace(L) / 3.0) * wp.identity(n=3, dtype=float)
    trial = s + dt * (2.0 * law.shear * shear + W * s - s * W)
    confined = pressure + law.attraction
    j2 = 0.5 * wp.ddot(trial, trial)
    radius = wp.sqrt(j2)
    if radius <= law.surely * confined:
        return trial, strain
    inertia = law.inertia * wp.sqrt(2.0 * wp.ddot(shear, shear) / wp.max(confined, 1.0e-3))
    wider = 1.0 + law.rate_gain * inertia / (inertia + INERTIA) + law.peak_gain * wp.exp(-strain / law.softening)
    lode = -wp.determinant(trial) / (j2 * radius)
    allowed = yield_ratio(lode, law.kappa) * confined * wider
    if radius <= allowed:
        return trial, strain
    return trial * (allowed / radius), strain + (radius - allowed) / law.shear


@wp.kernel(enable_backward=False)
def scatter(
    grid: Grid,
    law: Law,
    dt: float,
    volume: float,
    position: wp.array(dtype=wp.vec3),
    velocity: wp.array(dtype=wp.vec3),
    gradient: wp.array(dtype=wp.mat33),
    deviator: wp.array(dtype=wp.mat33),
    strain: wp.array(dtype=float),
    expansion: wp.array(dtype=float),
    packing: wp.array3d(dtype=wp.vec2),
    node: wp.array3d(dtype=wp.vec4),
):
    """Stress of particles from the gradient of the step before (Dunatunga & Kamrin 2015); then particles to nodes:
    momentum with the stress impulse of the step in it (x, y, z), and mass (w)."""
    p = wp.tid()
    g = wp.cw_div(position[p] - grid.origin, grid.cell)
    i = int(g[0] - 0.5)
    j = int(g[1] - 0.5)
    k = int(g[2] - 0.5)
    if not covers(grid, i, j, k):
        return
    J = shared_expansion(expansion[p], packing[int(g[0]), int(g[1]), int(g[2])], law)
    pressure = 0.0
    stress = wp.mat33(0.0)
    slid = LOOSENED
    if law.loosest > J:
        pressure = law.bulk * (1.0 / J - 1.0)
        stress, slid = sheared(deviator[p], gradient[p], pressure, strain[p], dt, law)
    expansion[p] = J
    strain[p] = slid
    deviator[p] = stress
    stress -= pressure * wp.identity(n=3, dtype=float)
    mass = law.density * volume
    inverse = wp.vec3(
        4.0 / (grid.cell[0] * grid.cell[0]), 4.0 / (grid.cell[1] * grid.cell[1]), 4.0 / (grid.cell[2] * grid.cell[2])
    )
    affine = mass * gradient[p] - (dt * volume * J) * (stress * wp.diag(inverse))
    fx = g[0] - float(i)
    fy = g[1] - float(j)
    fz = g[2] - float(k)
    wx = spline(fx)
    wy = spline(fy)
    wz = spline(fz)
    v = velocity[p]
    centre = mass * wp.vec4(v[0], v[1], v[2], 1.0)
    along_x = column(affine, 0) * grid.cell[0]
    along_y = column(affine, 1) * grid.cell[1]
    along_z = column(affine, 2) * grid.cell[2]
    for a in range(3):
        for b in range(3):
            share = wx[a] * wy[b]
            level = share * (centre + (float(a) - fx) * along_x + (float(b) - fy) * along_y)
            for c in range(3):
                wp.atomic_add(node, i + a, j + b, k + c, wz[c] * (level + (share * (float(c) - fz)) * along_z))


@wp.kernel(enable_backward=False)
def accelerate(dt: float, gravity: wp.vec3, node: wp.array3d(dtype=wp.vec4)):
    """Momentum of a node to its velocity, gravity included."""
    i, j, k = wp.tid()
    q = node[i, j, k]
    mass = q[3]
    if mass > 0.0:
        v = wp.vec3(q[0], q[1], q[2]) / mass + dt * gravity
        node[i, j, k] = wp.vec4(v[0], v[1], v[2], mass)


@wp.func
def slide(velocity: wp.vec3, normal: wp.vec3, friction: float) -> wp.vec3:
    """Velocity after contact with a fixed Coulomb wall that can only push."""
    approach = wp.dot(velocity, normal)
    if approach >= 0.0:
        return velocity
    tangent = velocity - approach * normal
    speed = wp.length(tangent)
    return tangent * wp.max(0.0, 1.0 + friction * approach / wp.max(speed, 1.0e-12))


@wp.kernel(enable_backward=False)
def confine(grid: Grid, law: Law, node: wp.array3d(dtype=wp.vec4), received: wp.array(dtype=wp.vec3d)):
    """Floor and walls as Coulomb boundaries on their nodes; sums the impulse that the container receives."""
    i, j, k = wp.tid()
    q = node[i, j, k]
    mass = q[3]
    if mass == 0.0:
        return
    before = wp.vec3(q[0], q[1], q[2])
    v = before
    if k <= grid.low[2]:
        v = slide(v, wp.vec3(0.0, 0.0, 1.0), law.wall_friction)
    if i <= grid.low[0]:
        v = slide(v, wp.vec3(1.0, 0.0, 0.0), law.wall_friction)
    if i >= grid.high[0]:
        v = slide(v, wp.vec3(-1.0, 0.0, 0.0), law.wall_friction)
    if j <= grid.low[1]:
        v = slide(v, wp.vec3(0.0, 1.0, 0.0), law.wall_friction)
    if j >= grid.high[1]:
        v = slide(v, wp.vec3(0.0, -1.0, 0.0), law.wall_friction)
    node[i, j, k] = wp.vec4(v[0], v[1], v[2], mass)
    change = mass * (before - v)
    wp.atomic_add(received, 0, wp.vec3d(wp.float64(change[0]), wp.float64(change[1]), wp.float64(change[2])))


@wp.kernel(enable_backward=False)
def gather(
    grid: Grid,
    law: Law,
    dt: float,
    gravity: wp.vec3,
    node: wp.array3d(dtype=wp.vec4),
    position: wp.array(dtype=wp.vec3),
    velocity: wp.array(dtype=wp.vec3),
    gradient: wp.array(dtype=wp.mat33),
    expansion: wp.array(dtype=float),
    packing: wp.array3d(dtype=wp.vec2),
):
    """Nodes to particles: velocity, its gradient, position and expansion; and the sum of expansions in each cell."""
    p = wp.tid()
    x = position[p]
    g = wp.cw_div(x - grid.origin, grid.cell)
    i = int(g[0] - 0.5)
    j = int(g[1] - 0.5)
    k = int(g[2] - 0.5)
    if not covers(grid, i, j, k):
        v = velocity[p] + dt * gravity
        velocity[p] = v
        position[p] = x + dt * v
        return
    fx = g[0] - float(i)
    fy = g[1] - float(j)
    fz = g[2] - float(k)
    wx = spline(fx)
    wy = spline(fy)
    wz = spline(fz)
    rises = wp.vec3(wz[0] * (0.0 - fz), wz[1] * (1.0 - fz), wz[2] * (2.0 - fz))
    mean = wp.vec4(0.0, 0.0, 0.0, 0.0)
    along_x = wp.vec4(0.0, 0.0, 0.0, 0.0)
    along_y = wp.vec4(0.0, 0.0, 0.0, 0.0)
    along_z = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for a in range(3):
        for b in range(3):
            q0 = node[i + a, j + b, k]
            q1 = node[i + a, j + b, k + 1]
            q2 = node[i + a, j + b, k + 2]
            share = wx[a] * wy[b]
            level = share * (wz[0] * q0 + wz[1] * q1 + wz[2] * q2)
            mean += level
            along_x += (float(a) - fx) * level
            along_y += (float(b) - fy) * level
            along_z += share * (rises[0] * q0 + rises[1] * q1 + rises[2] * q2)
    v = wp.vec3(mean[0], mean[1], mean[2])
    L = wp.matrix_from_cols(
        (4.0 / grid.cell[0]) * wp.vec3(along_x[0], along_x[1], along_x[2]),
        (4.0 / grid.cell[1]) * wp.vec3(along_y[0], along_y[1], along_y[2]),
        (4.0 / grid.cell[2]) * wp.vec3(along_z[0], along_z[1], along_z[2]),
    )
    velocity[p] = v
    gradient[p] = L
    x += dt * v
    position[p] = x
    J = grown(expansion[p], wp.determinant(wp.identity(n=3, dtype=float) + dt * L), law)
    expansion[p] = J
    g = wp.cw_div(x - grid.origin, grid.cell)
    if covers(grid, int(g[0]), int(g[1]), int(g[2])):
        wp.atomic_add(packing, int(g[0]), int(g[1]), int(g[2]), wp.vec2(J, 1.0))


@wp.kernel(enable_backward=False)
def keep_out(
    grid: Grid,
    values: wp.array(dtype=float),
    shape: wp.array(dtype=Shape),
    pose: wp.array(dtype=Pose),
    bodies: int,
    gap: float,
    position: wp.array(dtype=wp.vec3),
    corrected: wp.array(dtype=int),
):
    """The last resort: a particle inside a body or beyond a wall is put back onto its surface."""
    p = wp.tid()
    x = position[p]
    for b in range(bodies):
        body = shape[b]
        if wp.length(x - pose[b].position) < body.reach + gap:
            local = wp.quat_rotate_inv(pose[b].orientation, x - pose[b].position)
            depth = gap - distance_at(values, body, local)
            if depth > 0.0:
                x += depth * wp.quat_rotate(pose[b].orientation, normal_at(values, body, local))
    low = grid.origin + wp.cw_mul(grid.cell, wp.vec3(float(grid.low[0]), float(grid.low[1]), float(grid.low[2])))
    high = grid.origin + wp.cw_mul(grid.cell, wp.vec3(float(grid.high[0]), float(grid.high[1]), float(grid.high[2])))
    inside = wp.vec3(wp.clamp(x[0], low[0], high[0]), wp.clamp(x[1], low[1], high[1]), wp.max(x[2], low[2]))
    if wp.length_sq(inside - position[p]) > 0.0:
        position[p] = inside
        wp.atomic_add(corrected, 0, 1)
