"""Solids that bodies are made of: surface, volume and moments of inertia."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh

from pipeline.types import Mesh, Vector


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

    @property
    def reach(self) -> float:
        """Radius about the centre of mass that encloses the solid [m]."""
        return float(np.linalg.norm(self.mesh.vertices, axis=1).max())


def sphere(diameter: float) -> Solid:
    """A ball [m]."""
    r = diameter / 2
    surface = trimesh.creation.icosphere(subdivisions=4, radius=r)
    moment = 0.4 * r**2
    return Solid("sphere", (diameter,) * 3, _mesh(surface), 4 / 3 * np.pi * r**3, (moment,) * 3)


def box(size: Vector) -> Solid:
    """A block with edges `size` [m]."""
    x, y, z = (edge**2 / 12 for edge in size)
    surface = trimesh.creation.box(size)
    return Solid("box", size, _mesh(surface), float(np.prod(size)), (y + z, x + z, x + y))


def cylinder(diameter: float, height: float) -> Solid:
    """A cylinder about the z axis [m]."""
    r = diameter / 2
    surface = trimesh.creation.cylinder(r, height, sections=64)
    across = r**2 / 4 + height**2 / 12
    inertia = (across, across, r**2 / 2)
    return Solid("cylinder", (diameter, diameter, height), _mesh(surface), np.pi * r**2 * height, inertia)


def capsule(diameter: float, height: float) -> Solid:
    """A cylinder about the z axis with round caps, `height` over all [m]."""
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
    r = diameter / 2
    surface = trimesh.creation.cone(r, height, sections=64)
    surface.apply_translation((0, 0, -height / 4))  # the centre of mass lies a quarter of the height above the base
    across = 3 / 20 * r**2 + 3 / 80 * height**2
    volume = np.pi * r**2 * height / 3
    inertia = (across, across, 3 / 10 * r**2)
    return Solid("mesh", (diameter, diameter, height), _mesh(surface), volume, inertia)


def octahedron(diameter: float) -> Solid:
    """A regular octahedron, `diameter` from corner to corner [m]."""
    a = diameter / 2
    corners = a * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)
    surface = trimesh.convex.convex_hull(corners)
    moment = a**2 / 5
    return Solid("mesh", (diameter,) * 3, _mesh(surface), 4 / 3 * a**3, (moment,) * 3)


def _mesh(surface: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int32))
