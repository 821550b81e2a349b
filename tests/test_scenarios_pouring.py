"""What puddles promise of their own: nothing slips, sinks into the floor or starts in the liquid."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_scenes import SIZE, corners, moved
from scipy.spatial.transform import Rotation

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios import _assets as assets
from pipeline.scenarios.puddle_step import PuddleStep, rolling_radius
from pipeline.types import Scene


def puddle(seed: int, material: str = "water", **settings: object) -> Scene:
    scenario = PuddleStep(**settings)  # type: ignore[arg-type]
    return scenario.draw("x", seed, shelf.find(materials, Material, material)(), SIZE, 24.0, 33)


@pytest.mark.parametrize("draw", [0, 1])
def test_a_wheel_rolls_along_the_floor_without_slipping(draw: int) -> None:
    for seed in range(4):
        scene = puddle(seed, asset="wheel")
        scene = PuddleStep().redraw(scene, draw) if draw else scene
        (wheel,) = scene.bodies
        path = wheel.path
        assert path
        radius = wheel.position[2] - 0.001
        contact = np.array([0.0, 0.0, -radius])
        for now, after in zip(range(len(path.time) - 1), range(1, len(path.time)), strict=True):
            seconds = path.time[after] - path.time[now]
            turn = (
                Rotation.from_quat(path.orientation[after]) * Rotation.from_quat(path.orientation[now]).inv()
            ).as_rotvec()
            velocity = (path.position[after] - path.position[now]) / seconds
            np.testing.assert_allclose(velocity + np.cross(turn / seconds, contact), 0, atol=1e-9)
        for seconds in np.linspace(0, path.time[-1], 9):
            assert 0 < moved(wheel, seconds)[:, 2].min() < 0.01


def test_a_ball_is_let_go_turning_as_it_rolls() -> None:
    for seed in range(4):
        (ball,) = puddle(seed, asset="ball").bodies
        assert ball.path is None
        contact = np.cross(ball.angular_velocity, (0, 0, -ball.size[2] / 2))
        np.testing.assert_allclose(contact + ball.velocity, 0, atol=1e-9)


@pytest.mark.parametrize("draw", [0, 1])
def test_a_boot_comes_from_above_stands_level_on_the_floor_and_leaves(draw: int) -> None:
    for seed in range(4):
        scene = puddle(seed, asset="boot")
        scene = PuddleStep().redraw(scene, draw) if draw else scene
        (boot,) = scene.bodies
        path, medium = boot.path, scene.medium
        assert path
        assert medium
        surface = medium.region[1][2]
        lowest = np.array([moved(boot, seconds)[:, 2].min() for seconds in np.linspace(0, path.time[-1], 60)])
        assert lowest[0] > surface + 0.05
        assert lowest[-1] > surface + 0.05
        assert lowest.min() > 0
        stands = (path.position[:, 2] - path.position[:, 2].min()) < 1e-12
        assert lowest.min() < 0.002
        assert 0.1 < np.ptp(path.time[stands]) < 0.35
        fall = np.flatnonzero(lowest < 0.01)
        assert (np.diff(lowest[: fall[0]]) < 0).all()
        assert (np.diff(lowest[fall[-1] :]) > 0).all()


def test_what_comes_never_leaves_the_puddle() -> None:
    for seed in range(12):
        scene = puddle(seed)
        (body,) = scene.bodies
        assert scene.container
        edge = np.array(scene.container.inner_size[:2]) / 2 - 0.07 + 1e-9
        last = body.path.time[-1] if body.path else 0.0
        for seconds in np.linspace(0, last, 9):
            assert (np.abs(moved(body, seconds)[:, :2]) < edge).all()
        assert (np.abs(corners(body)[:, :2]) < edge).all()


def test_what_is_round_about_its_y_axis_rolls() -> None:
    assert rolling_radius(assets.solid("wheel", 0.3)) == pytest.approx(0.15, rel=0.01)
    for name in ("boot", "bowl", "chair", "cup", "ship"):
        assert rolling_radius(assets.solid(name, 0.3)) is None
    assert {puddle(seed).bodies[0].name.split()[-1] for seed in range(16)} == {"boot", "wheel", "ball"}
    (duck,) = puddle(0, asset="duck_vhacd").bodies
    assert duck.path
    assert duck.path.position[0, 2] > duck.path.position[:, 2].min() + 0.1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"depth": [0.0, 0.1]}, "depth must be two positive numbers"),
        ({"depth": [0.1, 0.2]}, "a depth below half a size"),
        ({"rim": 0.0}, "expected rim >= 0.02 m"),
        ({"lift": [0.01, 0.1]}, "a lift in which a foot so pitched has room"),
        ({"comers": []}, "some comers or an asset"),
        ({"asset": "chiar"}, "there is no such thing"),
    ],
)
def test_impossible_settings_of_puddle_step_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PuddleStep(**wrong)  # type: ignore[arg-type]


def test_sand_is_no_puddle() -> None:
    for material in ("sand", "none"):
        with pytest.raises(ValueError, match="scenario puddle_step: expected a liquid"):
            puddle(0, material)
