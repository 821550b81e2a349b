"""Laws of the path traced picture: without its extra it is refused by name; with it, it shows what the layers say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.renderers.mitsuba import Mitsuba
from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Scene, Trajectory
from tests.test_renderers_raytrace import BALL, BRICK, TRAY, bed, filling, motion, stage

KINDS = ["grains", "liquid"]


def crowded(kind: str) -> tuple[Scene, Trajectory]:
    """Two bodies over sand or liquid in a tray, one frame."""
    raised = replace(BALL, position=(0.05, 0.0, 0.13)), replace(BRICK, position=(-0.08, 0.05, 0.12))
    scene = stage(raised, container=TRAY, medium=filling(kind, (0.02, 0.6, 0.02)), frames=1)
    return scene, motion(scene, bed(1))


def test_without_its_extra_it_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.renderers.raytrace.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"renderer=mitsuba needs mitsuba.*pip install 'quicksand\[mitsuba\]'"):
        Mitsuba()


def test_triangles_are_cut_until_they_are_fine_and_stay_where_they_are() -> None:
    from pipeline.renderers._baking import refined

    coarse = np.array(
        [[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.7, 0.0]], [[0.0, 0.0, 1.0], [0.1, 0.0, 1.0], [0.0, 0.1, 1.0]]]
    )
    fine = refined(coarse, 0.2)
    assert np.linalg.norm(fine - np.roll(fine, 1, axis=1), axis=2).max() <= 0.2

    def areas(corners: np.ndarray) -> np.ndarray:
        return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2

    assert (areas(fine) > 0).all()
    assert areas(fine).sum() == pytest.approx(areas(coarse).sum())


def test_a_bed_of_single_scatterers_sends_back_what_it_was_asked_for() -> None:
    from pipeline.renderers._pathtraced import single

    assert single([0.0, 0.95], 0.0) == pytest.approx([0.0, 1.0 - (0.05 / 1.95) ** 2])
    # Who scatters backwards needs to scatter less.
    assert (single([0.2, 0.5], -4 / 9) < single([0.2, 0.5], 0.0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_central_rays_meet_what_the_layers_say(kind: str) -> None:
    """Silhouettes and depths agree to the pixel."""
    mi = pytest.importorskip("mitsuba")
    from pipeline.renderers._beauty import PINHOLE
    from pipeline.renderers._pathtraced import UNIT, described
    from pipeline.renderers._stage import Stage

    scene, trajectory = crowded(kind)
    # The principal point of a cropped picture is not in its middle.
    intrinsics = scene.camera.intrinsics + np.array([[0.0, 0.0, 3.0], [0.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    scene = replace(scene, camera=replace(scene.camera, intrinsics=intrinsics))
    layers = Raytrace().render(scene, trajectory).layers
    mi.set_variant("scalar_rgb")
    built = Stage(scene, trajectory, 160, 1, 0, "cpu")
    world = mi.load_dict(described(built.frame(0), scene, 0, PINHOLE, 2))
    height, width = scene.camera.size
    forward = scene.camera.world_to_camera[0][2, :3]
    found = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        at = [(column + 0.5) / width, (row + 0.5) / height]
        ray, _ = world.sensors()[0].sample_ray(0.0, 0.0, at, [0.5, 0.5])
        ray.o = [
            float(one)
            for one in -scene.camera.world_to_camera[0][:3, :3].T @ scene.camera.world_to_camera[0][:3, 3] * UNIT
        ]
        hit = world.ray_intersect(ray)
        found[row, column] = hit.t * float(np.dot(forward, ray.d)) / UNIT
    assert (np.abs(found - layers.depth[0]) < 1e-4).mean() > 0.995


@pytest.mark.parametrize("kind", KINDS)
def test_the_layers_are_those_of_the_ray_tracer_and_the_picture_is_alike(kind: str) -> None:
    pytest.importorskip("mitsuba")
    scene, trajectory = crowded(kind)
    ours, theirs = (renderer.render(scene, trajectory) for renderer in (Raytrace(), Mitsuba(samples=16)))
    for name in vars(ours.layers):
        assert getattr(ours.layers, name).tobytes() == getattr(theirs.layers, name).tobytes(), name
    # Every thing's colour is dominated by a channel of its own.
    strongest = theirs.frames[0].argmax(axis=-1)
    for instance, channel in ((1, 0), (2, 2), *([(3, 1)] if kind == "grains" else [])):
        mine = ours.layers.segmentation[0] == instance
        assert (strongest == channel)[mine].mean() > 0.95, instance
    again = Mitsuba(samples=16).render(scene, trajectory)
    assert again.frames.tobytes() == theirs.frames.tobytes()
