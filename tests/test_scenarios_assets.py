"""Laws of assets: our meshes are solids that the script beside them makes, and what is none is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from pipeline.scenarios import _assets as assets
from pipeline.simulators import _meshes


def made(name: str) -> str:
    """What the script writes for a mesh."""
    spec = importlib.util.spec_from_file_location("make", assets.OWN / "make.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return str(script.wavefront(*getattr(script, name)()))


@pytest.mark.parametrize("name", ["chair", "jug", "pipe", "wheel"])
def test_the_script_makes_the_same_bytes(name: str) -> None:
    assert made(name).encode() == (assets.OWN / f"{name}.obj").read_bytes()


@pytest.mark.parametrize("name", assets.names())
def test_our_meshes_are_solids_of_real_size_that_stand_on_the_floor(name: str) -> None:
    file = assets.OWN / f"{name}.obj"
    surface = trimesh.load(file, process=False)
    assert surface.is_watertight
    assert surface.is_winding_consistent
    assert surface.volume > 0
    assert surface.body_count == 1
    assert surface.bounds[0, 2] == pytest.approx(0, abs=1e-9)
    assert 0.05 < surface.extents.max() < 0.5
    assert file.stat().st_size < 100_000


@pytest.mark.parametrize("name", assets.names())
def test_no_part_of_our_meshes_is_thinner_than_the_script_says(name: str) -> None:
    solid = assets.solid(name, 1.0)
    body = solid.body(name, 1000.0, (0.0, 0.0, 0.0), solid.upright)
    share = 1 / 14 if name == "mug" else 1 / 9  # it is made to be seen from near by
    assert _meshes.thin_part(body, share / _meshes.THIN_CELLS) is None


@pytest.mark.parametrize("name", ["chair", "boot", "duck_vhacd"])
def test_upright_turns_a_solid_back_to_how_it_stands_in_its_file(name: str) -> None:
    solid = assets.solid(name, 0.2)
    standing = Rotation.from_quat(solid.upright).apply(solid.mesh.vertices)
    file = assets.OWN / f"{name}.obj"
    surface = trimesh.load(file if file.exists() else assets.find("duck_vhacd").with_name("duck.obj"), force="mesh")
    np.testing.assert_allclose(np.ptp(standing, axis=0), 0.2 * surface.extents / surface.extents.max(), atol=1e-6)
    middle = standing.mean(axis=0) - (standing.min(axis=0) + standing.max(axis=0)) / 2
    assert np.abs(middle).max() < 0.1


@pytest.mark.parametrize("name", ["objects/mug", "teddy_vhacd", "bunny", "soccerball"])
def test_models_of_pybullet_data_go_by_name(name: str) -> None:
    solid = assets.solid(name, 0.2)
    assert 0.01 * 0.2**3 < solid.volume < 0.6 * 0.2**3
    mass = trimesh.Trimesh(solid.mesh.vertices, solid.mesh.faces)
    np.testing.assert_allclose(np.diag(mass.moment_inertia) / mass.volume, solid.inertia_per_mass, rtol=1e-6)


def test_a_mesh_from_a_file_is_the_solid_itself_whichever_way_it_lies(tmp_path: Path) -> None:
    block = trimesh.creation.box((3.0, 2.0, 1.0))
    block.apply_transform(trimesh.transformations.rotation_matrix(0.7, (1, 2, 3), (0.5, 0, 0)))
    longest = float(block.extents.max())
    for ending in ("obj", "stl", "ply", "glb"):
        block.export(tmp_path / f"block.{ending}")
        solid = assets.solid(str(tmp_path / f"block.{ending}"), size=0.3 * longest / 3)
        assert solid.shape == "mesh"
        assert solid.volume == pytest.approx(0.3 * 0.2 * 0.1, rel=1e-4)
        np.testing.assert_allclose(sorted(solid.size), [0.1, 0.2, 0.3], rtol=1e-4)
        edges = np.sort(solid.size)[::-1]
        expected = (edges**2).sum() / 12 - edges**2 / 12
        np.testing.assert_allclose(sorted(solid.inertia_per_mass), sorted(expected), rtol=1e-4)
        standing = Rotation.from_quat(solid.upright).apply(solid.mesh.vertices)
        order = [0, 2, 1] if ending == "glb" else [0, 1, 2]  # y is up in a GLB
        np.testing.assert_allclose(np.ptp(standing, axis=0), 0.1 * block.extents[order], rtol=1e-4)


def test_corners_that_were_doubled_are_merged_and_faces_turned_outward(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    ball.unmerge_vertices()
    ball.invert()
    ball.vertices += np.random.default_rng(0).uniform(-1e-8, 1e-8, ball.vertices.shape)
    ball.export(tmp_path / "ball.ply")
    solid = assets.from_file(tmp_path / "ball.ply", 2.0)
    assert len(solid.mesh.vertices) == 162
    assert solid.volume == pytest.approx(trimesh.creation.icosphere(subdivisions=2).volume, rel=1e-4)


def test_what_is_no_solid_is_told(tmp_path: Path) -> None:
    open_ball = trimesh.creation.icosphere()
    open_ball.update_faces(np.arange(len(open_ball.faces)) > 40)
    open_ball.export(tmp_path / "open.stl")
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    (tmp_path / "nan.obj").write_text("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    trimesh.creation.box((1, 1, 0.001)).export(tmp_path / "sheet.obj")
    trimesh.creation.icosphere(subdivisions=6).export(tmp_path / "fine.ply")
    (tmp_path / "nothing.glb").write_bytes(b"not a mesh")
    (tmp_path / "wrong.urdf").write_text("<robot/>")
    for file, words in {
        "none.stl": "expected a mesh or URDF file, found none",
        "open.stl": "expected a watertight surface, got 1239 triangles that leave holes: .* one side only",
        "points.obj": "expected triangles with finite corners",
        "nan.obj": "finite corners",
        "sheet.obj": "flat .1 x 1 x 0.001.; give it thickness",
        "fine.ply": "at most 50000 triangles, got 81920; simplify it",
        "nothing.glb": "expected a mesh that trimesh can read",
        "wrong.urdf": "expected a URDF that PyBullet can load",
    }.items():
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            assets.solid(str(tmp_path / file), 0.1)


def test_a_robot_and_an_unknown_name_are_told() -> None:
    with pytest.raises(ValueError, match="expected a URDF of one link, got 16"):
        assets.solid("r2d2", 0.1)
    with pytest.raises(ValueError, match=r"there is no such thing; choose one of armchair, boat, .*duck_vhacd.*URDF"):
        assets.solid("chiar", 0.1)


def test_nouns_are_words() -> None:
    assert [assets.noun(name) for name in ("duck_vhacd", "objects/mug", "my/Big_Ship.GLB")] == [
        "duck",
        "mug",
        "big ship",
    ]
