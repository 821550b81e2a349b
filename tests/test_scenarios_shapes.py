"""Laws of the solids: mass, moments, and meshes from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from pipeline.scenarios import _shapes as shapes


def test_a_mesh_from_a_file_is_the_solid_itself_whichever_way_it_lies(tmp_path: Path) -> None:
    block = trimesh.creation.box((3.0, 2.0, 1.0))
    block.apply_transform(trimesh.transformations.rotation_matrix(0.7, (1, 2, 3), (0.5, 0, 0)))
    block.export(tmp_path / "block.obj")
    longest = float(block.extents.max())
    solid = shapes.from_file(tmp_path / "block.obj", size=0.3 * longest / 3)
    assert solid.shape == "mesh"
    assert solid.volume == pytest.approx(0.3 * 0.2 * 0.1, rel=1e-6)
    np.testing.assert_allclose(sorted(solid.size), [0.1, 0.2, 0.3], rtol=1e-6)
    edges = np.sort(solid.size)[::-1]
    np.testing.assert_allclose(sorted(solid.inertia_per_mass), sorted((edges**2).sum() / 12 - edges**2 / 12), rtol=1e-6)


def test_a_bad_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a file, found none"):
        shapes.from_file(tmp_path / "none.stl", 0.1)
    cup = trimesh.creation.icosphere()
    cup.update_faces(np.arange(len(cup.faces)) > 40)
    cup.export(tmp_path / "open.stl")
    with pytest.raises(ValueError, match="expected a watertight surface, got 1239 triangles"):
        shapes.from_file(tmp_path / "open.stl", 0.1)
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    with pytest.raises(ValueError, match="expected triangles with finite corners"):
        shapes.from_file(tmp_path / "points.obj", 0.1)
    (tmp_path / "nan.obj").write_text("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(ValueError, match="finite corners"):
        shapes.from_file(tmp_path / "nan.obj", 0.1)


def test_cup_and_plate_have_the_volume_and_moments_of_their_formulas() -> None:
    cup = shapes.cup(0.2, 0.12, 0.03, sections=256)
    outer, inner = np.pi * 0.1**2 * 0.12, np.pi * 0.07**2 * 0.09
    assert cup.volume == pytest.approx(outer - inner, rel=1e-3)
    assert cup.inertia_per_mass[2] == pytest.approx((outer * 0.1**2 - inner * 0.07**2) / 2 / (outer - inner), rel=1e-3)
    plate = shapes.plate_with_hole((0.3, 0.2, 0.03), 0.05, sections=256)
    assert plate.volume == pytest.approx(0.3 * 0.2 * 0.03 - np.pi * 0.025**2 * 0.03, rel=1e-3)
    for wrong in (lambda: shapes.cup(0.1, 0.1, 0.05), lambda: shapes.plate_with_hole((0.1, 0.1, 0.1), 0.1)):
        with pytest.raises(ValueError, match="expected"):
            wrong()
