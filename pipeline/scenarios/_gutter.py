"""A basin on a foot, out of which a bent gutter leads downhill: a pipe without its upper half, to look in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.types import Float64, Vector

if TYPE_CHECKING:
    from pipeline.scenarios._shapes import Solid

ACROSS = 12
"""Facets from wall to wall."""
AROUND = 16
"""Stations in the basin."""
STEP = 0.03
"""Between the stations along the gutter [m]."""
HOLLOW = 0.03
"""How much deeper the basin is in its middle than at its wall [m]."""
CLEARANCE = 0.001
"""Between the basin's foot and the ground [m]."""
FALL = 0.8
"""How steeply the brim falls from that of the basin to that of the gutter."""


@dataclass(frozen=True)
class Gutter:
    """Lengths [m] of a gutter; the middle of its basin's floor is (0, 0, 0), and it leads off along x."""

    basin: float
    """Inner radius of the round basin, whose floor is level."""
    bore: float
    """Inner radius of the gutter: its floor is half a pipe."""
    wall: float
    """Thickness."""
    level: float
    """Height to which the basin is filled, over its floor."""
    rim: float
    """Height of the basin's brim above that."""
    side: float
    """Height of the gutter's walls above its half pipe."""
    slope: float
    """Fall of the gutter / its length, seen from above."""
    before: float
    """Length from the basin to the bend."""
    turn: float
    """Angle of the bend [rad], positive to the left."""
    radius: float
    """Of the bend, of the middle line."""
    after: float
    """Length from the bend to the open end."""
    drop: float
    """Height of the open end above the ground."""

    def __post_init__(self) -> None:
        if not self.bore + self.wall < self.basin:
            raise ValueError(f"gutter: expected a basin wider than the gutter, got {self.basin} and {self.bore}")
        if not self.bore + self.wall < self.radius:
            raise ValueError(f"gutter: expected a bend wider than the gutter, got {self.radius} and {self.bore}")

    @property
    def end(self) -> float:
        """Distance of the open end from the middle of the basin, along the middle line [m]."""
        return self.basin + self.before + self.radius * abs(self.turn) + self.after

    @property
    def height(self) -> float:
        """Of the basin's floor above the ground [m]."""
        return self.drop + self._below(self.wall) - float(self.floor(np.array(self.end)))

    def floor(self, way: Float64) -> Float64:
        """Height of the floor's middle [m] at distances `way` [m] from the middle of the basin."""
        return np.asarray(-self.slope * np.maximum(way - self.basin, 0.0))

    def brim(self, way: Float64) -> Float64:
        """Height of the walls' upper edge [m]."""
        low, high = self.floor(way) + self.bore + self.side, self.level + self.rim
        return np.maximum(np.minimum(low, high), high - FALL * np.maximum(way - self.basin, 0.0))

    def heading(self, way: Float64) -> Float64:
        """Direction in which the middle line goes [rad]."""
        return np.asarray(np.sign(self.turn) * np.clip(way - self.basin - self.before, 0, self._arc) / self.radius)

    def plan(self, way: Float64, aside: Float64) -> Float64:
        """Where points `aside` [m] of the middle line, to the left, are from above: (..., 2) [m]."""
        heading, sign = self.heading(way), np.sign(self.turn)
        first = self.basin + self.before
        x = np.minimum(way, first) + self.radius * np.sin(np.abs(heading))
        y = sign * self.radius * (1 - np.cos(heading))
        beyond = np.maximum(way - first - self._arc, 0.0)
        x, y = x + beyond * np.cos(heading), y + beyond * np.sin(heading)
        return np.stack([x - aside * np.sin(heading), y + aside * np.cos(heading)], axis=-1)

    def point(self, way: float, aside: float) -> Float64:
        """Where the floor's surface is [m], (3,), `way` from the basin's middle and `aside` of the middle line."""
        along, across = np.array(way), np.array(aside)
        return np.append(self.plan(along, across), self.floor(along) + self._rise(along, across, 0.0))

    @property
    def jet(self) -> float:
        """How far a jet flies out of the open end to the ground [m], after a fall without friction from half of the
        filling's height."""
        fall = self.level / 2 - float(self.floor(np.array(self.end)))
        steep = np.arctan(self.slope)
        down, height = np.sin(steep) * np.sqrt(fall), self.drop + self._below(self.wall)
        return float(2 * np.cos(steep) * np.sqrt(fall) * (np.sqrt(down**2 + height) - down))

    @property
    def _arc(self) -> float:
        return self.radius * abs(self.turn)

    def solid(self) -> tuple[Solid, Vector]:
        """The solid, and where its centre of mass is [m]."""
        import trimesh

        from pipeline.scenarios import _shapes as shapes
        from pipeline.scenarios._chance import vector

        inner, outer = self._sheet(0.0), self._sheet(self.wall)
        points, count = np.stack([inner, outer]), inner.shape[0] * inner.shape[1]
        index = np.arange(2 * count).reshape(2, *inner.shape[:2])
        sides = [
            (index[0], False),  # inside
            (index[1], True),  # outside
            (index[:, :, 0], False),  # the brim, on both sides
            (index[:, :, -1], True),
            (index[:, -1], False),  # the open end
        ]
        faces = np.concatenate([_squares(corners, turn) for corners, turn in sides])
        surface = trimesh.Trimesh(*_merged(points.reshape(-1, 3), faces), process=False)
        if surface.volume < 0:
            surface.invert()
        return shapes.from_surface(surface, turn=False), vector(surface.center_mass)

    def _sheet(self, wall: float) -> Float64:
        """The inner surface (wall = 0) or the outer one, brim to brim: points [m] of shape (stations, across, 3)."""
        round_, bore = self.basin + wall, self.bore + wall
        angle = np.linspace(0.0, np.pi - np.arcsin(bore / round_), AROUND + 1)
        begin = self.basin + self.wall  # both sheets of the basin have met the gutter's by then
        count = int(np.ceil((self.end - begin) / STEP))
        straight = np.linspace(begin, self.end, count + 1)
        way = np.concatenate([-round_ * np.cos(angle), straight])
        half = np.concatenate([round_ * np.sin(angle), np.full(count + 1, bore)])
        across = -np.cos(np.linspace(0.0, np.pi, ACROSS + 1))
        aside = half[:, None] * across
        low = self.floor(way)[:, None] - self._below(wall)
        height = low + self._rise(way[:, None], aside, wall)
        if wall:  # the basin stands on the ground
            height[: AROUND + 1] = CLEARANCE - self.height
        brim = self.brim(way)[:, None]
        aside, height = (
            np.concatenate([aside[:, :1], aside, aside[:, -1:]], axis=1),
            np.concatenate([brim, height, brim], axis=1),
        )
        flat = self.plan(np.broadcast_to(way[:, None], aside.shape), aside)
        return np.concatenate([flat, height[..., None]], axis=-1)

    def _below(self, wall: float) -> float:
        """How far below the floor a wall is as thick, across the slope."""
        return wall * float(np.hypot(1.0, self.slope))

    def _rise(self, way: Float64, aside: Float64, wall: float) -> Float64:
        """Height above the middle line: of a bowl in the basin, of half a pipe in the gutter and towards it."""
        below = self._below(wall)
        bowl = (HOLLOW + below) * _round(np.hypot(way, aside) / (self.basin + wall))
        pipe = (self.bore + below) * _round(aside / (self.bore + wall))
        return np.where(way < 0, bowl, np.where(way < self.basin + self.wall, np.minimum(bowl, pipe), pipe))


def _round(share: Float64) -> Float64:
    """Height of a bowl of depth 1 at a share of its radius."""
    return 1 - np.sqrt(np.maximum(1 - share**2, 0.0))


def _squares(corners: Float64, turn: bool) -> Float64:
    """Triangles (F, 3) between corners of a sheet (n, m), of which every square is two."""
    a, b, c, d = corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return faces[:, ::-1] if turn else faces


def _merged(points: Float64, faces: Float64) -> tuple[Float64, Float64]:
    """The surface with corners at the same place made one, without triangles that are lines."""
    _, first, same = np.unique(np.round(points, 7), axis=0, return_index=True, return_inverse=True)
    a, b, c = (faces := same.reshape(-1)[faces]).T
    return points[first], faces[(a != b) & (b != c) & (c != a)]
