"""How the clouds of grains around the particles turn and shear with the bed that they are part of."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc, assignment"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from pipeline.types import Float32, Float64

REACH = 2.25
"""Radius around a particle [spacings] within which neighbours tell how the bed deforms."""
STRETCH = 1.6
"""Most by which a cloud is ever drawn out, or pressed together: sand that flows on would smear to streaks.

In a collapse, grains then move 0.17 px a frame unlike the bed around them (2.0: 0.13, 1.3: 0.25, turned only: 0.36,
neither: 0.50); without a bound the foot of the heap frays.
"""

_RIDGE = 0.002
"""Holds the gradient back where nothing fixes it [spacings^2]: 0.1 % of what a bed's neighbours weigh."""
_MOST = 0.7
"""Largest change of a cloud's shape between two frames (Frobenius norm): particles that fly apart are no bed."""


@wp.kernel(enable_backward=False)
def _carry(
    grid: wp.uint64,
    reach: float,
    ridge: float,
    before: wp.array[wp.vec3],
    after: wp.array[wp.vec3],
    form: wp.array[wp.mat33],
    carried: wp.array[wp.mat33],
) -> None:
    """Least squares of the neighbours' displacements against their places, and the cloud after it."""
    i = wp.tid()
    p, move = before[i], after[i] - before[i]
    total = wp.float32(0.0)
    place, drift = wp.vec3(), wp.vec3()
    moments, both = wp.mat33(), wp.mat33()
    query = wp.hash_grid_query(grid, p, reach)
    for j in query:
        x = before[j] - p
        near = 1.0 - wp.dot(x, x) / (reach * reach)
        if near > 0.0:
            weight = near * near * near
            u = after[j] - before[j] - move
            total += weight
            place += x * weight
            drift += u * weight
            moments += wp.outer(x, x) * weight
            both += wp.outer(u, x) * weight
    middle = place / total
    moments -= wp.outer(place, middle)
    both -= wp.outer(drift, middle)
    gradient = both * wp.inverse(moments + wp.identity(n=3, dtype=float) * ridge)
    size = wp.sqrt(wp.ddot(gradient, gradient))
    gradient *= wp.min(1.0, _MOST / wp.max(size, 1.0e-12))
    left, stretch, right = wp.svd3(form[i] + gradient * form[i])
    for axis in range(3):
        stretch[axis] = wp.clamp(stretch[axis], 1.0 / STRETCH, STRETCH)
    carried[i] = left * wp.diag(stretch) * wp.transpose(right)


@dataclass(frozen=True)
class Clouds:
    """The grains around the particles at one time."""

    offset: Float32
    """Of the grains from their particle at t = 0, and radii [m], shape (P, G, 4), for particle i mod P."""
    form: Float32
    """What has become of the offsets since then: they are multiplied by it; shape (N, 3, 3), N particles."""

    def shifts(self, grain: NDArray[np.int32]) -> Float64:
        """Offsets [m], shape (M, 3), of some grains (M,): particle * G + place in the particle."""
        particle, place = np.divmod(grain, self.offset.shape[1])
        start = self.offset[particle % len(self.offset), place, :3].astype(np.float64)
        return np.asarray(np.einsum("mij,mj->mi", self.form[particle].astype(np.float64), start))

    def turned(self, then: Clouds, particle: NDArray[np.int32]) -> Float64:
        """Rotation, shape (M, 3, 3), of the clouds of some particles (M,) from this time to another."""
        which, rows = np.unique(particle, return_inverse=True)
        here, there = (_rotation(clouds.form[which].astype(np.float64)) for clouds in (self, then))
        return np.asarray((there @ here.swapaxes(1, 2))[rows])


def _rotation(form: Float64) -> Float64:
    """The rotation in maps (M, 3, 3) that turn and stretch (polar decomposition)."""
    left, _, right = np.linalg.svd(form)
    return np.asarray(left @ right)


def carried(form: Float32, before: Float32, after: Float32, spacing: float, device: str) -> Float32:
    """What `Clouds.form` becomes when the particles go from `before` to `after` [m], both (N, 3).

    Each cloud turns and shears as the least squares plane through its neighbours' displacements does, up to `STRETCH`;
    that of a lone particle stays as it is.
    """
    if not len(form):
        return form
    where, there = (
        wp.array(np.ascontiguousarray(p, np.float32), dtype=wp.vec3, device=device) for p in (before, after)
    )
    grid = wp.HashGrid(48, 48, 48, device=device)
    grid.build(where, REACH * spacing)
    was = wp.array(form, dtype=wp.mat33, device=device)
    made = wp.empty_like(was)
    inputs = [grid.id, REACH * spacing, _RIDGE * spacing**2, where, there, was, made]
    wp.launch(_carry, dim=len(before), inputs=inputs, device=device)
    return np.asarray(made.numpy())


class Carried:
    """The clouds at any time; the forms of the last three frames are kept, so that frames in order come at once."""

    def __init__(self, offset: Float32, positions: Float32, spacing: float, device: str) -> None:
        """`positions` [m] of the particles, shape (T, N, 3), are read only when their frame comes."""
        self.offset, self.positions, self.spacing, self.device = offset, positions, spacing, device
        self.kept: dict[int, Float32] = {}

    def at(self, time: float) -> Clouds:
        """At a time [frames]; between two frames the forms change evenly."""
        t = int(time)
        form = self._form(t)
        if time > t:
            form = np.asarray((t + 1 - time) * form + (time - t) * self._form(t + 1), np.float32)
        return Clouds(self.offset, form)

    def _form(self, t: int) -> Float32:
        """Of frame t, carried on from the last frame before it that is kept."""
        if t not in self.kept:
            last = max((frame for frame in self.kept if frame < t), default=None)
            if last is None:
                last, self.kept = 0, {0: np.tile(np.eye(3, dtype=np.float32), (self.positions.shape[1], 1, 1))}
            for frame in range(last, t):
                pair = self.positions[frame], self.positions[frame + 1]
                self.kept[frame + 1] = carried(self.kept[frame], *pair, self.spacing, self.device)
                self.kept.pop(frame - 2, None)
        return self.kept[t]
