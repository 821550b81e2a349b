"""Laws of bodies in sand, and of the simulator as a whole; coarse, so that they run in seconds."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from simple_scenes import GRAVITY, body, sand_box, scene

from pipeline.scenarios import _shapes as shapes
from pipeline.simulators._bodies import Bodies
from pipeline.simulators._grains import GrainSolver
from pipeline.simulators.coupled import Coupled
from pipeline.types import Scene, Trajectory

DEPTH = 0.096
DIAMETER = 0.10


def ball_above_sand(density: float, particle_seed: int = 0) -> Scene:
    medium, container = sand_box(depth=DEPTH)
    ball = body(shapes.sphere(DIAMETER), (0.01, 0.0, DEPTH + DIAMETER / 2 + 0.25), density)
    return scene(ball, medium=medium, container=container, num_frames=22, particle_seed=particle_seed)


@cache
def told(density: float, particle_seed: int = 0) -> Trajectory:
    return Coupled(particle_spacing=0.016).simulate(ball_above_sand(density, particle_seed))


def sunk(trajectory: Trajectory) -> float:
    """How far the ball's lowest point ends below the first surface [m]."""
    return float(DEPTH + DIAMETER / 2 - trajectory.body_position[-1, 0, 2])


@pytest.mark.parametrize("density", [200.0, 6000.0])
def test_a_ball_stops_in_sand_and_is_carried(density: float) -> None:
    trajectory = told(density)
    assert np.abs(trajectory.body_velocity[-1]).max() < 0.01
    weight = ball_above_sand(density).bodies[0].mass * GRAVITY
    carried = trajectory.body_impulse[-5:, 0, 2].mean() * 24
    assert carried == pytest.approx(weight, rel=0.01)


def test_a_heavy_ball_craters_and_a_light_one_lies_on_top() -> None:
    light, heavy = sunk(told(200.0)), sunk(told(6000.0))
    assert -0.005 < light < 0.02
    # Uehara et al. 2003, d = 0.14/mu (rho_body/rho_bulk)^(1/2) D^(2/3) H^(1/3): here 0.06; coarse, so a wide bound
    depth = 0.14 / np.tan(0.576) * (6000 / 1550) ** 0.5 * DIAMETER ** (2 / 3) * (0.25 + heavy) ** (1 / 3)
    assert 0.6 * depth < heavy < 1.4 * depth


@pytest.mark.parametrize("density", [200.0, 6000.0])
def test_no_grain_leaves_the_box_or_enters_the_ball_and_the_volume_stays(density: float) -> None:
    trajectory = told(density)
    grains = trajectory.particle_position
    assert np.isfinite(grains).all()
    assert np.abs(grains[..., :2]).max() <= 0.16 + 1e-6
    assert grains[..., 2].min() >= 0
    inside = np.linalg.norm(grains - trajectory.body_position[:, 0][:, None], axis=-1) < DIAMETER / 2 - 0.002
    assert inside.sum() == 0
    assert grains[-1, :, 2].mean() == pytest.approx(grains[0, :, 2].mean(), rel=0.03)


def test_the_sand_lies_still_until_the_ball_arrives() -> None:
    grains = told(6000.0).particle_position
    assert np.abs(grains[4] - grains[0]).max() < 1e-4


def test_what_the_ball_receives_is_what_the_sand_gives() -> None:
    world = ball_above_sand(3000.0)
    assert world.medium is not None
    low = replace(world.bodies[0], position=(0.01, 0.0, DEPTH + DIAMETER / 2 + 0.002), velocity=(0.5, 0.0, -2.0))
    world = replace(world, bodies=(low,))
    sand = GrainSolver(world.medium, world.container, world.bodies, 0.016, world.gravity, 0, "cpu")
    dt, given = sand.time_step, np.zeros(3)
    with Bodies(world, dt) as bodies:
        start = bodies.state().velocity[0]
        for _ in range(60):
            impulse = sand.step(bodies.state(), dt)
            bodies.step(impulse, 1)
            given += impulse[0, :3]
        gained = low.mass * (bodies.state().velocity[0] - start - 60 * dt * np.array(world.gravity))
    weight = sand.mass * GRAVITY * 60 * dt
    assert given[2] > 2
    np.testing.assert_allclose(gained, given, atol=1e-4 * given[2])
    momentum = sand.mass * sand.velocities().astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(momentum + given + sand.container_impulse, [0, 0, -weight], atol=0.003 * weight)


def test_the_same_scene_gives_the_same_bytes_and_another_seed_others() -> None:
    again = Coupled(particle_spacing=0.016).simulate(ball_above_sand(200.0))
    for field in fields(Trajectory):
        first, second = getattr(told(200.0), field.name), getattr(again, field.name)
        assert np.asarray(first).tobytes() == np.asarray(second).tobytes(), field.name
    other = told(200.0, particle_seed=1)
    assert (other.particle_position[0] != again.particle_position[0]).any()
    assert (other.body_position[-1] != again.body_position[-1]).any()


def test_without_a_medium_there_are_bodies_only() -> None:
    trajectory = Coupled().simulate(scene(body(shapes.sphere(0.1), (0, 0, 0.3)), num_frames=5))
    assert trajectory.time.tolist() == pytest.approx([0, 1 / 24, 2 / 24, 3 / 24, 4 / 24])
    assert trajectory.particle_position.shape == (5, 0, 3)
    assert trajectory.body_impulse.shape == (5, 1, 6)
    assert not trajectory.body_impulse.any()
    assert trajectory.particle_spacing == 0


def test_particles_share_the_region() -> None:
    trajectory = told(200.0)
    volume = trajectory.particle_position.shape[1] * trajectory.particle_spacing**3
    assert volume == pytest.approx(0.32 * 0.32 * DEPTH)


def test_wrong_settings_and_media_are_explained() -> None:
    with pytest.raises(ValueError, match="particle_spacing must be positive, got 0"):
        Coupled(particle_spacing=0.0)
    medium, container = sand_box()
    with pytest.raises(ValueError, match="grains or liquid, got 'gas'"):
        Coupled().simulate(scene(medium=replace(medium, kind="gas"), container=container))
