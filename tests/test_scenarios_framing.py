"""Cameras that move: slowly, evenly, around what they look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_scenes import SCENARIOS, SIZE, corners

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios._framing import pixels
from pipeline.types import Camera, Scene


def filmed(name: str, moving: float, seed: int = 3) -> Scene:
    scenario = replace(SCENARIOS[name], moving=moving)
    material = shelf.find(materials, Material, scenario.materials[0])()
    return scenario.draw("clip", seed, material, SIZE, 24.0, 33)


def seen_at(camera: Camera, frame: int) -> Camera:
    return replace(camera, world_to_camera=camera.world_to_camera[frame : frame + 1])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_camera_that_moves_starts_where_it_stood_and_films_the_same_scene(name: str) -> None:
    still, moving = filmed(name, 0.0), filmed(name, 1.0)
    poses = moving.camera.world_to_camera
    assert np.ptp(still.camera.world_to_camera, axis=0).max() == 0
    assert poses[0] == pytest.approx(still.camera.world_to_camera[0], abs=1e-12)
    assert [body.position for body in moving.bodies] == [body.position for body in still.bodies]
    rotations = poses[:, :3, :3]
    assert rotations @ rotations.transpose(0, 2, 1) == pytest.approx(np.repeat(np.eye(3)[None], 33, 0), abs=1e-12)
    # The point that is looked at stays in the middle, and what stands in the picture stays in it, but for the margin.
    eye, forward = -rotations[0].T @ poses[0, :3, 3], rotations[0, 2]
    pivot = eye - eye[2] / forward[2] * forward
    for frame in (0, 16, 32):
        camera = seen_at(moving.camera, frame)
        assert pixels(camera, pivot[None])[0, :2] == pytest.approx([SIZE[1] / 2, SIZE[0] / 2], abs=1e-6)
        for body in moving.bodies:
            shown = pixels(camera, corners(body))[:, :2] / [SIZE[1], SIZE[0]]
            assert shown.min() > -0.06
            assert shown.max() < 1.06


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_moving_camera_is_slow_and_even(name: str) -> None:
    camera = filmed(name, 1.0).camera
    floor = np.array([[x, y, 0.0] for x in (-0.1, 0.1) for y in (-0.1, 0.1)])
    shown = np.array([pixels(seen_at(camera, frame), floor)[:, :2] for frame in range(33)])
    steps = np.linalg.norm(np.diff(shown, axis=0), axis=2)
    assert steps.max() < 0.012 * min(SIZE)
    assert np.abs(np.diff(shown, n=2, axis=0)).max() < 0.1 * steps.max() + 1e-9


def test_some_of_the_scenes_are_filmed_by_a_moving_camera() -> None:
    scenes = [filmed("drop", 0.5, seed) for seed in range(40)]
    moving = sum(bool(np.ptp(scene.camera.world_to_camera, axis=0).max()) for scene in scenes)
    assert 10 < moving < 30
