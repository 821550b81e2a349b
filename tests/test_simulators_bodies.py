"""Laws of the bodies alone: fall, bounce, slide, and what an impulse does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simple_scenes import GRAVITY, body, sand_box, scene

from pipeline.scenarios import _shapes as shapes
from pipeline.simulators._bodies import Bodies
from pipeline.simulators.coupled import Coupled

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
