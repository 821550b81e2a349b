"""Laws that the liquid answers to: rest, hydrostatics, Archimedes, slosh, dam break, conservation, containment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.optimize import brentq, curve_fit

from pipeline.laws._ducts import PIPE, Duct
from pipeline.laws._scenes import play
from pipeline.laws._vessels import NOWHERE, cup_scene
from pipeline.materials.mud import Mud
from pipeline.materials.water import Water
from pipeline.simulators._liquid import LiquidSolver
from pipeline.simulators._medium import BodyState
from pipeline.simulators.coupled import Coupled
from pipeline.types import Body, Container, Medium, Mesh, Vector

G = 9.81
DOWN = (0.0, 0.0, -G)
RHO = 1000.0
SPACING = 0.01
"""Coarse: cells of 20 mm."""
STILL = (np.array([0.0, 1.0]), np.zeros(2), np.zeros(2))
"""A cup's path that leads nowhere."""
NOBODY = BodyState(np.zeros((0, 3)), np.zeros((0, 4)), np.zeros((0, 3)), np.zeros((0, 3)))
Array = NDArray[np.float64]


def ball(diameter: float, density: float, position: Vector) -> Body:
    mesh = trimesh.creation.icosphere(3, diameter / 2)
    mass = density * np.pi / 6 * diameter**3
    moment = 0.1 * mass * diameter**2
    shape = Mesh(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int32))
    return Body("ball", "sphere", (diameter,) * 3, shape, density, mass, (moment,) * 3, position)


def block(size: Vector, density: float, position: Vector) -> Body:
    mesh = trimesh.creation.box(size)
    mass = density * float(np.prod(size))
    a, b, c = (mass / 12 * edge**2 for edge in size)
    shape = Mesh(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int32))
    return Body("block", "box", size, shape, density, mass, (b + c, a + c, a + b), position)


def tank(size: tuple[float, float], region: tuple[Vector, Vector], bodies: list[Body], **more: object) -> LiquidSolver:
    setting = {"gravity": DOWN, "viscosity": 1e-3, "spacing": SPACING, "seed": 0, "device": "cpu"} | more
    viscosity = setting.pop("viscosity")
    medium = Medium("water", "liquid", "water", region, RHO, viscosity=float(str(viscosity)))
    return LiquidSolver(medium, Container((*size, 0.2)), bodies, **setting)  # type: ignore[arg-type]


def basin(width: float, depth: float, bodies: list[Body], **more: object) -> LiquidSolver:
    half = width / 2
    return tank((width, width), ((-half, -half, 0.0), (half, half, depth)), bodies, **more)


def at_rest(body: Body) -> BodyState:
    position, orientation = np.array([body.position]), np.array([body.orientation])
    return BodyState(position, orientation, np.zeros((1, 3)), np.zeros((1, 3)))


@dataclass
class Fall:
    """What one body and the liquid did, step by step."""

    position: Array
    particles: list[NDArray[np.float32]]
    energy: Array
    momentum_error: Array
    weight_impulse: float
    taken_back: Array


def let_fall(body: Body, solver: LiquidSolver, duration: float, damping: float = 0.0, liquid: float = 1.0) -> Fall:
    """Drop one body with a semi-implicit Euler step and a floor that stops it.

    `damping` [1/s] calms the body, `liquid` is the liquid's mass [kg].
    """
    state, dt = at_rest(body), solver.time_step
    x, v, w = state.position[0].copy(), np.zeros(3), np.zeros(3)
    mass = liquid / len(solver.positions())
    track, energy, particles, momentum, error = [], [], [], np.zeros(3), [np.zeros(3)]
    received = np.zeros(3)
    for _ in range(int(duration / dt)):
        state = BodyState(x[None].copy(), state.orientation, v[None].copy(), w[None].copy())
        impulse = solver.step(state, dt)[0]
        v += dt * np.array(DOWN) + impulse[:3] / body.mass - damping * dt * v
        x += dt * v
        if x[2] < body.size[2] / 2:
            x[2], v[2] = body.size[2] / 2, 0.0
        points, speeds = solver.positions(), solver.velocities().astype(float)
        particles.append(points)
        track.append(x.copy())
        kinetic = 0.5 * mass * (speeds**2).sum() + 0.5 * body.mass * (v**2).sum()
        energy.append(kinetic + G * (mass * points[:, 2].sum(dtype=float) + body.mass * x[2]))
        now = mass * speeds.sum(axis=0)
        given = np.array(DOWN) * mass * len(points) * dt - impulse[:3] - (solver.container_impulse - received)
        received = solver.container_impulse
        error.append(error[-1] + now - momentum - given)
        momentum = now
    weight = G * mass * len(particles[0]) * duration
    return Fall(np.array(track), particles, np.array(energy), np.array(error), weight, solver.taken_back)


@pytest.fixture(scope="module")
def splash() -> Fall:
    """A dense ball falls into a basin."""
    body = ball(0.08, 2500.0, (0.02, 0.01, 0.3))
    return let_fall(body, basin(0.24, 0.1, [body]), 0.7, liquid=RHO * 0.1 * 0.24**2)


@pytest.mark.parametrize("depth", [0.10, 0.11, 0.115])
def test_still_column_keeps_its_height_and_stays_still(depth: float) -> None:
    solver = basin(0.2, depth, [])
    before = solver.positions()[:, 2].mean()
    for _ in range(100):
        solver.step(NOBODY, solver.time_step)
    assert solver.positions()[:, 2].mean() == pytest.approx(before, rel=5e-3)
    assert np.sqrt((solver.velocities() ** 2).sum(axis=1).mean()) < 5e-3


@pytest.mark.parametrize(
    ("body", "tolerance"),
    [
        (ball(0.08, 2000.0, (0.003, 0.002, 0.07)), 0.02),
        (ball(0.08, 2000.0, (0.0, 0.0, 0.04)), 0.03),
        (block((0.08, 0.08, 0.06), 2000.0, (0.003, 0.004, 0.077)), 0.02),
        (block((0.08, 0.08, 0.06), 2000.0, (0.003, 0.004, 0.03)), 0.06),
    ],
    ids=["ball hung", "ball on the floor", "block hung", "block flat on the floor"],
)
def test_submerged_body_at_rest_feels_its_buoyancy(body: Body, tolerance: float) -> None:
    solver = basin(0.2, 0.15, [body])
    dt = solver.time_step
    impulses = np.array([solver.step(at_rest(body), dt)[0] for _ in range(40)])[20:].mean(axis=0)
    buoyancy = RHO * G * dt * body.mass / body.density
    assert impulses[2] == pytest.approx(buoyancy, rel=tolerance)
    assert np.abs(impulses[:2]).max() < 0.01 * buoyancy
    assert np.abs(impulses[3:]).max() < 0.01 * buoyancy * body.size[0]


@pytest.mark.parametrize("density", [200.0, 500.0, 800.0])
def test_floating_ball_has_the_draft_of_archimedes(density: float) -> None:
    diameter, width, depth = 0.08, 0.2, 0.14
    body = ball(diameter, density, (0.004, 0.003, depth + 0.04 - 0.07 * density / RHO))
    solver = basin(width, depth, [body])
    filled = len(solver.positions()) / np.prod(np.round(np.array([width, width, depth]) / SPACING)) * depth
    fall = let_fall(body, solver, 1.2, damping=2.0)
    volume = body.mass / RHO
    level = filled + volume / width**2
    draft = brentq(lambda d: np.pi * d**2 * (diameter / 2 - d / 3) - volume, 0, diameter)
    measured = level - (fall.position[-60:, 2].mean() - diameter / 2)
    assert measured == pytest.approx(draft, abs=0.05 * diameter)


def test_dense_ball_sinks_and_light_ball_floats(splash: Fall) -> None:
    assert splash.position[-1, 2] == pytest.approx(0.04, abs=2e-3)
    light = ball(0.08, 500.0, (0.02, 0.01, 0.3))
    assert let_fall(light, basin(0.24, 0.1, [light]), 0.9).position[-20:, 2].min() > 0.07


def test_light_block_flat_on_the_floor_gets_up() -> None:
    light = block((0.08, 0.08, 0.06), 600.0, (0.003, 0.004, 0.03))
    assert let_fall(light, basin(0.2, 0.15, [light]), 0.6).position[-1, 2] > 0.06


def test_energy_never_grows(splash: Fall) -> None:
    potential = splash.energy[-1]
    assert np.diff(splash.energy).max() < 2e-3 * potential
    assert splash.energy[-1] < splash.energy[0]


@pytest.mark.parametrize("shape", ["ball", "block"])
def test_a_thin_sheet_on_a_body_runs_off_no_faster_than_it_fell(shape: str) -> None:
    """Sheets thinner than a cell have no pressure: nothing but the body's surface keeps them out of it, and what they
    lose there is not what the rest of the liquid lacks."""
    body = ball(0.16, 1e9, (0.0, 0.0, 0.09)) if shape == "ball" else block((0.16, 0.16, 0.05), 1e9, (0.0, 0.0, 0.05))
    solver = tank((0.4, 0.4), ((-0.05, -0.05, 0.2), (0.05, 0.05, 0.3)), [body])
    state, dt = at_rest(body), solver.time_step
    fastest = []
    for _ in range(int(0.8 / dt)):
        solver.step(state, dt)
        fastest.append(np.linalg.norm(solver.velocities(), axis=1).max())
    assert max(fastest) < 1.4 * np.sqrt(2 * G * 0.3)  # jets outrun what fell; without surfaces it was 20 m/s
    assert max(fastest[-5:]) < 1.5


def test_momentum_closes(splash: Fall) -> None:
    """Body + liquid + container: 0.3 % of the liquid's weight impulse over a clip; a little more during the impact."""
    assert np.abs(splash.momentum_error[-1]).max() < 3e-3 * splash.weight_impulse
    assert np.abs(splash.momentum_error).max() < 6e-3 * splash.weight_impulse


def test_what_the_particles_take_back_is_small(splash: Fall) -> None:
    """The momentum closes because the particles take back what the grid would give them for nothing: an error of the
    grid that must stay below a per cent of the liquid's weight."""
    assert np.abs(splash.taken_back).max() < 0.01 * splash.weight_impulse


def test_a_cup_bears_the_weight_of_the_water_in_it() -> None:
    """Nothing but the cup holds the water, and the grid knows its round wall only roughly."""
    water = Water()
    held = play(Coupled(), cup_scene(water.fill(NOWHERE), 0.12, 0.03, STILL, 0.3), 0.015)
    weight = G * water.density * held.particle_position.shape[1] * held.particle_spacing**3
    borne = -held.body_impulse[5:, 0, 2].sum() / (held.time[-1] - held.time[4])
    assert borne == pytest.approx(weight, rel=3e-3)


def test_a_pipe_bears_the_mud_that_sticks_in_it() -> None:
    """Half of the yield stress at the wall: what should stand creeps with less than a per cent of Newton's velocity."""
    mud = Mud()
    width = 4 * 0.5 * mud.yield_stress / (mud.density * G)
    duct = Duct(mud, True, width, width / 6, slowed=0.0)
    stuck = play(Coupled(), duct.scene(), duct.cell)
    weight = G * mud.density * stuck.particle_position.shape[1] * stuck.particle_spacing**3
    borne = -stuck.body_impulse[3:, 0, 2].sum() / (stuck.time[-1] - stuck.time[2])
    assert borne == pytest.approx(weight, rel=0.02)
    assert duct.middle(stuck)[1].mean() < 0.01 * PIPE * duct.pull * width**2


def test_momentum_closes_with_friction_on_walls_and_body() -> None:
    body = ball(0.08, 2500.0, (0.02, 0.01, 0.16))
    fall = let_fall(body, basin(0.16, 0.1, [body], viscosity=10.0), 0.4, liquid=RHO * 0.1 * 0.16**2)
    assert np.abs(fall.momentum_error[-1]).max() < 3e-3 * fall.weight_impulse
    assert np.abs(fall.momentum_error).max() < 1e-2 * fall.weight_impulse


def test_no_particle_leaves_and_the_splash_rises(splash: Fall) -> None:
    points = np.concatenate(splash.particles)
    assert np.isfinite(points).all()
    assert np.abs(points[:, :2]).max() <= 0.12
    assert points[:, 2].min() >= 0.0
    assert 0.12 < points[:, 2].max() < 0.6


def test_slosh_has_the_first_mode_of_linear_theory() -> None:
    """omega^2 = (pi g / L) tanh(pi h / L); a tilted gravity sets the still liquid going."""
    length, depth = 0.4, 0.11
    solver = tank((length, 0.08), ((-0.2, -0.04, 0.0), (0.2, 0.04, depth)), [], gravity=(0.3, 0.0, -G))
    dt = solver.time_step
    centre = []
    for _ in range(int(2.0 / dt)):
        solver.step(NOBODY, dt)
        centre.append(float(solver.positions()[:, 0].mean()))
    omega = np.sqrt(np.pi * G / length * np.tanh(np.pi * depth / length))

    def swing(t: Array, mean: float, amplitude: float, rate: float, decay: float) -> Array:
        return mean - amplitude * np.exp(-decay * t) * np.cos(rate * t)

    time = dt * np.arange(1, len(centre) + 1)
    (_, amplitude, rate, decay), _ = curve_fit(swing, time, centre, p0=(0.003, 0.003, omega, 0.1))
    assert rate == pytest.approx(omega, rel=0.03)
    assert amplitude == pytest.approx(0.3 / G * length**2 / depth / 12, rel=0.05)
    assert 0.0 < decay / omega < 0.03


def test_dam_break_front_follows_martin_and_moyce_within_ritters_bound() -> None:
    """Martin & Moyce (1952), n^2 = 2: T = t sqrt(2 g / a), Z = x / a; one time shift is fitted (gate)."""
    width, length = 0.12, 0.48
    region = ((-length / 2, -0.04, 0.0), (-length / 2 + width, 0.04, 2 * width))
    solver = tank((length, 0.08), region, [])
    dt = solver.time_step
    time, front = [], []
    for step in range(int(0.26 / dt)):
        solver.step(NOBODY, dt)
        time.append((step + 1) * dt * np.sqrt(2 * G / width))
        front.append((np.percentile(solver.positions()[:, 0], 99.8) + length / 2 + SPACING / 2) / width)
    times, fronts = np.array(time), np.array(front)
    assert (fronts <= 1 + 2 * times).all()
    published_t = np.array([0.41, 0.84, 1.19, 1.43, 1.63, 1.82, 1.97, 2.20, 2.32, 2.50, 2.64])
    published_z = np.array([1.11, 1.23, 1.44, 1.67, 1.89, 2.11, 2.33, 2.56, 2.78, 3.00, 3.22])

    def error(shift: float) -> float:
        return float(np.sqrt(np.mean((np.interp(published_t + shift, times, fronts) / published_z - 1) ** 2)))

    assert min(error(shift) for shift in np.linspace(-0.2, 0.2, 21)) < 0.05


def test_same_seed_same_bytes() -> None:
    def run(seed: int) -> tuple[bytes, bytes]:
        body = ball(0.08, 700.0, (0.01, 0.0, 0.12))
        solver = basin(0.16, 0.1, [body], seed=seed)
        state = at_rest(body)
        impulses = [solver.step(state, solver.time_step).tobytes() for _ in range(5)]
        return solver.positions().tobytes() + solver.velocities().tobytes(), b"".join(impulses)

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_thick_liquid_holds_a_sinking_ball_back() -> None:
    def depth_after(viscosity: float) -> float:
        body = ball(0.08, 2000.0, (0.0, 0.0, 0.11))
        return float(let_fall(body, basin(0.16, 0.16, [body], viscosity=viscosity), 0.15).position[-1, 2])

    assert depth_after(5.0) > depth_after(1e-3) + 0.01


def test_mud_stands_where_honey_of_the_same_thickness_flows() -> None:
    """A block stands on a floor that leans by 27 degrees: its weight pulls with half the yield stress."""

    def slid(yield_stress: float) -> float:
        medium = Medium("mud", "liquid", "mud", ((-0.08, -0.06, 0.0), (0.02, 0.06, 0.04)), RHO)
        medium = replace(medium, viscosity=5.0, cohesion=yield_stress)
        tilted = (G * np.sin(0.47), 0.0, -G * np.cos(0.47))
        solver = LiquidSolver(medium, Container((0.2, 0.12, 0.2)), [], SPACING, tilted, 0, "cpu")
        before = solver.positions()[:, 0].mean()
        for _ in range(30):
            solver.step(NOBODY, solver.time_step)
        return float(solver.positions()[:, 0].mean() - before)

    assert slid(400.0) < 0.1 * slid(0.0)


def test_a_liquid_needs_a_container() -> None:
    medium = Medium("water", "liquid", "water", ((0, 0, 0), (0.1, 0.1, 0.1)), RHO)
    with pytest.raises(ValueError, match="expected a container"):
        LiquidSolver(medium, None, [], SPACING, DOWN, 0, "cpu")
