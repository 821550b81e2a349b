"""Laws of the bodies alone: fall, bounce, slide, and what an impulse does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simple_scenes import GRAVITY, body, sand_box, scene

from pipeline.scenarios import _shapes as shapes
from pipeline.simulators._bodies import Bodies
from pipeline.simulators.coupled import Coupled
from pipeline.types import Path

BALL = shapes.sphere(0.08)
BLOCK = shapes.box((0.10, 0.10, 0.05))


def test_free_fall_is_g_t_squared_over_two() -> None:
    told = Coupled().simulate(scene(body(BALL, (0, 0, 10.0), velocity=(0.5, 0.0, 1.0))))
    t = told.time[1:]
    fallen = 10.0 + t - told.body_position[1:, 0, 2]
    np.testing.assert_allclose(fallen, GRAVITY * t**2 / 2, rtol=1e-3)
    np.testing.assert_allclose(told.body_position[1:, 0, 0], 0.5 * t, rtol=1e-6)


@pytest.mark.parametrize("friction", [0.3, 0.6])
def test_a_sliding_block_stops_after_v_squared_over_two_mu_g(friction: float) -> None:
    block = body(BLOCK, (0, 0, 0.025), velocity=(1.5, 0.0, 0.0), friction=friction)
    told = Coupled().simulate(scene(block, ground_friction=friction, num_frames=40))
    assert told.body_position[-1, 0, 0] == pytest.approx(1.5**2 / (2 * friction * GRAVITY), rel=0.03)


@pytest.mark.parametrize(("beyond", "slides"), [(-1.0, False), (1.0, True)])
def test_a_block_on_a_ramp_slides_from_the_angle_of_friction_on(beyond: float, slides: bool) -> None:
    angle = np.arctan(0.5) + np.radians(beyond)
    tilted = (GRAVITY * np.sin(angle), 0.0, -GRAVITY * np.cos(angle))
    told = Coupled().simulate(scene(body(BLOCK, (0, 0, 0.025), friction=0.5), gravity=tilted, num_frames=37))
    went = GRAVITY * (np.sin(angle) - 0.5 * np.cos(angle)) * told.time[-1] ** 2 / 2 if slides else 0.0
    assert told.body_position[-1, 0, 0] == pytest.approx(went, abs=0.03)
    assert (told.body_velocity[-1, 0, 0] > 0.1) == slides


@pytest.mark.parametrize("height", [0.5, 0.513, 0.55])
def test_a_ball_bounces_with_the_geometric_mean_of_the_restitutions(height: float) -> None:
    """Several heights, because Bullet's own contacts bounce by chance of where a step ends."""
    world = scene(body(BALL, (0, 0, 0.04 + height), restitution=0.72))
    with Bodies(world, 1 / 960) as bodies:
        speeds = []
        for _ in range(600):
            bodies.step(np.zeros((1, 6)), 1)
            speeds.append(bodies.state().velocity[0, 2])
    assert max(speeds) / -min(speeds) == pytest.approx(np.sqrt(0.72 * 0.5), abs=0.04)


def test_an_impulse_changes_momentum_and_angular_momentum_by_itself() -> None:
    turned = (0.3, 0.2, 0.1, float(np.sqrt(1 - 0.14)))
    floating = replace(scene(body(BLOCK, (0, 0, 5), orientation=turned)), gravity=(0.0, 0.0, 0.0))
    block = floating.bodies[0]
    given = np.array([[0.1, 0.2, 0.3, 1e-5, 2e-5, -3e-5]])
    with Bodies(floating, 1 / 960) as bodies:
        bodies.step(given, 4)
        state = bodies.state()
    np.testing.assert_allclose(block.mass * state.velocity, given[:, :3], rtol=1e-5)
    x, y, z, w = state.orientation[0]
    axes = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    spin = axes @ (np.array(block.inertia) * (axes.T @ state.angular_velocity[0]))
    np.testing.assert_allclose(spin, given[0, 3:], rtol=1e-3)


def test_a_fast_ball_stays_in_the_container() -> None:
    _, container = sand_box()
    told = Coupled().simulate(scene(body(BALL, (0, 0, 0.3), velocity=(6.0, 5.0, 2.0)), container=container))
    assert np.abs(told.body_position[..., :2]).max() < 0.12 + 0.005
    assert told.body_position[..., 2].min() > 0.04 - 0.005


def test_an_unknown_shape_is_named() -> None:
    with pytest.raises(ValueError, match="got 'teapot'"):
        Coupled().simulate(scene(replace(body(BALL, (0, 0, 1)), shape="teapot")))


LINE = Path(
    np.array([0.0, 0.5, 1.0]),
    np.array([[0.0, 0.0, 1.0], [0.2, 0.0, 1.0], [0.2, 0.0, 1.3]]),
    np.array([[0, 0, 0, 1], [0, 0, np.sin(0.5), np.cos(0.5)], [0, 0, np.sin(0.5), np.cos(0.5)]], dtype=float),
)


def test_a_led_body_goes_straight_and_evenly_from_pose_to_pose_and_then_stands() -> None:
    slab = body(shapes.box((0.3, 0.3, 0.04)), (9, 9, 9), path=LINE)
    told = Coupled().simulate(scene(slab, num_frames=31))
    x = np.interp(told.time, [0, 0.5], [0, 0.2])
    z = np.interp(told.time, [0.5, 1.0], [1.0, 1.3])
    np.testing.assert_allclose(told.body_position[:, 0], np.column_stack([x, 0 * x, z]), atol=1e-9)
    np.testing.assert_allclose(told.body_velocity[3, 0], [0.4, 0, 0], atol=1e-6)
    np.testing.assert_allclose(told.body_angular_velocity[3, 0], [0, 0, 2.0], atol=1e-6)
    np.testing.assert_allclose(told.body_velocity[18, 0], [0, 0, 0.6], atol=1e-6)
    assert not told.body_velocity[26:, 0].any()


def test_what_lies_on_a_led_body_goes_with_it() -> None:
    slab = body(shapes.box((0.3, 0.3, 0.04)), (0, 0, 0), path=LINE, friction=0.9)
    block = body(shapes.box((0.1, 0.1, 0.05)), (0.0, 0.0, 1.046), friction=0.9)
    told = Coupled().simulate(scene(slab, block, num_frames=30))
    arm = told.body_position[-1, 1] - told.body_position[-1, 0]
    np.testing.assert_allclose(arm, [0, 0, 0.045], atol=0.012)
    turn = 2 * np.arctan2(*told.body_orientation[-1, 1, [2, 3]])
    assert turn == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("led", [True, False])
def test_a_marble_falls_into_a_cup_and_stays_there(led: bool) -> None:
    """Concave contacts: triangles of a led cup, convex parts of a free one."""
    cup = shapes.cup(0.16, 0.12, 0.02, sections=16)
    bottom = -cup.mesh.vertices[:, 2].min()
    at = (0.0, 0.0, bottom + 0.001)
    stays = Path(np.zeros(1), np.array([at]), np.array([[0.0, 0.0, 0.0, 1.0]])) if led else None
    marble = body(shapes.sphere(0.03), (0.02, 0.01, 0.3))
    told = Coupled().simulate(scene(body(cup, at, path=stays), marble, num_frames=49))
    assert told.body_position[-1, 1, 2] == pytest.approx(0.02 + 0.015, abs=0.003)
    assert np.hypot(*told.body_position[-1, 1, :2]) < 0.065
    assert told.body_position[-1, 0, 2] == pytest.approx(bottom, abs=0.003)


def test_an_impossible_path_is_told() -> None:
    for wrong, match in (
        (replace(LINE, time=np.array([0.0, 0.5, 0.5])), "times must increase from 0"),
        (replace(LINE, time=LINE.time[:2]), "got shapes"),
        (replace(LINE, orientation=2 * LINE.orientation), "quaternions of length 1"),
    ):
        with pytest.raises(ValueError, match=match):
            Coupled().simulate(scene(body(BLOCK, (0, 0, 1), path=wrong)))


def test_bodies_that_overlap_at_the_start_are_refused() -> None:
    one, other = body(BLOCK, (0, 0, 0.5)), replace(body(BALL, (0.06, 0, 0.5)), name="ball")
    with pytest.raises(ValueError, match=r"Scene simple: nothing may overlap at t = 0, got body and ball by 30"):
        Coupled().simulate(scene(one, other))
    with pytest.raises(ValueError, match="ground or container"):
        Coupled().simulate(scene(body(BLOCK, (0, 0, 0.01))))
    told = Coupled().simulate(scene(body(BLOCK, (0, 0, 0.025)), body(BLOCK, (0, 0, 0.075)), num_frames=10))
    assert np.abs(told.body_position[-1] - told.body_position[0]).max() < 0.001
