"""Laws of meshes as solids: closed, convex part by part, and not too thin for the grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull
from simple_scenes import body, sand_box, scene

from pipeline.scenarios import _shapes as shapes
from pipeline.simulators import _meshes
from pipeline.simulators.coupled import Coupled
from pipeline.types import Body, Mesh

CELL = 0.024
SOUND = {
    "cone": shapes.cone(0.12, 0.09),
    "octahedron": shapes.octahedron(0.15),
    "ball": shapes.sphere(0.075),
    "cup": shapes.cup(0.2, 0.12, 2 * CELL, sections=16),
    "plate": shapes.plate_with_hole((0.2, 0.15, 2 * CELL), 0.05, sections=16),
}


def stool(leg: float) -> Body:
    """A slab on four legs that touch it, `leg` wide [m]."""
    parts = [trimesh.creation.box((0.2, 0.2, 0.05))]
    for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        part = trimesh.creation.box((leg, leg, 0.2))
        part.apply_translation((0.08 * x, 0.08 * y, -0.125))
        parts.append(part)
    whole = trimesh.util.concatenate(parts)
    mesh = Mesh(np.asarray(whole.vertices), np.asarray(whole.faces, dtype=np.int32))
    return replace(body(shapes.box((0.2, 0.2, 0.24)), (0, 0, 0)), shape="mesh", mesh=mesh, name="stool")


@pytest.mark.parametrize("shape", SOUND)
def test_a_sound_solid_passes(shape: str) -> None:
    solid = body(SOUND[shape], (0, 0, 0))
    _meshes.check(solid)
    assert _meshes.thin_part(solid, CELL) is None
    assert _meshes.volume(solid.mesh) == pytest.approx(SOUND[shape].volume, rel=0.01)


def test_a_hole_a_turned_face_and_nothing_at_all_are_told() -> None:
    cup = body(SOUND["cup"], (0, 0, 0))
    with pytest.raises(ValueError, match=r"Body body: its mesh must be watertight, got 3 edges"):
        _meshes.check(replace(cup, mesh=replace(cup.mesh, faces=cup.mesh.faces[1:])))
    turned = cup.mesh.faces.copy()
    turned[0] = turned[0, ::-1]
    with pytest.raises(ValueError, match="watertight"):
        _meshes.check(replace(cup, mesh=replace(cup.mesh, faces=turned)))
    with pytest.raises(ValueError, match="inside out"):
        _meshes.check(replace(cup, mesh=replace(cup.mesh, faces=cup.mesh.faces[:, ::-1])))
    with pytest.raises(ValueError, match="vertices and 0 faces"):
        _meshes.check(replace(cup, mesh=replace(cup.mesh, faces=cup.mesh.faces[:0])))


def test_parts_that_are_convex_stay_what_they_are() -> None:
    parts = _meshes.convex_parts(stool(0.03).mesh)
    assert len(parts) == 5
    assert sum(ConvexHull(part).volume for part in parts) == pytest.approx(0.2 * 0.2 * 0.05 + 4 * 0.03**2 * 0.2)


def test_a_cup_stays_hollow() -> None:
    cup = SOUND["cup"]
    parts = _meshes.convex_parts(cup.mesh)
    assert sum(ConvexHull(part).volume for part in parts) == pytest.approx(cup.volume, rel=0.1)
    middle = np.array([0.0, 0.0, cup.mesh.vertices[:, 2].min() + 0.5 * cup.size[2], 1.0])
    assert all((ConvexHull(part).equations @ middle).max() > 0 for part in parts)


@pytest.mark.parametrize("wall", [0.5, 1.5])
def test_a_thin_wall_is_measured(wall: float) -> None:
    thin = _meshes.thin_part(body(shapes.cup(0.2, 0.12, wall * CELL, sections=16), (0, 0, 0)), CELL)
    assert thin is not None
    assert (wall - 0.05) * CELL <= thin <= (wall + 0.5) * CELL


def test_thin_legs_are_refused_thickened_or_allowed() -> None:
    medium, container = sand_box(inner=0.32, depth=0.096)
    chair = replace(stool(0.012), position=(0.0, 0.0, 0.4))
    world = scene(chair, medium=medium, container=container, num_frames=2)
    with pytest.raises(ValueError, match=r"body stool: every part must be at least two cells = 48.0 mm thick, got one"):
        Coupled(particle_spacing=0.012).simulate(world)
    Coupled(particle_spacing=0.016, thin="allow").simulate(world)
    thick = _meshes.thickened(chair, CELL)
    _meshes.check(thick)
    assert _meshes.thin_part(thick, CELL) is None
    with pytest.raises(ValueError, match="thin must be refuse, thicken or allow, got 'maybe'"):
        Coupled(thin="maybe")
