"""Procedural solid textures: a colour for every point in space, on the device."""

# Warp reads these functions itself: Python's type checker cannot follow its types, and a number that a loop changes
# is declared by a cast.
# mypy: disable-error-code="untyped-decorator, misc, assignment, no-any-return"
# ruff: noqa: UP018

from __future__ import annotations

import warp as wp

from pipeline.types import Surface

KINDS = {"plain": 0, "checker": 1, "stripes": 2, "speckle": 3, "wood": 4, "tiles": 5}
"""The names of `types.Surface.kind` as numbers for the kernels."""

_CHECKER = wp.constant(1)
_STRIPES = wp.constant(2)
_SPECKLE = wp.constant(3)
_WOOD = wp.constant(4)
_TILES = wp.constant(5)


@wp.struct
class Texture:
    """`types.Surface` for kernels."""

    kind: int
    albedo: wp.vec3
    albedo2: wp.vec3
    scale: float
    gloss: float
    seed: int


def texture(surface: Surface) -> Texture:
    """The surface as a kernel argument; raises ValueError for an unknown kind or a scale that is not positive."""
    if surface.kind not in KINDS:
        raise ValueError(f"Surface: there is no kind '{surface.kind}', choose one of {', '.join(KINDS)}")
    if not surface.scale > 0.0:
        raise ValueError(f"Surface: scale must be > 0 m, got {surface.scale}")
    made = Texture()
    made.kind = KINDS[surface.kind]
    made.albedo, made.albedo2 = wp.vec3(*surface.albedo), wp.vec3(*surface.albedo2)
    made.scale, made.gloss, made.seed = surface.scale, surface.gloss, surface.seed
    return made


@wp.func
def hash_cell(seed: int, i: int, j: int, k: int) -> wp.uint32:
    """Random state of one cell of an endless lattice."""
    return wp.rand_init(seed, i * 73856093 ^ j * 19349663 ^ k * 83492791)


@wp.func
def smoothstep(low: float, high: float, x: float) -> float:
    """Hermite step from 0 at `low` to 1 at `high`."""
    s = wp.clamp((x - low) / (high - low), 0.0, 1.0)
    return s * s * (3.0 - 2.0 * s)


@wp.func
def _spots(seed: int, q: wp.vec3) -> float:
    """1 inside scattered spots (at most one a unit cell, of random place and size), 0 between them."""
    base = wp.vec3(wp.floor(q[0]), wp.floor(q[1]), wp.floor(q[2]))
    state = hash_cell(seed, int(base[0]), int(base[1]), int(base[2]))
    radius = 0.2 + 0.28 * wp.randf(state)
    if wp.randf(state) < 0.3:
        return 0.0
    # Each spot stays inside its own cell, so one cell is enough to look at.
    free = 1.0 - 2.0 * radius
    centre = base + wp.vec3(
        radius + free * wp.randf(state), radius + free * wp.randf(state), radius + free * wp.randf(state)
    )
    return 1.0 - smoothstep(radius * 0.75, radius, wp.length(q - centre))


@wp.func
def _speckle(seed: int, q: wp.vec3) -> float:
    """Spots of two sizes on two tilted lattices: a plane cuts them at random, no rows show."""
    one = wp.vec3(
        0.36 * q[0] + 0.48 * q[1] - 0.8 * q[2], -0.8 * q[0] + 0.6 * q[1], 0.48 * q[0] + 0.64 * q[1] + 0.6 * q[2]
    )
    two = wp.vec3(one[2] * 0.6 + one[0] * 0.8, one[1] * 0.96 + one[2] * 0.28, one[0] * 0.6 - one[2] * 0.8) * 1.9
    return wp.max(_spots(seed, one), _spots(seed + 1, two) * 0.8)


@wp.func
def _grout(q: wp.vec3, normal: wp.vec3, width: float) -> float:
    """1 in the joints of a unit lattice, seen on the planes that the normal does not cut."""
    joint = float(0.0)
    for axis in range(3):
        if wp.abs(normal[axis]) < 0.7:
            edge = 0.5 - wp.abs(q[axis] - wp.floor(q[axis]) - 0.5)
            joint = wp.max(joint, 1.0 - smoothstep(0.035, 0.035 + width, edge))
    # A joint thinner than a pixel is drawn as wide as the pixel and fainter, so that it covers the same area.
    return joint * wp.min(1.0, 0.055 / (0.035 + 0.5 * width))


@wp.func
def _wood(seed: int, q: wp.vec3) -> float:
    """Year rings around the y axis, bent by noise; 1 in the dark late wood."""
    bend = wp.noise(wp.rand_init(seed), wp.vec3(q[0] * 0.5, q[1] * 0.15, q[2] * 0.5))
    ring = wp.sqrt(q[0] * q[0] + (q[2] + 3.3) * (q[2] + 3.3)) * 1.7 + 1.2 * bend
    part = ring - wp.floor(ring)
    return smoothstep(0.25, 0.85, part) * (1.0 - smoothstep(0.9, 1.0, part))


@wp.func
def albedo_at(texture: Texture, p: wp.vec3, normal: wp.vec3, footprint: float) -> wp.vec3:
    """Diffuse colour at a point.

    `p` [m] and `normal` are in the frame that the pattern is fixed to; `footprint` [m] is the width of a pixel there:
    what is finer than a pixel fades into its mean, or it would flicker.
    """
    # The shift keeps lattice planes off the flat faces of boxes and floors, where rounding would decide the colour.
    q = p / texture.scale + wp.vec3(0.371, 0.293, 0.417)
    width = footprint / texture.scale
    mix = float(0.0)
    mean = float(0.0)
    if texture.kind == _CHECKER:
        mix = wp.mod(wp.abs(wp.floor(q[0]) + wp.floor(q[1]) + wp.floor(q[2])), 2.0)
        mean = 0.5
    elif texture.kind == _STRIPES:
        wave = q[0] + 0.35 * q[2]
        mix = smoothstep(0.2, 0.3, wp.abs(wave - wp.floor(wave) - 0.5))
        mean = 0.5
    elif texture.kind == _SPECKLE:
        mix = _speckle(texture.seed, q)
        mean = 0.3
    elif texture.kind == _WOOD:
        mix = _wood(texture.seed, q)
        mean = 0.4
    elif texture.kind == _TILES:
        mix = _grout(q, normal, 0.02 + width)
        mean = 0.12
    fade = smoothstep(0.35, 1.4, width)
    mix = mix + (mean - mix) * fade
    colour = texture.albedo * (1.0 - mix) + texture.albedo2 * mix
    state = wp.rand_init(texture.seed)
    fine = wp.noise(state, q * 2.3) * (1.0 - smoothstep(0.15, 0.6, width))
    broad = wp.noise(state, q * 0.61) * (1.0 - fade)
    tile = float(0.0)
    if texture.kind == _TILES:
        tile = wp.randf(hash_cell(texture.seed, int(wp.floor(q[0])), int(wp.floor(q[1])), int(wp.floor(q[2])))) - 0.5
    return colour * (1.0 + 0.22 * fine + 0.16 * broad + 0.16 * tile * (1.0 - fade) * (1.0 - mix))
