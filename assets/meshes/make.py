"""Makes the meshes of this folder, the same bytes every time: python assets/meshes/make.py

Each solid is a lattice of blocks of which some are full, bent into shape by a smooth map. Its surface is what lies
between full and empty blocks, so it is closed and faces outward by construction. Lengths are in metres, z is up, the
floor is z = 0. Parts are thicker than those of real things, because a simulated medium needs to see them: at least a
ninth of the longest edge, a fourteenth of the mug's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
HERE = Path(__file__).resolve().parent
STEP = 1e-5
"""Corners are rounded to this [m], and those that come to the same place are one."""
AROUND = 32
"""Blocks around an axis."""


class Blocks:
    """A lattice of blocks, all empty at first; its three coordinates mean what the map that bends it says."""

    def __init__(self, *ticks: Sequence[float] | Float64, ring: int | None = None) -> None:
        """`ticks` are the edges of the blocks along each axis; along axis `ring` the last block touches the first."""
        self.ticks = [np.asarray(axis, np.float64) for axis in ticks]
        self.middle = np.meshgrid(*((axis[1:] + axis[:-1]) / 2 for axis in self.ticks), indexing="ij")
        self.full = np.zeros(self.middle[0].shape, bool)
        self.ring = ring

    def fill(self, *limits: tuple[float, float], empty: bool = False) -> None:
        """Fill the blocks whose middles are within all limits (from, to); or empty them."""
        within = np.ones(self.full.shape, bool)
        for middle, (low, high) in zip(self.middle, limits, strict=True):
            within &= (middle > low) & (middle < high)
        self.full[within] = not empty

    def surface(self, bend: Callable[[Float64, Float64, Float64], Sequence[Float64]]) -> tuple[Float64, Int64]:
        """Corners (V, 3) [m] and triangles (F, 3) of the bent surface; `bend` takes lattice coordinates to x, y, z."""
        grid = np.stack(np.meshgrid(*self.ticks, indexing="ij"), axis=-1)
        number = np.arange(grid[..., 0].size).reshape(grid.shape[:3])
        quads = np.concatenate([quad for axis in range(3) for quad in self._sides(axis, number)])
        corners = np.stack(bend(*grid.reshape(-1, 3).T), axis=-1)
        places, same = np.unique(np.round(corners / STEP).astype(np.int64), axis=0, return_inverse=True)
        triangles = same.reshape(-1)[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]
        a, b, c = triangles.T
        triangles = triangles[(a != b) & (b != c) & (c != a)]  # at an axis, blocks are wedges
        used, triangles = np.unique(triangles, return_inverse=True)
        return places[used] * STEP, triangles.reshape(-1, 3)

    def _sides(self, axis: int, number: Int64) -> list[Int64]:
        """Corner numbers (Q, 4) of the squares across one axis where full meets empty, seen from the empty side."""
        width = [(0, 0)] * 3
        width[axis] = (1, 1)
        full = np.pad(self.full, width, mode="wrap" if axis == self.ring else "constant")
        below = np.take(full, range(full.shape[axis] - 1), axis)
        above = np.take(full, range(1, full.shape[axis]), axis)
        found = []
        for side, turn in ((below & ~above, 1), (above & ~below, -1)):
            at = np.argwhere(side)
            if axis == self.ring:
                at = at[at[:, axis] > 0]  # the seam is one side, not two
            one, other = np.eye(3, dtype=int)[[(axis + 1) % 3, (axis + 2) % 3]]
            square = [number[tuple((at + step).T)] for step in (0 * one, one, one + other, other)]
            found.append(np.stack(square[::turn], axis=-1))
        return found


def straight(*axes: Float64) -> Sequence[Float64]:
    """Blocks as they are."""
    return axes


def turned(r: Float64, angle: Float64, z: Float64) -> Sequence[Float64]:
    """Blocks around the z axis."""
    return r * np.cos(angle), r * np.sin(angle), z


ANGLES = np.linspace(0, 2 * np.pi, AROUND + 1)
EVERYWHERE = (-np.inf, np.inf)


def seat(width: float, deep: float, high: float, tall: float, beam: float, arms: bool) -> tuple[Float64, Int64]:
    """A seat `high` above the floor on four legs as thick as it, `beam`; `tall` above the floor ends its back."""
    x, y = deep / 2, width / 2
    rail, arm = tall - 0.29 * tall, high + 0.32 * (tall - high) + beam
    heights = sorted(
        {0.0, high - beam, high, tall} | ({rail} if tall > high else set()) | ({arm - beam, arm} if arms else set())
    )
    blocks = Blocks([-x, -x + beam, x - beam, x], [-y, -y + beam, y - beam, y], heights)
    blocks.fill(EVERYWHERE, EVERYWHERE, (high - beam, high))
    for side in ((-y, -y + beam), (y - beam, y)):
        blocks.fill((-x, -x + beam), side, (0, tall))
        blocks.fill((x - beam, x), side, (0, arm if arms else high))
        if arms:
            blocks.fill(EVERYWHERE, side, (arm - beam, arm))
    if tall > high:
        blocks.fill((-x, -x + beam), EVERYWHERE, (rail, tall))

    def lean(x: Float64, y: Float64, z: Float64) -> Sequence[Float64]:
        """The back leans back, the legs stand a little apart."""
        back = 0.2 * np.maximum(z - high, 0) * (x < 0)
        apart = 1 + 0.12 * np.maximum(1 - z / (high - beam), 0)
        return apart * x - back, apart * y, z

    return blocks.surface(lean)


def chair() -> tuple[Float64, Int64]:
    """A child's wooden chair."""
    return seat(width=0.20, deep=0.18, high=0.14, tall=0.28, beam=0.036, arms=False)


def stool() -> tuple[Float64, Int64]:
    """A footstool: a seat without a back."""
    return seat(width=0.25, deep=0.19, high=0.17, tall=0.17, beam=0.036, arms=False)


def armchair() -> tuple[Float64, Int64]:
    """A chair with arms."""
    return seat(width=0.24, deep=0.20, high=0.12, tall=0.28, beam=0.036, arms=True)


def ship() -> tuple[Float64, Int64]:
    """A toy steamer, solid: hull, deckhouse, funnel. Broad, so that it swims upright."""
    blocks = Blocks(np.linspace(-1, 1, 21), np.linspace(-1, 1, 11), [0, 0.2, 0.4, 0.7, 1.0, 1.45, 2.0])
    blocks.fill(EVERYWHERE, EVERYWHERE, (0, 1))
    blocks.fill((-0.7, 0.2), (-0.6, 0.6), (1, 1.45))
    blocks.fill((-0.5, -0.1), (-0.4, 0.4), (1.45, 2.0))

    def hull(x: Float64, y: Float64, z: Float64) -> Sequence[Float64]:
        """Ribs: narrower towards the keel, the bow and a little the stern; the bow rises and rakes forward."""
        deck = np.minimum(z, 1)
        plan = np.where(x > 0, 1 - 0.86 * np.abs(x) ** 2.2, 1 - 0.35 * np.abs(x) ** 3)
        rise = np.maximum(x, 0) ** 2
        return (
            0.10 * (x + 0.12 * deck * rise),
            0.045 * y * plan * (0.45 + 0.55 * np.sqrt(deck)),
            0.035 * (z + 0.35 * rise * deck),
        )

    return blocks.surface(hull)


def boat() -> tuple[Float64, Int64]:
    """A bath toy, solid: a stubby tug with a wheelhouse, for coarse water."""
    blocks = Blocks(np.linspace(-1, 1, 15), np.linspace(-1, 1, 11), [0, 0.25, 0.5, 0.75, 1.0, 1.6])
    blocks.fill(EVERYWHERE, EVERYWHERE, (0, 1))
    blocks.fill((-0.55, 0.15), (-0.6, 0.6), (1, 1.6))

    def hull(x: Float64, y: Float64, z: Float64) -> Sequence[Float64]:
        """As that of the ship, broader and rounder."""
        deck = np.minimum(z, 1)
        plan = np.where(x > 0, 1 - 0.80 * np.abs(x) ** 2.6, 1 - 0.35 * np.abs(x) ** 4)
        rise = np.maximum(x, 0) ** 2
        wide = 0.042 * y * plan * (0.65 + 0.35 * np.sqrt(deck))
        return 0.07 * (x + 0.1 * deck * rise), wide, 0.044 * (z + 0.25 * rise * deck)

    return blocks.surface(hull)


def vessel(
    radius: Callable[[Float64], Float64],
    height: float,
    wall: float,
    handle: tuple[float, float, float] | None = None,
    spout: float = 0.0,
) -> tuple[Float64, Int64]:
    """A round vessel that is open above; `radius` [m] is that of its outside by height.

    `handle` reaches as far out from its lower to its upper end, all [m]; a `spout` bends the rim opposite to it.
    """
    levels = set(np.linspace(wall, height, 7).round(5).tolist()) | {0.0}
    reach, low, high = handle or (2 * wall, 0.0, 0.0)
    levels |= {low, low + wall, high - wall, high} if handle else set()
    # The outer blocks hold the handle only: 0 is the axis, 1 the inside, 2 the outside, 3 and 4 the handle's grip.
    blocks = Blocks([0, 1, 2, 3, 4], ANGLES, sorted(levels), ring=1)
    blocks.fill((0, 2), EVERYWHERE, (0, height))
    blocks.fill((0, 1), EVERYWHERE, (wall, height), empty=True)
    if handle:
        half = 2 * np.pi / AROUND * 1.01
        for side in ((0, half), (2 * np.pi - half, 2 * np.pi)):
            blocks.fill((2, 4), side, (low, low + wall))
            blocks.fill((2, 4), side, (high - wall, high))
            blocks.fill((3, 4), side, (low, high))

    def round_(part: Float64, angle: Float64, z: Float64) -> Sequence[Float64]:
        outside = radius(z)
        r = np.minimum(part, 1) * (outside - wall) + np.clip(part - 1, 0, 1) * wall
        grip = np.clip(part - 2, 0, 1) * (reach - wall) + np.clip(part - 3, 0, 1) * wall
        near = np.cos(np.clip((angle - np.pi) / 0.9, -1, 1) * np.pi / 2) ** 2 * np.clip(2 * z / height - 1, 0, 1) ** 2
        # The grip is upright and as wide as at its root, however the vessel bulges.
        out = r + np.where(part > 2, grip + (radius(np.full_like(z, high)) - outside), 0)
        side = np.where(part > 2, r, out) * np.sin(angle)
        along = np.where(part > 2, r * np.cos(angle) + out - r, out * np.cos(angle))
        return along - spout * near * (part > 0), side, z

    return blocks.surface(round_)


def cup() -> tuple[Float64, Int64]:
    """A stoneware mug."""
    return vessel(lambda z: 0.043 + 0.004 * z / 0.1, 0.10, 0.0148, handle=(0.036, 0.018, 0.085))


def mug() -> tuple[Float64, Int64]:
    """A wide straight mug to hold a liquid and what swims in it; its walls are a fourteenth of it."""
    return vessel(lambda z: np.full_like(z, 0.048), 0.062, 0.0088, handle=(0.026, 0.012, 0.052))


def jug() -> tuple[Float64, Int64]:
    """A jug with a belly, a handle and a spout."""
    return vessel(lambda z: 0.055 + 0.022 * np.sin(2.6 * z / 0.22 + 0.45), 0.22, 0.032, (0.075, 0.07, 0.20), spout=0.02)


def pitcher() -> tuple[Float64, Int64]:
    """A straight wide jug with a handle and a spout, for coarse water to be poured from."""
    return vessel(lambda z: np.full_like(z, 0.112), 0.28, 0.033, (0.056, 0.06, 0.25), spout=0.02)


def bowl() -> tuple[Float64, Int64]:
    """A bowl."""
    return vessel(lambda z: 0.065 + 0.045 * (np.maximum(z, 0) / 0.09) ** 0.7, 0.09, 0.032)


def pipe() -> tuple[Float64, Int64]:
    """A pipe that is open at both ends and turns by a right angle: along x, then upwards."""
    arm, bend, inner, wall = 0.12, 0.10, 0.045, 0.036
    quarter = bend * np.pi / 2
    steps = [0, *np.linspace(arm, arm + quarter, 13), 2 * arm + quarter]
    blocks = Blocks([inner, inner + wall], ANGLES, steps, ring=1)
    blocks.fill(EVERYWHERE, EVERYWHERE, EVERYWHERE)

    def along(r: Float64, angle: Float64, way: Float64) -> Sequence[Float64]:
        """`way` goes along the axis, from the open end at x = 0; the turn is that of a circle of radius `bend`."""
        turn = np.clip(way - arm, 0, quarter) / bend
        up = r * np.cos(angle)
        x = np.minimum(way, arm) + (bend - up) * np.sin(turn)
        z = bend - (bend - up) * np.cos(turn) + np.maximum(way - arm - quarter, 0)
        return x, -r * np.sin(angle), z + inner + wall

    return blocks.surface(along)


def boot() -> tuple[Float64, Int64]:
    """A rubber boot, solid: sole with heel, foot, shaft; the toe points along x."""
    length, high = 0.26, 0.26
    blocks = Blocks(np.linspace(0, 1, 19), np.linspace(-1, 1, 9), [0, 0.08, 0.16, 0.26, 0.38, 0.5, 0.65, 0.8, 1.0])
    blocks.fill(EVERYWHERE, EVERYWHERE, (0, 0.38))
    blocks.fill((0, 0.45), EVERYWHERE, (0.3, 1))
    blocks.fill((0.3, 0.5), EVERYWHERE, (0, 0.08), empty=True)

    def last(x: Float64, y: Float64, z: Float64) -> Sequence[Float64]:
        """Round in plan at toe and heel, low at the toe, waisted at the arch; the shaft is an oval."""
        foot = np.clip((0.5 - z) / 0.24, 0, 1)
        oval = np.clip((z - 0.26) / 0.24, 0, 1)
        end = np.clip(np.maximum((x - 0.72) / 0.28, (0.22 - x) / 0.22), 0, 1)
        half = (1 - 0.12 * np.exp(-(((x - 0.42) / 0.15) ** 2))) * np.sqrt(1 - 0.80 * end**2)
        around = 2 * np.clip(x / 0.444, 0, 1) - 1
        shaft = 0.9 * np.sqrt(1 - 0.80 * around**2)
        low = 1 - 0.42 * foot * np.clip((x - 0.5) / 0.5, 0, 1) ** 1.5 * np.clip(z / 0.38, 0, 1)
        edge = 1 - 0.3 * np.abs(y) ** 3 * np.clip((z - 0.16) / 0.22, 0, 1) * np.clip((x - 0.46) / 0.1, 0, 1)
        slope = 0.12 * np.clip((0.65 - z) / 0.27, 0, 1) * np.clip(1 - np.abs(x - 0.444) / 0.12, 0, 1) * (z > 0.37)
        wide = (1 - oval) * half + oval * shaft
        return length * (x + slope * oval), 0.048 * y * wide, high * z * low * edge

    return blocks.surface(last)


def wheel() -> tuple[Float64, Int64]:
    """A tractor's wheel with lugs, a dished rim and a bore; it stands on the floor and its axle is along y."""
    blocks = Blocks(
        [0.2, 0.35, 0.62, 0.8, 0.92, 1.0], np.linspace(0, 2 * np.pi, 49), [-1, -0.6, -0.2, 0.2, 0.6, 1], ring=1
    )
    blocks.fill((0.2, 0.92), EVERYWHERE, EVERYWHERE)
    for side in ((-1.0, -0.6), (0.6, 1.0)):
        blocks.fill((0.35, 0.62), EVERYWHERE, side, empty=True)
    lug = (np.arange(48) // 2) % 2 == 0
    blocks.full[-1] |= lug[:, None]

    def tyre(r: Float64, angle: Float64, y: Float64) -> Sequence[Float64]:
        """Narrower towards the tread, and its lugs are slanted."""
        slant = angle + 0.12 * np.abs(y) * np.clip((r - 0.62) / 0.3, 0, 1)
        wide = 0.055 * y * (1 - 0.12 * np.clip((r - 0.8) / 0.2, 0, 1))
        return 0.11 * r * np.cos(slant), wide, 0.11 * (1 + r * np.sin(slant))

    vertices, faces = blocks.surface(tyre)
    vertices[:, 2] -= vertices[:, 2].min()  # it stands on a lug's edge
    return vertices, faces[:, ::-1]  # x, y, z are here those of a left-handed turn


MESHES = (armchair, boat, boot, bowl, chair, cup, jug, mug, pipe, pitcher, ship, stool, wheel)


def wavefront(vertices: Float64, faces: Int64) -> str:
    """The text of an OBJ file."""
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices + 0.0]
    return "\n".join([*lines, *(f"f {a} {b} {c}" for a, b, c in faces + 1)]) + "\n"


def main() -> None:
    """Write every mesh beside this file."""
    for make in MESHES:
        (HERE / f"{make.__name__}.obj").write_text(wavefront(*make()))


if __name__ == "__main__":
    main()
