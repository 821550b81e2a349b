"""Laws of bodies in sand, and of the simulator as a whole; coarse, so that they run in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from simple_scenes import GRAVITY, body, sand_box, scene

from pipeline.materials import LOOK
from pipeline.materials.sand import Sand
from pipeline.materials.water import Water
from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._arm import arm
from pipeline.simulators._bodies import Bodies
from pipeline.simulators._grains import GrainSolver
from pipeline.simulators.coupled import Coupled
from pipeline.types import Container, Float32, Path, Scene, Trajectory

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


def cup_of(name: str, motion: str, wall: float = 0.04) -> tuple[Scene, float, float]:
    """A small cup, half filled, with walls of two coarse cells if not told otherwise; its inner radius and wall [m]."""
    radius = 0.06
    cup = shapes.cup(2 * (radius + wall), 0.13 + wall, wall, sections=24)
    bottom, floor = -cup.mesh.vertices[:, 2].min(), 0.05
    time = np.linspace(0.0, 0.5, 31)
    tilt = np.radians(15) * np.sin(np.pi * time / 0.5) ** 2 * (motion == "swung")
    where = np.column_stack([0.05 * tilt, 0 * time, 0 * time + floor + bottom])
    led = Path(time, where, np.column_stack([0 * time, np.sin(tilt / 2), 0 * time, np.cos(tilt / 2)]))
    region = ((-radius, -radius, floor + wall), (radius, radius, floor + wall + 0.06))
    medium = replace((Sand() if name == "sand" else Water()).fill(region), form="cylinder")
    world = scene(body(cup, (0, 0, 0), path=led), medium=medium, container=Container((0.4, 0.4, 0.2)), num_frames=13)
    return world, radius, wall


@pytest.mark.parametrize("name", ["sand", "water"])
@pytest.mark.parametrize("motion", ["still", "swung"])
def test_a_cup_with_walls_of_two_cells_holds_what_is_in_it(name: str, motion: str) -> None:
    world, radius, wall = cup_of(name, motion)
    told = Coupled(particle_spacing=0.01).simulate(world)
    bottom = world.bodies[0].mesh.vertices[:, 2].min()
    for frame, particles in enumerate(told.particle_position):
        turn = Rotation.from_quat(told.body_orientation[frame, 0]).inv()
        local = turn.apply(particles - told.body_position[frame, 0])
        assert np.hypot(local[:, 0], local[:, 1]).max() < radius + wall / 2
        assert local[:, 2].min() > bottom + wall / 2
    weight = len(particles) * told.particle_spacing**3 * world.medium.density * GRAVITY  # type: ignore[union-attr]
    assert -told.body_impulse[:, 0, 2].sum() == pytest.approx(weight * told.time[-1], rel=0.05)


@pytest.mark.parametrize(("thin", "held"), [("thicken", True), ("allow", False)])
def test_water_leaks_through_a_wall_of_half_a_cell_unless_it_is_thickened(thin: str, held: bool) -> None:
    world, radius, wall = cup_of("water", "still", wall=0.01)
    told = Coupled(particle_spacing=0.01, thin=thin).simulate(world)
    local = told.particle_position[-1] - told.body_position[-1, 0]
    assert (np.hypot(local[:, 0], local[:, 1]).max() < radius + wall / 2) == held


def test_the_medium_fills_what_bodies_leave_free() -> None:
    medium, container = sand_box(depth=DEPTH)
    ball = body(shapes.sphere(DIAMETER), (0.0, 0.0, DIAMETER / 2 + 0.02))
    buried = scene(ball, medium=medium, container=container, num_frames=1)
    grains = Coupled(particle_spacing=0.016).simulate(buried).particle_position[0]
    assert np.linalg.norm(grains - np.array(ball.position), axis=1).min() > DIAMETER / 2 - 0.002
    assert len(grains) < 0.32 * 0.32 * DEPTH / 0.016**3


def test_a_frame_that_cannot_be_fails_the_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    medium, container = sand_box(depth=DEPTH)
    still = scene(medium=medium, container=container, num_frames=3)
    start = GrainSolver.positions
    broken: list[tuple[Callable[[GrainSolver], Float32], str]] = [
        (lambda solver: start(solver) * np.where(np.arange(2400)[:, None] < 7, np.nan, 1), "7 of 2400 .* no finite"),
        (lambda solver: start(solver) + np.float32([1, 0, 0]), "particles left the container"),
        (lambda solver: start(solver) - np.float32([0, 0, 1]), "particles left the container"),
    ]
    for positions, told in broken:
        monkeypatch.setattr(GrainSolver, "positions", positions)
        with pytest.raises(RuntimeError, match=f"Scene simple, frame 0: .*{told}"):
            Coupled(particle_spacing=0.016).simulate(still)
    monkeypatch.undo()
    monkeypatch.setattr(GrainSolver, "velocities", lambda solver: start(solver) + 1e4)
    with pytest.raises(RuntimeError, match=r"particles are faster than \d+"):
        Coupled(particle_spacing=0.016).simulate(still)


@pytest.mark.parametrize("name", ["sand", "water"])
def test_an_arm_sweeps_through_the_medium_and_pushes_it_along(name: str) -> None:
    angles = np.zeros((13, 7))
    angles[:, [1, 3, 5]] = 0.9, -1.3, 0.9
    angles[:, 0] = np.linspace(-0.2, 0.2, 13)
    time = np.linspace(0.0, 0.5, 13)
    hand = arm(
        "kuka_iiwa/model.urdf", time, angles, base=(-0.65, 0.0, -0.2), links=["lbr_iiwa_link_6", "lbr_iiwa_link_7"]
    )
    box = ((-0.2, -0.24, 0.0), (0.2, 0.24, 0.12))
    medium = (Sand() if name == "sand" else Water()).fill(box)
    world = scene(*hand, medium=medium, container=Container((0.4, 0.48, 0.3)), num_frames=13)
    told = Coupled(particle_spacing=0.02, thin="allow").simulate(world)
    np.testing.assert_allclose(told.body_position[-1, 1], hand[1].path.position[-1], atol=1e-6)  # type: ignore[union-attr]
    assert told.body_impulse[1:, :, 1].sum(axis=1).max() < 0
    ahead = told.particle_position[-1, :, 1] > hand[1].path.position[-1, 1]  # type: ignore[union-attr]
    assert told.particle_velocity[-1, ahead, 1].max() > 0.1


def test_an_arm_of_other_joints_or_links_is_told() -> None:
    with pytest.raises(ValueError, match=r"expected joints of shape \(K, J\) = \(2, 7\), got \(2, 6\)"):
        arm("kuka_iiwa/model.urdf", np.array([0.0, 1.0]), np.zeros((2, 6)))
    with pytest.raises(ValueError, match=r"expected links out of lbr_iiwa_link_0, .*, got hand"):
        arm("kuka_iiwa/model.urdf", np.array([0.0]), np.zeros((1, 7)), links=["hand"])
    with pytest.raises(FileNotFoundError, match=r"Arm none\.urdf: expected a URDF file"):
        arm("none.urdf", np.array([0.0]), np.zeros((1, 7)))


def test_how_a_medium_looks_moves_nothing() -> None:
    """What LOOK names may be changed without examining the solvers anew."""
    drawn = replace(ball_above_sand(800.0), num_frames=4)
    assert drawn.medium
    other = {"albedo": (0.1, 0.9, 0.2), "absorption": (1.0, 2.0, 3.0), "refractive_index": 1.9, "word": "snow"}
    assert set(other) == set(LOOK)
    seen = [
        Coupled(particle_spacing=0.016).simulate(replace(drawn, medium=medium))
        for medium in (drawn.medium, replace(drawn.medium, **other))
    ]
    for field in fields(Trajectory):
        np.testing.assert_array_equal(*(getattr(one, field.name) for one in seen))
