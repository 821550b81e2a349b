"""Laws of the ray tracer: its picture and its layers agree with geometry and with each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from _second_opinion import project, unproject
from traced_scenes import BALL, BRICK, SIDE, SPACING, TRAY, bed, body, filling, look_at, motion, stage

from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Scene, Surface


def test_depth_of_plane_and_sphere_is_analytic() -> None:
    sphere = body(trimesh.creation.icosphere(5, 0.06), (0.0, 0.0, 0.1), (0.5, 0.5, 0.5))
    scene = stage((sphere,), frames=1)
    layers = Raytrace().render(scene, motion(scene)).layers
    points = unproject(scene.camera, 0, layers.depth[0])
    ground, ball = layers.segmentation[0] == 0, layers.segmentation[0] == 1
    assert np.abs(points[ground][:, 2]).max() < 1e-5
    radius = np.linalg.norm(points[ball] - np.array(sphere.position), axis=1)
    assert np.abs(radius - 0.06).max() < 6e-5
    outward = (points[ball] - np.array(sphere.position)) / radius[:, None]
    assert np.abs(layers.normal[0][ball] - outward).max() < 5e-3
    assert (layers.normal[0][ground] == [0, 0, 1]).all()


def test_a_camera_that_looks_away_sees_nothing_valid_and_no_nan() -> None:
    away = np.stack([look_at((0.0, -1.0, 0.5), (0.0, -1.5, 1.5)), look_at((0.0, -1.0, 0.5), (0.0, 0.0, 0.0))])
    scene = stage((BALL,), container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)), poses=away)
    layers = Raytrace().render(scene, motion(scene, bed(2))).layers
    assert not layers.valid[0].any()
    assert np.isinf(layers.depth[0]).all()
    assert not layers.segmentation[0].any()
    assert layers.forward_occluded[0].all()
    # What frame 1 sees lies behind frame 0's camera: no flow to it is known.
    assert not layers.valid[1].any()
    for name in ("normal", "forward_flow", "backward_flow", "object_coordinates"):
        assert np.isfinite(getattr(layers, name)).all(), name


def inside_pixels(scene: Scene, level: float) -> np.ndarray:
    """Pixels whose ray crosses the level plane well inside the container."""
    points = unproject(scene.camera, 0, np.ones(scene.camera.size))
    eye = -scene.camera.world_to_camera[0][:3, :3].T @ scene.camera.world_to_camera[0][:3, 3]
    ray = points - eye
    at = eye + ray * ((level - eye[2]) / ray[..., 2])[..., None]
    inside = (np.abs(at[..., :2]) < SIDE / 2 - 0.004).all(axis=-1)
    # The near wall stands before its part of the plane.
    rim = eye + ray * ((TRAY.inner_size[2] - eye[2]) / ray[..., 2])[..., None]
    return inside & (np.abs(rim[..., :2]) < SIDE / 2 - 0.002).all(axis=-1)


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_a_full_container_shows_no_floor(kind: str) -> None:
    scene = stage(container=TRAY, medium=filling(kind, (0.5, 0.4, 0.3)), frames=1, size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, bed(1))).layers
    wanted = inside_pixels(scene, 0.1)
    assert wanted.sum() > 1000
    assert (layers.segmentation[0][wanted] == 1).mean() > 0.97
    # What else is seen through the level is wall just below it, behind the rough edge of the bed.
    points = unproject(scene.camera, 0, layers.depth[0])
    assert points[wanted & (layers.segmentation[0] == 0)][:, 2].min(initial=1.0) > 0.075


def test_a_still_liquid_has_a_level_surface_at_the_right_height_up_to_the_walls() -> None:
    scene = stage(container=TRAY, medium=filling("liquid", (0.2, 0.4, 0.5)), frames=1, size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, bed(1))).layers
    wanted = inside_pixels(scene, 0.1)
    points = unproject(scene.camera, 0, layers.depth[0])[wanted]
    assert abs(points[:, 2].mean() - 0.1) < 0.1 * SPACING
    assert np.abs(points[:, 2] - 0.1).max() < 0.35 * SPACING
    assert (layers.normal[0][wanted][:, 2] > 0.8).all()
    assert (np.abs(points[:, :2]) <= SIDE / 2 + 1e-6).all()


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_same_input_same_bytes(kind: str) -> None:
    scene = stage((BALL,), container=TRAY, medium=filling(kind, (0.5, 0.4, 0.3)), frames=2)
    trajectory = motion(scene, bed(2))
    one, two = (Raytrace().render(scene, trajectory) for _ in range(2))
    assert one.frames.tobytes() == two.frames.tobytes()
    for name in vars(one.layers):
        assert getattr(one.layers, name).tobytes() == getattr(two.layers, name).tobytes(), name
    other = Raytrace(seed=1).render(scene, trajectory)
    assert other.frames.tobytes() != one.frames.tobytes()


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_the_picture_shows_what_the_layers_say(kind: str) -> None:
    import warp as wp

    from pipeline.renderers import _beauty
    from pipeline.renderers._stage import Stage

    raised = replace(BALL, position=(0.05, 0.0, 0.13)), replace(BRICK, position=(-0.08, 0.05, 0.12))
    scene = stage(raised, container=TRAY, medium=filling(kind, (0.02, 0.6, 0.02)), frames=1)
    trajectory = motion(scene, bed(1))
    layers = Raytrace().render(scene, trajectory).layers
    # One sample in the pixel's centre, for which every thing's colour is dominated by a channel of its own.
    built = Stage(scene, trajectory, 48, 1, 0, "cpu")
    centre = wp.array(np.full((1, 1, 4), 0.5, np.float32), dtype=wp.vec4, device="cpu")
    linear = _beauty.expose(built.frame(0), scene, 0, centre, "cpu")
    strongest = linear.argmax(axis=-1)
    coloured = linear.max(axis=-1) > 1.5 * np.median(linear, axis=-1)
    for instance, channel in ((1, 0), (2, 2), (3, 1)):
        mine = layers.segmentation[0] == instance
        assert mine.any()
        assert (coloured & (strongest == channel))[mine].mean() > (0.995 if kind == "grains" else 0.98), instance
    assert not coloured[layers.segmentation[0] == 0].any()


@pytest.mark.parametrize("annotated", [True, False])
def test_shot_by_shot_is_what_comes_all_at_once(annotated: bool) -> None:
    scene = stage((BALL,), container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)))
    renderer, trajectory = Raytrace(samples=1, layers=annotated), motion(scene, bed())
    clip = renderer.render(scene, trajectory)
    for t, (picture, layers) in enumerate(renderer.shots(scene, trajectory)):
        assert (picture == clip.frames[t]).all()
        assert (layers is not None) == (clip.layers is not None) == annotated
        for name in vars(layers) if layers else ():
            assert np.array_equal(getattr(layers, name), getattr(clip.layers, name)[t]), name
    assert t == scene.num_frames - 1
    assert (renderer.pictures(scene, trajectory) == clip.frames).all()


def test_clip_says_what_is_in_it() -> None:
    scene = stage((BALL, BRICK), container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)), frames=1)
    clip = Raytrace(layers=False, samples=1).render(scene, motion(scene, bed(1)))
    assert clip.layers is None
    assert (clip.clip_id, clip.source, clip.sample, clip.fps) == ("test-0", "truth", 2, 24.0)
    assert [(thing.id, thing.kind) for thing in clip.instances] == [(1, "rigid"), (2, "rigid"), (3, "grains")]
    assert 60 < clip.frames.mean() < 230


def test_shadow_is_darker_than_sunlit_ground() -> None:
    scene = stage((BALL,), frames=1, size=(96, 112))
    scene = replace(scene, ground=Surface(albedo=(0.5, 0.5, 0.5)))
    frames = Raytrace(layers=False).render(scene, motion(scene)).frames[0]
    sun = np.array(scene.light.direction)
    shadow = np.array(BALL.position) - sun * BALL.position[2] / sun[2]
    column, row = project(scene.camera, 0, shadow[None])[0].astype(int)
    assert frames[row, column].mean() < 0.75 * np.median(frames)


def test_errors_say_who_expected_and_got() -> None:
    scene = stage((BALL,))
    with pytest.raises(ValueError, match=r"test-0.*body_position must have shape \(3, 1, 3\), got \(3, 0, 3\)"):
        Raytrace().render(scene, motion(replace(scene, bodies=())))
    lost = motion(scene)
    lost.body_position[1] = np.nan
    with pytest.raises(ValueError, match="body_position must be finite, got NaN or infinity from frame 1 on"):
        Raytrace().render(scene, lost)
    scattered = motion(scene, bed())
    scattered.particle_position[2, 7] = np.inf
    with pytest.raises(ValueError, match="particle_position must be finite, got NaN or infinity from frame 2 on"):
        Raytrace().render(replace(scene, medium=filling("grains", (0.5, 0.4, 0.3))), scattered)
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        Raytrace(samples=0)
    odd = replace(scene, ground=Surface(kind="marble"))
    with pytest.raises(ValueError, match="no kind 'marble', choose one of plain, checker"):
        Raytrace().render(odd, motion(odd))
