"""Laws of the exact layers: flow, depth, poses and occlusion say the same, and what a second opinion says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import _second_opinion as second
import numpy as np
import pytest
import trimesh
from _second_opinion import centres, project, unproject
from layers import rotation, shear, whirl
from traced_scenes import BALL, BRICK, SPACING, TRAY, bed, body, filling, look_at, motion, moving_camera, stage

from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Scene, Trajectory

CHOICE = np.random.default_rng(5)


def led(scene: Scene, way: Callable[[np.ndarray, float], np.ndarray]) -> Trajectory:
    """A bed whose every particle goes a prescribed way, the frame in the middle as it lies; bodies as ever."""
    start = bed(1)[0].astype(np.float32).astype(np.float64)
    return motion(scene, np.stack([way(start, t - 1) for t in range(3)]))


def tumult(points: np.ndarray, frames: float) -> np.ndarray:
    """A whirl that also heaves, as no plane does."""
    x, y, _ = np.moveaxis(points, -1, 0)
    return whirl(points, frames) + frames * 0.006 * np.stack([0 * x, 0 * x, np.sin(40 * x) * np.cos(30 * y)], axis=-1)


def busy(kind: str) -> tuple[Scene, Trajectory]:
    """Two bodies fly and turn close above a tray in tumult, under a camera in motion."""
    low, high = replace(BALL, position=(0.04, -0.03, 0.15)), replace(BRICK, position=(-0.07, 0.05, 0.16))
    medium = filling(kind, (0.5, 0.4, 0.3))
    scene = stage((low, high), container=TRAY, medium=medium, poses=moving_camera(), size=(96, 112))
    return scene, led(scene, tumult)


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_flow_is_what_depth_camera_poses_and_particles_say(kind: str) -> None:
    scene, trajectory = busy(kind)
    renderer = Raytrace(samples=1)
    layers, things = renderer.render(scene, trajectory).layers, second.Things(scene, trajectory, renderer)
    for step in (-1, 1):
        worst = []
        for material in range(4):
            seen = np.argwhere((layers.material[1] == material) & layers.valid[1])
            error = second.flow_error(things, layers, 1, step, seen)
            worst.append(np.quantile(error, 0.99) if len(error) else 0.0)
        assert max(worst[:3]) < 1e-3
        assert worst[3] < 0.05


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_forward_and_back_again_ends_where_it_began(kind: str) -> None:
    scene, trajectory = busy(kind)
    renderer = Raytrace(samples=1)
    layers, things = renderer.render(scene, trajectory).layers, second.Things(scene, trajectory, renderer)
    for t in (0, 1):
        trip = second.round_trip(things, layers, t)
        # A liquid's surface is made anew in every frame: only where it passes through the point is it the same point.
        met = (trip.material != second.LIQUID) | (np.abs(trip.off) < 3e-4)
        assert met.sum() > 4000
        assert np.quantile(trip.error[met], 0.99) < 0.1
        assert (trip.error[met] < 0.1).mean() > 0.99


def test_a_liquid_flows_back_the_way_it_came() -> None:
    from pipeline.renderers._layers import _midway
    from pipeline.renderers._liquid import displacements

    now = bed(1)[0].astype(np.float32)
    then = tumult(now.astype(np.float64), 1.0).astype(np.float32)
    points = np.random.default_rng(0).uniform((-0.12, -0.12, 0.03), (0.12, 0.12, 0.1), (500, 3))

    def way(start: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        _, (guess, _) = displacements(start, one, (other, other), SPACING, "cpu")
        return _midway(start, guess, one, other, SPACING, "cpu")

    there = points + way(points, now, then)
    back = there + way(there, then, now)
    assert np.linalg.norm(there - points, axis=1).mean() > 0.1 * SPACING
    assert np.linalg.norm(back - points, axis=1).max() < 1e-3 * SPACING


@pytest.mark.parametrize("way", [rotation, shear, whirl])
@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_flow_of_prescribed_motion_is_analytic(kind: str, way: Callable[[np.ndarray, float], np.ndarray]) -> None:
    scene = stage(medium=filling(kind, (0.5, 0.4, 0.3)), size=(96, 112))
    trajectory = led(scene, way)
    layers = Raytrace(samples=1).render(scene, trajectory).layers
    mine = layers.material[1] >= second.GRAINS
    points = unproject(scene.camera, 1, layers.depth[1])[mine]
    for step, flow in ((1, layers.forward_flow[1]), (-1, layers.backward_flow[1])):
        there = project(scene.camera, 1 + step, way(points, step))
        error = np.linalg.norm(there - centres(scene.camera)[mine] - flow[mine], axis=1)
        assert np.linalg.norm(flow[mine], axis=1).mean() > 0.1
        assert error.mean() < 0.05


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_occlusion_is_what_second_rays_find(kind: str) -> None:
    scene, trajectory = busy(kind)
    renderer = Raytrace(samples=1)
    layers = renderer.render(scene, trajectory).layers
    things = second.Things(scene, trajectory, renderer)
    for step, hidden in ((1, layers.forward_occluded[1]), (-1, layers.backward_occluded[1])):
        assert 0.01 < hidden.mean() < 0.5
        pixels = CHOICE.integers(0, scene.camera.size, (1500, 2))
        assert second.agreement(things, layers, 1, step, pixels).mean() >= 0.995


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_a_picture_in_flat_colours_is_the_segmentation(kind: str) -> None:
    scene, trajectory = busy(kind)
    scene = replace(scene, bodies=scene.bodies[:1])
    trajectory = replace(
        trajectory, body_position=trajectory.body_position[:, :1], body_orientation=trajectory.body_orientation[:, :1]
    )
    renderer = Raytrace(samples=1)
    layers = renderer.render(scene, trajectory).layers
    assert set(np.unique(layers.segmentation)) == {0, 1, 2}
    for t in range(3):
        assert (second.shown(scene, trajectory, renderer, t) == layers.segmentation[t]).all()


@pytest.mark.parametrize("poses", [None, moving_camera()], ids=["static", "moving"])
@pytest.mark.parametrize("step", [-1, 1])
def test_flow_is_depth_moved_by_the_poses(poses: np.ndarray | None, step: int) -> None:
    scene = stage((BALL, BRICK), poses=poses)
    trajectory = motion(scene)
    layers, things = Raytrace().render(scene, trajectory).layers, second.Things(scene, trajectory, Raytrace())
    assert set(np.unique(layers.segmentation)) == {0, 1, 2}
    seen = np.argwhere(layers.valid[1])
    assert second.flow_error(things, layers, 1, step, seen).max() < 1e-3


def test_static_background_has_no_flow_under_a_static_camera() -> None:
    scene = stage((BALL,), container=TRAY)
    layers = Raytrace().render(scene, motion(scene)).layers
    still = (layers.segmentation == 0) & layers.valid
    assert still.any()
    assert np.abs(layers.forward_flow[still]).max() == 0.0
    assert np.abs(layers.backward_flow[still]).max() == 0.0


def test_forward_and_backward_flow_are_inverse_where_nothing_hides() -> None:
    scene = stage((BALL,), size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, move=0.005, turn=0.05)).layers
    open_ = (layers.segmentation[0] == 1) & ~layers.forward_occluded[0]
    place = centres(scene.camera)[open_] + layers.forward_flow[0][open_]
    column, row = np.floor(place).astype(int).T
    same = (layers.segmentation[1][row, column] == 1) & ~layers.backward_occluded[1][row, column]
    assert same.mean() > 0.9
    there = layers.backward_flow[1][row, column]
    assert np.abs(there + layers.forward_flow[0][open_])[same].max() < 0.15


def test_first_and_last_frame_follow_the_convention() -> None:
    scene = stage((BALL,))
    layers = Raytrace().render(scene, motion(scene)).layers
    assert not layers.backward_flow[0].any()
    assert not layers.forward_flow[-1].any()
    assert layers.backward_occluded[0].all()
    assert layers.forward_occluded[-1].all()


def test_a_sphere_hides_the_wall_that_it_moves_before() -> None:
    wall = body(trimesh.creation.box((2.0, 0.02, 1.0)), (0.0, 0.3, 0.4), (0.5, 0.5, 0.5))
    sphere = body(trimesh.creation.icosphere(5, 0.06), (0.0, 0.0, 0.1), (0.5, 0.5, 0.5))
    poses = np.repeat(look_at((0.1, -0.8, 0.15), (0.0, 0.0, 0.12))[None], 3, axis=0)
    scene = stage((wall, sphere), poses=poses)
    trajectory = motion(scene, move=0.03, turn=0.0)
    trajectory.body_position[:, 0] = wall.position
    layers = Raytrace().render(scene, trajectory).layers
    behind = layers.segmentation[1] == 1
    # The wall stands still: hidden at t+1 are the pixels whose ray passes the sphere's centre by less than its radius.
    eye = -scene.camera.world_to_camera[1][:3, :3].T @ scene.camera.world_to_camera[1][:3, 3]
    ray = unproject(scene.camera, 1, np.ones(scene.camera.size)) - eye
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    for flags, t in ((layers.forward_occluded[1], 2), (layers.backward_occluded[1], 0)):
        away = np.linalg.norm(np.cross(trajectory.body_position[t, 1] - eye, ray), axis=-1)
        certain = behind & (np.abs(away - 0.06) > 1e-4)
        assert (flags == (away < 0.06))[certain].all()
        assert flags[certain].any()


def test_a_turning_sphere_hides_its_own_rim() -> None:
    scene = stage((BALL,))
    layers = Raytrace().render(scene, motion(scene, move=0.0, turn=0.8)).layers
    mine = layers.segmentation[1] == 1
    assert 0.05 < layers.forward_occluded[1][mine].mean() < 0.6


def test_what_leaves_the_view_counts_as_hidden() -> None:
    poses = np.stack([look_at((0.2 + 0.4 * t, -0.8, 0.6), (0.4 * t, 0.0, 0.05)) for t in range(2)])
    scene = stage(poses=poses)
    layers = Raytrace().render(scene, motion(scene)).layers
    target = centres(scene.camera) + layers.forward_flow[0]
    outside = (target < 0).any(axis=-1) | (target >= [56, 48]).any(axis=-1)
    assert outside.any()
    assert (layers.forward_occluded[0] == outside).all()


def test_grains_move_with_the_clouds_around_their_particles() -> None:
    from pipeline.renderers._clouds import STRETCH
    from pipeline.renderers._grains import REACH

    scene = stage(container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)))
    particles = bed()
    drift = np.random.default_rng(0).normal(0.0, 0.003, particles.shape[1:])
    particles = (particles + np.arange(3)[:, None, None] * drift).astype(np.float32)
    trajectory = motion(scene, particles)
    layers, things = Raytrace().render(scene, trajectory).layers, second.Things(scene, trajectory, Raytrace())
    mine = layers.material[1] == 2
    assert mine.sum() > 200
    assert (layers.segmentation[1][mine] == 1).all()
    assert ((layers.particle >= 0) == (layers.material == 2)).all()
    for step in (-1, 1):
        assert second.flow_error(things, layers, 1, step, np.argwhere(mine)).max() < 1e-3
    away = unproject(scene.camera, 1, layers.depth[1])[mine] - particles[1, layers.particle[1][mine]]
    assert np.linalg.norm(away, axis=1).max() < SPACING * REACH * STRETCH


def test_flow_of_a_liquid_is_exact_for_affine_motion() -> None:
    scene = stage(container=TRAY, medium=filling("liquid", (0.2, 0.4, 0.5)))
    gradient = np.array([[0.02, -0.03, 0.01], [0.03, -0.01, 0.0], [0.0, 0.02, -0.01]])
    shift = np.array([0.004, -0.002, 0.003])
    particles = bed()
    for t in (0, 2):
        particles[t] = particles[1] + (t - 1) * (particles[1] @ gradient.T + shift)
    layers = Raytrace().render(scene, motion(scene, particles)).layers
    mine = layers.material[1] == 3
    assert mine.sum() > 200
    points = unproject(scene.camera, 1, layers.depth[1])[mine]
    for flow, t in ((layers.forward_flow[1], 2), (layers.backward_flow[1], 0)):
        moved = points + (t - 1) * (points @ gradient.T + shift)
        error = project(scene.camera, t, moved) - centres(scene.camera)[mine] - flow[mine]
        assert np.abs(error).max() < 2e-3


def test_a_lone_drop_moves_with_its_particle() -> None:
    scene = stage(medium=filling("liquid", (0.2, 0.4, 0.5)), size=(96, 112))
    particles = np.array([[[0.0, 0.0, 0.2]], [[0.01, 0.0, 0.19]], [[0.02, 0.0, 0.17]]])
    layers = Raytrace().render(scene, motion(scene, particles)).layers
    mine = layers.material[1] == 3
    assert mine.any()
    points = unproject(scene.camera, 1, layers.depth[1])[mine] + particles[2] - particles[1]
    error = project(scene.camera, 2, points) - centres(scene.camera)[mine] - layers.forward_flow[1][mine]
    assert np.abs(error).max() < 2e-3
