"""Solids that bodies are made of: surface, volume and moments of inertia."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.scenarios._chance import Quaternion, rotation
from pipeline.types import Body, Float64, Mesh, Vector

if TYPE_CHECKING:
    import trimesh


@dataclass(frozen=True)
class Solid:
    """A homogeneous solid with its centre of mass at the origin and its principal axes along x, y, z."""

    shape: str
    """Collision shape, as in `Body.shape`."""
    size: Vector
    """Full extents [m], as in `Body.size`."""
    mesh: Mesh
    volume: float
    """[m^3]"""
    inertia_per_mass: Vector
    """Moments of inertia divided by mass [m^2]."""
    upright: Quaternion = (0.0, 0.0, 0.0, 1.0)
    """Quaternion (x, y, z, w) that turns it from its principal axes to how it stands, z up."""

    @property
    def reach(self) -> float:
        """Radius about the centre of mass that encloses the solid [m]."""
        return float(np.linalg.norm(self.mesh.vertices, axis=1).max())

    def bottom(self, orientation: Quaternion) -> float:
        """Height of the lowest point over the centre of mass [m], negative, in an orientation."""
        return float((rotation(orientation) @ self.mesh.vertices.T)[2].min())

    def body(self, name: str, density: float, position: Vector, orientation: Quaternion, **more: Any) -> Body:
        """A body of this solid, homogeneous [kg/m^3]; `more` are further fields of `Body`."""
        mass = density * self.volume
        x, y, z = (float(mass * moment) for moment in self.inertia_per_mass)
        return Body(name, self.shape, self.size, self.mesh, density, mass, (x, y, z), position, orientation, **more)


def sphere(diameter: float) -> Solid:
    """A ball [m]."""
    import trimesh

    r = diameter / 2
    surface = trimesh.creation.icosphere(subdivisions=4, radius=r)
    moment = 0.4 * r**2
    return Solid("sphere", (diameter,) * 3, _mesh(surface), 4 / 3 * np.pi * r**3, (moment,) * 3)


def box(size: Vector) -> Solid:
    """A block with edges `size` [m]."""
    import trimesh

    x, y, z = (edge**2 / 12 for edge in size)
    surface = trimesh.creation.box(size)
    return Solid("box", size, _mesh(surface), float(np.prod(size)), (y + z, x + z, x + y))


def cylinder(diameter: float, height: float) -> Solid:
    """A cylinder about the z axis [m]."""
    import trimesh

    r = diameter / 2
    surface = trimesh.creation.cylinder(r, height, sections=64)
    across = r**2 / 4 + height**2 / 12
    inertia = (across, across, r**2 / 2)
    return Solid("cylinder", (diameter, diameter, height), _mesh(surface), np.pi * r**2 * height, inertia)


def capsule(diameter: float, height: float) -> Solid:
    """A cylinder about the z axis with round caps, `height` over all [m]."""
    import trimesh

    r, h = diameter / 2, height - diameter
    surface = trimesh.creation.capsule(height=h, radius=r, count=[48, 48])
    surface.apply_translation(-surface.bounds.mean(axis=0))
    tube, caps = np.pi * r**2 * h, 4 / 3 * np.pi * r**3
    # A hemisphere's centre of mass lies 3/8 r beyond the end of the tube.
    across = tube * (r**2 / 4 + h**2 / 12) + caps * (0.4 * r**2 + h**2 / 4 + 3 / 8 * r * h)
    along = tube * r**2 / 2 + caps * 0.4 * r**2
    volume = tube + caps
    inertia = (across / volume, across / volume, along / volume)
    return Solid("capsule", (diameter, diameter, height), _mesh(surface), volume, inertia)


def cone(diameter: float, height: float) -> Solid:
    """A cone about the z axis, tip up [m]."""
    import trimesh

    r = diameter / 2
    surface = trimesh.creation.cone(r, height, sections=64)
    surface.apply_translation((0, 0, -height / 4))  # the centre of mass lies a quarter of the height above the base
    across = 3 / 20 * r**2 + 3 / 80 * height**2
    volume = np.pi * r**2 * height / 3
    inertia = (across, across, 3 / 10 * r**2)
    return Solid("mesh", (diameter, diameter, height), _mesh(surface), volume, inertia)


def octahedron(diameter: float) -> Solid:
    """A regular octahedron, `diameter` from corner to corner [m]."""
    import trimesh

    a = diameter / 2
    corners = a * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)
    surface = trimesh.convex.convex_hull(corners)
    moment = a**2 / 5
    return Solid("mesh", (diameter,) * 3, _mesh(surface), 4 / 3 * a**3, (moment,) * 3)


def cup(diameter: float, height: float, wall: float, sections: int = 64) -> Solid:
    """An open round cup with a flat floor, opening up; `diameter` and `height` are outer ones, walls `wall` thick [m].

    Raises ValueError where the walls leave no room.
    """
    import trimesh

    r, inner = diameter / 2, diameter / 2 - wall
    if not (0 < wall < height and inner > 0):
        raise ValueError(f"cup: expected 0 < wall < height and diameter / 2, got {wall}, {height}, {diameter}")
    profile = np.array([[0, 0], [r, 0], [r, height], [inner, height], [inner, wall], [0, wall]])
    return from_surface(trimesh.creation.revolve(profile, sections=sections), turn=False)


def bowl(inner: float, wall: float, sections: int = 48) -> Solid:
    """Half a hollow ball that opens up, of diameter `inner` inside and with walls `wall` thick [m]."""
    import trimesh

    angle = np.linspace(0.0, np.pi / 2, sections // 4 + 1)
    arc = np.column_stack([np.sin(angle), -np.cos(angle)])
    arc[0, 0] = arc[-1, 1] = 0.0
    profile = np.vstack([(inner / 2 + wall) * arc, inner / 2 * arc[::-1]])
    return from_surface(trimesh.creation.revolve(profile, sections=sections), turn=False)


def tube(inner: float, height: float, wall: float, sections: int = 64) -> Solid:
    """An upright round tube of diameter `inner` [m] inside, open at both ends, with walls `wall` thick [m]."""
    r = inner / 2
    return _revolved([(r, 0), (r + wall, 0), (r + wall, height), (r, height)], sections)


def hopper(hole: float, inner: float, height: float, wall: float, sections: int = 64) -> Solid:
    """A round hopper: a tube of diameter `inner` whose lower part narrows at 45 degrees to a `hole`; all in [m].

    Its walls are `wall` thick everywhere. Raises ValueError where it would be all funnel.
    """
    a, r = hole / 2, inner / 2
    neck = (np.sqrt(2) - 1) * wall
    if not (0 < a < r and r - a + neck < height):
        raise ValueError(f"hopper: expected hole < inner and room above the funnel, got {hole}, {inner}, {height}")
    outside = [(a, 0), (a + wall, 0), (r + wall, r - a), (r + wall, height)]
    return _revolved([*outside, (r, height), (r, r - a + neck), (a, neck)], sections)


def plate_with_hole(size: Vector, hole: float, sections: int = 64) -> Solid:
    """A plate of edges `size` [m] with a round hole of diameter `hole` [m] through its middle, along z.

    Raises ValueError where the hole does not fit.
    """
    length, width, thickness = size
    if not 0 < hole < min(length, width):
        raise ValueError(f"plate_with_hole: expected a hole narrower than the plate, got {hole} in {size}")
    angle = 2 * np.pi * np.arange(sections) / sections
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    # The angles of the plate's corners belong to its edge; each angle has a point on the hole and one on the edge.
    corners = np.array([[length, width], [-length, width], [-length, -width], [length, -width]]) / 2
    around = np.vstack([around, corners / np.linalg.norm(corners, axis=1, keepdims=True)])
    around = around[np.unique(np.round(np.arctan2(around[:, 1], around[:, 0]), 9), return_index=True)[1]]
    with np.errstate(divide="ignore"):
        edge = around * np.min(np.array([length, width]) / 2 / np.abs(around), axis=1, keepdims=True)
    rim = around * hole / 2
    rings = [_at(rim, thickness / 2), _at(rim, -thickness / 2), _at(edge, -thickness / 2), _at(edge, thickness / 2)]
    return from_surface(_closed(rings), turn=False)


def _revolved(profile: list[tuple[float, float]], sections: int) -> Solid:
    """A ring about the z axis, from the corners (distance, height) [m] of its section, counter-clockwise."""
    angle = 2 * np.pi * np.arange(sections) / sections
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    return from_surface(_closed([_at(distance * around, height) for distance, height in profile]), turn=False)


def _at(ring: Float64, height: float) -> Float64:
    return np.column_stack([ring, np.full(len(ring), height)])


def _closed(rings: list[Float64]) -> trimesh.Trimesh:
    """The surface of a ring, from its edges (n, 3) in turn."""
    import trimesh

    count, number = len(rings[0]), len(rings)
    index = np.arange(count * number).reshape(number, count)
    right, below = np.roll(index, -1, axis=1), np.roll(index, -1, axis=0)
    across = np.roll(right, -1, axis=0)
    faces = np.concatenate([np.stack([index, below, across], -1), np.stack([index, across, right], -1)])
    surface = trimesh.Trimesh(np.concatenate(rings), faces.reshape(-1, 3), process=False)
    if surface.volume < 0:
        surface.invert()
    return surface


def from_surface(surface: trimesh.Trimesh, turn: bool) -> Solid:
    """The homogeneous solid inside a closed surface; `turn`ed so that its principal axes are x, y and z."""
    from scipy.spatial.transform import Rotation

    surface = surface.copy()
    surface.apply_translation(-surface.center_mass)
    x, y, z, w = 0.0, 0.0, 0.0, 1.0
    if turn:
        turned = surface.principal_inertia_transform
        surface.apply_transform(turned)
        surface.apply_translation(-surface.center_mass)
        x, y, z, w = (float(part) for part in Rotation.from_matrix(turned[:3, :3].T).as_quat())
    surface.density = 1.0
    moments = np.diag(surface.moment_inertia) / surface.volume
    length, width, height = (float(extent) for extent in surface.extents)
    inertia = (float(moments[0]), float(moments[1]), float(moments[2]))
    return Solid("mesh", (length, width, height), _mesh(surface), float(surface.volume), inertia, (x, y, z, w))


def _mesh(surface: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int32))
