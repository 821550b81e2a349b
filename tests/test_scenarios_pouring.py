"""What puddles and jugs promise of their own: what rolls does not slip, nothing sinks into the floor, no jug leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_scenes import SIZE, corners, moved
from scipy.spatial.transform import Rotation

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios import _assets as assets
from pipeline.scenarios.pour import Pour
from pipeline.scenarios.puddle_step import PuddleStep, rolling_radius
from pipeline.simulators._bodies import Bodies
from pipeline.simulators._distance import outside
from pipeline.simulators._filling import filled
from pipeline.simulators.coupled import Coupled
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


def poured(seed: int, material: str = "water", **settings: object) -> Scene:
    scenario = Pour(**settings)  # type: ignore[arg-type]
    return scenario.draw("x", seed, shelf.find(materials, Material, material)(), SIZE, 24.0, 33)


def test_a_jug_begins_upright_beside_the_bowl_and_ends_tipped_above_it() -> None:
    for seed in range(3):
        scene = poured(seed)
        toy, bowl, jug = scene.bodies
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()
        assert jug.path
        up = [Rotation.from_quat(turn) * Rotation.from_quat(jug.orientation).inv() for turn in jug.path.orientation]
        tilts = np.array([np.arccos(turn.as_matrix()[2, 2]) for turn in up])
        assert tilts[0] == 0
        assert (np.diff(tilts) > 0).all()
        assert 1.1 - 1e-9 < tilts[-1] < 1.35 + 1e-9
        standing = corners(jug)[corners(jug)[:, 2] < corners(jug)[:, 2].min() + 1e-6]
        assert len(standing) > 16  # its foot is level
        for seconds in jug.path.time[::4]:
            now = moved(jug, seconds)
            assert now[:, 2].min() > 0.01
            assert outside([bowl, toy], now, 0.015).all()


def test_the_lip_stays_at_one_height_and_ends_above_the_bowl() -> None:
    for seed in range(6):
        scene = poured(seed)
        _, bowl, jug = scene.bodies
        assert jug.path
        middle = np.array(bowl.position)[:2]
        start, tipped = corners(jug), moved(jug, jug.path.time[-1])
        lip = int(np.argmin(np.hypot(*(start[:, :2] - middle).T) - 10 * (start[:, 2] > start[:, 2].max() - 1e-6)))
        assert tipped[lip, 2] == pytest.approx(start[lip, 2], abs=0.01)
        assert np.hypot(*(tipped[lip, :2] - middle)) < 0.1 < np.hypot(*(start[lip, :2] - middle))


@pytest.mark.parametrize("material", ["water", "sand"])
def test_all_that_will_be_poured_is_in_the_jug(material: str) -> None:
    for seed in range(2):
        scene = poured(seed, material)
        jug, medium = scene.bodies[-1], scene.medium
        assert medium
        assert medium.form == "cylinder"
        low, high = np.array(medium.region)
        axes = [np.linspace(low[axis], high[axis], 21) for axis in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        free = outside([jug], points[filled(medium, points)], 0.008)
        assert free.mean() > 0.9  # its wall is a polygon, which the region touches
        below = points[filled(medium, points)] * (1, 1, 0) + (0, 0, low[2] - 0.01)
        assert not outside([jug], below, 0.008).any()
        beside = (points[filled(medium, points)] - (low + high) / 2) * (1.2, 1.2, 1) + (low + high) / 2
        rim = np.hypot(*(beside - (low + high) / 2)[:, :2].T) > 1.1 * (high - low)[0] / 2
        assert not outside([jug], beside[rim], 0.008).any()
        assert high[2] < corners(jug)[:, 2].max() - 0.03


def test_what_is_in_a_jug_that_moves_stays_there() -> None:
    scene = poured(1)
    scene = replace(scene, bodies=scene.bodies[-1:], num_frames=2, fps=8.0)
    happened = Coupled().simulate(scene)
    assert scene.medium
    low, high = np.array(scene.medium.region)
    jug, end = scene.bodies[-1], happened.particle_position[-1]
    back = Rotation.from_quat(jug.orientation) * Rotation.from_quat(happened.body_orientation[-1, -1]).inv()
    still = back.apply(end - happened.body_position[-1, -1]) + jug.position
    assert np.abs(happened.body_position[-1, -1] - jug.position).max() > 0.01
    spacing = Coupled().particle_spacing
    assert np.hypot(*(still - (low + high) / 2)[:, :2].T).max() < (high - low)[0] / 2 + spacing
    assert still[:, 2].min() > low[2] - spacing


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fill": [0.8, 0.95]}, "expected fill < 0.85, or it spills"),
        ({"size": [0.1, 0.2]}, "three and a half toys wide"),
        ({"toys": []}, "some toys or an asset"),
        ({"asset": "chiar"}, "there is no such thing"),
        ({"tilt": [1.0]}, "tilt must be two positive numbers"),
    ],
)
def test_impossible_settings_of_pour_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Pour(**wrong)  # type: ignore[arg-type]


def test_what_does_not_run_is_not_poured_and_a_low_jug_does_not_pass_over_a_high_bowl() -> None:
    for material in ("wet_sand", "mud", "none"):
        with pytest.raises(ValueError, match="expected a liquid or dry grains"):
            poured(0, material)
    with pytest.raises(ValueError, match=r"raise scenario\.hold"):
        poured(0, bowl=[0.8, 0.8])
