"""Drag of a ball that settles along the axis of a round tube, from the steady flow around it.

Independent of the simulators: axisymmetric Navier-Stokes equations in the ball's frame, biquadratic velocity and
bilinear pressure (Taylor & Hood 1973), Newton's iteration. Lengths in diameters, velocities in the ball's, density 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float64

Index = NDArray[np.int64]
ELEMENTS = (12, 18)
"""From the ball to the tube and from the wake's side of the axis to the other; the drag is right to 0.1 %."""
UPSTREAM, DOWNSTREAM = 8.0, 16.0
"""How far the tube reaches [diameters]; the liquid there is at rest."""
GRADING = 3.0
"""Logarithm of the last element's thickness over that of the first."""
POINTS, WEIGHTS = np.sqrt(0.6) * np.array([-1.0, 0.0, 1.0]), np.array([5.0, 8.0, 5.0]) / 9
"""Gauss's rule on -1..1."""
ENOUGH, LIMIT = 1e-8, 30
"""Change of the velocity that ends the iteration, and the most iterations."""


@cache
def drag_factor(reynolds: float, share: float) -> float:
    """Drag / Stokes' drag in the open at a Reynolds number of the diameter; `share` is the diameter / the tube's.

    Raises RuntimeError if the iteration does not end.
    """
    from scipy.sparse import linalg

    mesh = _mesh(share)
    linear, state = mesh.linear(1 / reynolds), np.concatenate([mesh.stream, np.zeros(mesh.count + mesh.pressures)])
    free = np.flatnonzero(~mesh.fixed)
    for iteration in range(LIMIT):
        carried, turned = mesh.inertia(state)
        slope = linear + carried + (turned if iteration > 1 else 0.0 * turned)  # the first steps by Picard's iteration
        change = linalg.spsolve(slope[free][:, free].tocsc(), (linear + carried)[free] @ state)
        state[free] -= change
        if np.abs(change[: np.searchsorted(free, 2 * mesh.count)]).max() < ENOUGH:
            residual = (linear + mesh.inertia(state)[0]) @ state
            return float(-2 * np.pi * residual[mesh.ball].sum() * 8 / np.pi * reynolds / 24)
    raise RuntimeError(f"flow around a ball at Re {reynolds:g}: expected a steady one within {LIMIT} iterations")


@dataclass(frozen=True)
class _Mesh:
    """Nodes and elements; the unknowns are all nodes' axial velocities, radial velocities, corners' pressures."""

    velocity: Index
    """Nodes of the elements, (E, 9)."""
    pressure: Index
    """Corners of the elements, (E, 4)."""
    count: int
    """Of the nodes."""
    pressures: int
    """Of the corners."""
    ball: Index
    """Nodes on the ball."""
    stream: Float64
    """Axial velocity at the boundary and as a first guess, (count,)."""
    fixed: NDArray[np.bool_]
    """Which unknowns are known."""
    shape: tuple[Float64, Float64, Float64, Float64]
    """At Gauss's points: the 9 functions, (E, 9, 9), along the axis, across it, and over the radius."""
    weight: Float64
    """Volume / 2 pi that Gauss's points stand for, (E, 9)."""

    def linear(self, nu: float) -> Any:
        """Matrix of viscous stress, pressure and incompressibility."""
        n, along, across, turn = self.shape
        u, v, p = (0, self.velocity), (self.count, self.velocity), (2 * self.count, self.pressure)
        corner = np.broadcast_to(_corners(), (len(n), 9, 4))
        push_u, push_v = -self._sum(along, corner), -self._sum(across + turn, corner)
        diffusion = self._sum(along, along) + self._sum(across, across)
        return self._matrix(
            (u, u, nu * (diffusion + self._sum(along, along))),
            (u, v, nu * self._sum(across, along)),
            (v, u, nu * self._sum(along, across)),
            (v, v, nu * (diffusion + self._sum(across, across) + 2 * self._sum(turn, turn))),
            (u, p, push_u),
            (v, p, push_v),
            (p, u, push_u.transpose(0, 2, 1)),
            (p, v, push_v.transpose(0, 2, 1)),
        )

    def inertia(self, state: Float64) -> tuple[Any, Any]:
        """Matrices of (w . grad) u for the velocity w of `state`, and of its change with w."""
        n, along, across, _ = self.shape
        u, v = (0, self.velocity), (self.count, self.velocity)
        own = [state[start + nodes] for start, nodes in (u, v)]
        w, y = (np.einsum("egi,ei->eg", n, part)[..., None] for part in own)
        carried = self._sum(n, w * along + y * across)

        def turned(part: Float64, by: Float64) -> Float64:
            return self._sum(n, np.einsum("egi,ei->eg", by, part)[..., None] * n)

        return self._matrix((u, u, carried), (v, v, carried)), self._matrix(
            (u, u, turned(own[0], along)),
            (u, v, turned(own[0], across)),
            (v, u, turned(own[1], along)),
            (v, v, turned(own[1], across)),
        )

    def _sum(self, one: Float64, other: Float64) -> Float64:
        """Integrals of the products of functions, (E, i, j)."""
        return np.asarray(np.einsum("egi,egj,eg->eij", one, other, self.weight, optimize=True))

    def _matrix(self, *blocks: tuple[tuple[int, Index], tuple[int, Index], Float64]) -> Any:
        from scipy import sparse

        size = 2 * self.count + self.pressures
        rows = [np.broadcast_to((a + i)[:, :, None], part.shape).ravel() for (a, i), _, part in blocks]
        columns = [np.broadcast_to((b + j)[:, None, :], part.shape).ravel() for _, (b, j), part in blocks]
        values = np.concatenate([part.ravel() for *_, part in blocks])
        return sparse.csr_matrix((values, (np.concatenate(rows), np.concatenate(columns))), shape=(size, size))


def _mesh(share: float) -> _Mesh:
    deep, wide = ELEMENTS
    place = _places(share)
    number, corner = np.arange(place[..., 0].size).reshape(place.shape[:2]), np.arange((deep + 1) * (wide + 1))
    velocity = _elements(number, 3)
    pressure = _elements(corner.reshape(deep + 1, wide + 1), 2)
    shape, weight = _functions(place.reshape(-1, 2)[velocity])
    held = np.zeros(number.shape, bool)
    held[[0, -1]] = True
    on_axis = held.copy()
    on_axis[:, [0, -1]] = True
    fixed = np.concatenate([held.ravel(), on_axis.ravel(), corner == corner[-1]])
    stream = np.ones(number.shape)
    stream[0] = 0.0
    return _Mesh(velocity, pressure, number.size, corner.size, number[0], stream.ravel(), fixed, shape, weight)


def _places(share: float) -> Float64:
    """Nodes (axial, radial) on rays from the ball to the tube's wall and ends."""
    deep, wide = ELEMENTS
    angle = np.linspace(0.0, np.pi, 2 * wide + 1)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    end = np.where(ray[:, 0] > 0, DOWNSTREAM, UPSTREAM) / np.maximum(np.abs(ray[:, 0]), 1e-12)
    length = np.minimum(end, 0.5 / share / np.maximum(ray[:, 1], 1e-12))
    step = np.expm1(GRADING * np.linspace(0.0, 1.0, 2 * deep + 1)) / np.expm1(GRADING)
    place = (0.5 + step[:, None] * (length - 0.5))[..., None] * ray
    place[:, [0, -1], 1] = 0.0
    return np.asarray(place)


def _elements(number: Index, side: int) -> Index:
    """Nodes of each element, `side` along its edges, which neighbours share."""
    windows = np.lib.stride_tricks.sliding_window_view(number, (side, side))[:: side - 1, :: side - 1]
    return windows.reshape(-1, side * side)


def _functions(place: Float64) -> tuple[tuple[Float64, Float64, Float64, Float64], Float64]:
    """What `_Mesh` keeps as `shape` and `weight`, for elements with their nodes at `place`, (E, 9, 2)."""
    value, slope = _lagrange((-1.0, 0.0, 1.0))
    n, local = _product(value, value), np.stack([_product(slope, value), _product(value, slope)], axis=-1)
    stretch = np.einsum("gix,eid->egxd", local, place)
    gradient = np.einsum("egdx,gix->egid", np.linalg.inv(stretch), local)
    radius = np.einsum("gi,ei->eg", n, place[..., 1])
    weight = np.outer(WEIGHTS, WEIGHTS).ravel() * np.abs(np.linalg.det(stretch)) * radius
    n = np.broadcast_to(n, (len(place), 9, 9))
    return (n, gradient[..., 0], gradient[..., 1], n / radius[..., None]), weight


def _corners() -> Float64:
    """The pressure's 4 functions at Gauss's points, (9, 4)."""
    value, _ = _lagrange((-1.0, 1.0))
    return _product(value, value)


def _product(one: Float64, other: Float64) -> Float64:
    return np.asarray(np.einsum("ai,bj->abij", one, other).reshape(len(one) * len(other), -1))


def _lagrange(nodes: Sequence[float]) -> tuple[Float64, Float64]:
    """Lagrange's polynomials and their slopes at Gauss's points, each (3, len(nodes))."""
    zero_elsewhere = [np.poly1d([node for node in nodes if node != own], r=True) for own in nodes]
    parts = [part / part(own) for part, own in zip(zero_elsewhere, nodes, strict=True)]
    slopes = [part.deriv() for part in parts]
    return np.stack([part(POINTS) for part in parts], axis=1), np.stack([slope(POINTS) for slope in slopes], axis=1)
