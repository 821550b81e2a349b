"""One exam over everything on the shelf of scenarios, with each of its materials."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import trimesh

from pipeline import materials, scenarios, shelf
from pipeline.materials import Material
from pipeline.scenarios import Scenario
from pipeline.scenarios._floating import below, waterline
from pipeline.scenarios._framing import pixels
from pipeline.scenarios.chair_in_sand import ChairInSand
from pipeline.scenarios.conveyor import Conveyor
from pipeline.scenarios.drop import Drop
from pipeline.scenarios.heap import Heap
from pipeline.scenarios.hourglass import Hourglass
from pipeline.scenarios.ships_in_coffee import ShipsInCoffee
from pipeline.simulators._bodies import Bodies
from pipeline.simulators._distance import outside
from pipeline.simulators._paths import pose
from pipeline.simulators.coupled import Coupled
from pipeline.types import Body, Float64, Mesh, Scene

SCENARIOS = {name: kind() for name, kind in shelf.everything(scenarios, Scenario).items()}
CASES = [
    (name, material, seed)
    for name, scenario in SCENARIOS.items()
    for material, seed in product(scenario.materials, range(6))
]
SIZE = (96, 128)


def draw(name: str, material: str, seed: int) -> Scene:
    drawn = shelf.find(materials, Material, material)()
    return SCENARIOS[name].draw(f"{name}-{material}-{seed}", seed, drawn, SIZE, 24.0, 33)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest) -> tuple[str, str, int]:
    drawn: tuple[str, str, int] = request.param
    return drawn


@pytest.fixture
def scene(case: tuple[str, str, int]) -> Scene:
    return draw(*case)


def corners(body: Body) -> Float64:
    """The body's vertices in the world at t = 0 [m], shape (V, 3)."""
    x, y, z, w = body.orientation
    turn = trimesh.transformations.quaternion_matrix([w, x, y, z])[:3, :3]
    return np.asarray(body.mesh.vertices @ turn.T + body.position)


def test_a_seed_is_a_scene(case: tuple[str, str, int], scene: Scene) -> None:
    assert pickle.dumps(draw(*case)) == pickle.dumps(scene)
    name, material, seed = case
    assert draw(name, material, seed + 1000).bodies[0].position != scene.bodies[0].position
    assert (scene.clip_id, scene.scenario, scene.material, scene.seed) == (
        f"{name}-{material}-{seed}",
        *case,
    )
    assert (scene.draw, scene.fps, scene.num_frames, scene.camera.size) == (0, 24.0, 33, SIZE)
    assert scene.camera.world_to_camera.shape == (33, 4, 4)


def test_every_body_is_in_view_at_the_start(scene: Scene) -> None:
    for body in scene.bodies:
        seen = pixels(scene.camera, corners(body))
        assert (seen[:, 2] > 0).all()
        assert (seen[:, :2] > 0).all()
        assert (seen[:, :2] < [SIZE[1], SIZE[0]]).all()
        assert np.ptp(seen[:, :2], axis=0).max() > 8


def test_at_the_start_what_is_free_is_in_the_air_or_stands_or_swims_and_what_is_led_reaches_into_the_medium(
    scene: Scene,
) -> None:
    surface = scene.medium.region[1][2] if scene.medium else scene.ground_height
    for body in scene.bodies:
        lowest, highest = corners(body)[:, 2].min(), corners(body)[:, 2].max()
        if body.path:
            assert scene.ground_height < lowest < surface < highest
            assert lowest < surface - 0.1 * (highest - lowest)
        elif scene.medium and scene.medium.form == "cylinder" and lowest < 0.005:  # it stands, not under the medium
            assert lowest > 0
            assert (
                np.hypot(*corners(body)[:, :2].T).max() > scene.medium.region[1][0]
                or highest < scene.medium.region[0][2]
            )
        elif lowest < surface:
            assert scene.medium
            displaced = below(corners(body), body.mesh, surface)
            assert displaced * scene.medium.density == pytest.approx(body.mass, rel=1e-3)
        else:
            assert lowest > surface + 0.02


def test_every_body_is_over_the_container_wherever_it_is_led(scene: Scene) -> None:
    if scene.container is None:
        return
    inner = np.array(scene.container.inner_size[:2]) / 2
    for body in scene.bodies:
        last = body.path.time[-1] if body.path else 0.0
        for seconds in np.linspace(0, last, 5):
            assert (np.abs(moved(body, seconds)[:, :2]) < inner).all()


def test_a_path_begins_where_its_body_is_and_leads_somewhere(scene: Scene) -> None:
    for body in scene.bodies:
        if body.path:
            np.testing.assert_array_equal(body.path.position[0], body.position)
            np.testing.assert_array_equal(body.path.orientation[0], body.orientation)
            if len(body.path.time) == 1:  # it is held
                continue
            ways = [np.abs(moved(body, seconds) - corners(body)).max() for seconds in body.path.time]
            assert max(ways) > 0.02
            seen = pixels(scene.camera, moved(body, body.path.time[-1]))
            assert (seen[:, :2] > 0).all()
            assert (seen[:, :2] < [SIZE[1], SIZE[0]]).all()


def test_a_medium_fills_its_container_to_below_the_brim(scene: Scene) -> None:
    if scene.medium is None:
        assert scene.container is None
        return
    assert scene.container is not None
    low, high = np.array(scene.medium.region)
    if scene.medium.form == "cylinder":  # it is in a body (a cup, a tube), or stands free on the floor
        vessel = scene.bodies[-1]
        assert low[2] >= 0
        assert high[2] < corners(vessel)[:, 2].max() - 0.02 if vessel.path else low[2] == 0
        return
    np.testing.assert_allclose((high - low)[:2], scene.container.inner_size[:2])
    assert low[2] == 0
    assert high[2] < scene.container.inner_size[2]
    seen = pixels(scene.camera, np.array([low, high]))
    assert (seen[:, :2] > 0).all()
    assert (seen[:, :2] < [SIZE[1], SIZE[0]]).all()


def test_mass_and_inertia_are_those_of_the_mesh(scene: Scene) -> None:
    for body in scene.bodies:
        mesh = trimesh.Trimesh(body.mesh.vertices, body.mesh.faces)
        assert mesh.is_watertight
        assert body.mass == pytest.approx(body.density * mesh.volume, rel=0.01)
        np.testing.assert_allclose(mesh.extents, body.size, rtol=0.01)
        np.testing.assert_allclose(mesh.center_mass, 0, atol=1e-4)
        np.testing.assert_allclose(np.diag(mesh.moment_inertia) * body.density, body.inertia, rtol=0.02)
        assert np.linalg.norm(body.orientation) == pytest.approx(1)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenes_can_be_simulated_and_what_is_led_arrives(name: str) -> None:
    for seed in range(3):
        scene = replace(draw(name, SCENARIOS[name].materials[0], seed), num_frames=3, fps=16.0)
        happened = Coupled(particle_spacing=0.02, thin="allow").simulate(scene)
        for index, body in enumerate(scene.bodies):
            if body.path:
                (position, orientation) = pose(body.path, 2 / 16)
                np.testing.assert_allclose(happened.body_position[-1, index], position, atol=1e-6)
                alike = abs(happened.body_orientation[-1, index] @ orientation)
                assert alike == pytest.approx(1, abs=1e-6)


def test_surfaces_have_texture_and_captions_name_what_is_there(scene: Scene) -> None:
    patterned = [scene.ground, *(body.surface for body in scene.bodies)]
    patterned += [scene.container.surface] if scene.container else []
    assert all(surface.kind != "plain" and surface.scale > 0 for surface in patterned)
    assert len(set(scene.captions)) == len(scene.captions) >= 3
    for caption in scene.captions:
        assert scene.bodies[0].name in caption
        assert scene.medium is None or scene.medium.word in caption


def test_a_redraw_looks_the_same_and_differs_in_what_is_unseen(case: tuple[str, str, int], scene: Scene) -> None:
    scenario = SCENARIOS[case[0]]
    again, other = scenario.redraw(scene, 1), scenario.redraw(scene, 2)
    assert pickle.dumps(scenario.redraw(scene, 1)) == pickle.dumps(again)
    assert (again.draw, other.draw) == (1, 2)
    assert again.camera is scene.camera
    same = ("clip_id", "scenario", "seed", "ground", "light", "captions", "gravity", "fps", "num_frames")
    assert all(getattr(again, field) == getattr(scene, field) for field in same)
    assert len({scene.particle_seed, again.particle_seed, other.particle_seed}) == 3
    for before, after in zip(scene.bodies, again.bodies, strict=True):
        assert (after.name, after.surface, after.mesh, after.mass) == (
            before.name,
            before.surface,
            before.mesh,
            before.mass,
        )
        assert after.friction != before.friction
        assert after.restitution != before.restitution
        if before.path and after.path:
            assert (after.path.position[1:] != before.path.position[1:]).all()
        else:
            assert after.velocity != before.velocity


def test_a_redraw_moves_no_corner_by_more_than_half_a_pixel_in_the_first_frame_and_the_next(
    case: tuple[str, str, int], scene: Scene
) -> None:
    again = SCENARIOS[case[0]].redraw(scene, 1)
    for before, after in zip(scene.bodies, again.bodies, strict=True):
        for seconds in (0.0, 1 / scene.fps):
            shift = pixels(scene.camera, moved(before, seconds)) - pixels(scene.camera, moved(after, seconds))
            assert np.abs(shift[:, :2]).max() < 0.5


def moved(body: Body, seconds: float) -> Float64:
    """The body's corners after flying, or being led, for a moment [m]."""
    if body.path:
        (x, y, z), (a, b, c, d) = pose(body.path, seconds)
        return corners(replace(body, position=(x, y, z), orientation=(a, b, c, d)))
    start = corners(body)
    spun = np.cross(body.angular_velocity, start - body.position)
    return start + seconds * (np.array(body.velocity) + spun)


def test_drop_touches_down_when_it_says() -> None:
    drop = replace(Drop(), fall=[0.2, 0.2])
    for seed in range(5):
        scene = drop.draw("x", seed, shelf.find(materials, Material, "sand")(), SIZE, 24.0, 9)
        body = scene.bodies[0]
        fallen = body.velocity[2] * 0.2 - 9.81 * 0.2**2 / 2
        assert scene.medium is not None
        assert corners(body)[:, 2].min() + fallen == pytest.approx(scene.medium.region[1][2], abs=1e-6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": [0.1]}, "size must be two positive numbers"),
        ({"density": [900.0, 300.0]}, "density must be two positive numbers"),
        ({"wall_height": 0.05}, "depth must stay below wall_height"),
        ({"tray": 0.2}, "two and a half bodies wide"),
        ({"asset": "chiar"}, "there is no such thing; choose one of armchair"),
    ],
)
def test_impossible_settings_of_drop_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Drop(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("dropped", [0.0, 1.0])
def test_a_chair_is_pulled_out_or_dropped_in(dropped: float) -> None:
    sand = shelf.find(materials, Material, "sand")()
    scenario = ChairInSand(dropped=dropped, asset="boot")
    for seed in range(5):
        scene = scenario.draw("x", seed, sand, SIZE, 24.0, 33)
        (body,) = scene.bodies
        assert body.name.endswith("boot")
        assert (body.path is None) == bool(dropped)
        assert any(word in scene.captions[0] for word in ("pull", "lift", "drag", "draw")) != bool(dropped)
        if body.path:
            assert body.path.position[-1, 2] > body.position[2] + scenario.pull[0] - 1e-9


def test_scenes_of_chairs_differ_in_everything_that_is_drawn() -> None:
    sand = shelf.find(materials, Material, "sand")()
    scenes = [ChairInSand().draw("x", seed, sand, SIZE, 24.0, 33) for seed in range(24)]
    bodies = [scene.bodies[0] for scene in scenes]
    assert {body.name.split()[-1] for body in bodies} == {"chair", "armchair", "stool"}
    assert len({body.name.split()[0] for body in bodies}) > 3
    assert 0 < sum(body.path is None for body in bodies) < 12
    assert len({scene.captions[0].replace(body.name, "") for scene, body in zip(scenes, bodies, strict=True)}) > 5
    for what in ([body.mass for body in bodies], [scene.light.direction for scene in scenes]):
        assert len(set(what)) == len(scenes)


def test_a_box_swims_as_deep_as_archimedes_says() -> None:
    box = trimesh.creation.box((0.2, 0.1, 0.08)).subdivide()
    mesh = Mesh(np.asarray(box.vertices), np.asarray(box.faces, dtype=np.int32))
    for share in (0.1, 0.5, 0.73):
        assert waterline(mesh.vertices, mesh, box.volume, share) == pytest.approx(0.08 * share - 0.04, abs=1e-9)
    tilted = mesh.vertices @ trimesh.transformations.rotation_matrix(0.7, (1, 2, 3))[:3, :3].T
    assert waterline(tilted, mesh, box.volume, 0.5) == pytest.approx(0, abs=1e-9)
    assert below(tilted, mesh, 1.0) == pytest.approx(box.volume)


def test_ships_are_apart_and_the_coffee_is_in_the_cup() -> None:
    coffee = shelf.find(materials, Material, "coffee")()
    for seed in range(3):
        scene = ShipsInCoffee().draw("x", seed, coffee, SIZE, 24.0, 33)
        cup = scene.bodies[-1]
        assert cup.path
        assert scene.medium
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()
        (x, y, z), (_, top, _) = scene.medium.region
        ring = top * np.array([[np.cos(angle), np.sin(angle)] for angle in np.linspace(0, 6, 20)])
        for height, share, empty in ((z + 0.01, 0.97, True), (z + 0.01, 1.1, False), (z - 0.01, 0.5, False)):
            points = np.column_stack([share * ring, np.full(20, height)])
            assert (outside([cup], points, 0.01) == empty).all()
        assert x == y == -top
        np.testing.assert_allclose(corners(cup)[:, 2].min(), 0, atol=1e-6)
        for seconds in cup.path.time:
            assert moved(cup, seconds)[:, 2].min() > -0.002


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tilt": [0.1, 0.5]}, "it spills"),
        ({"size": [0.1, 0.3]}, "three ships long"),
        ({"asset": "nothing"}, "there is no such thing"),
    ],
)
def test_impossible_settings_of_ships_in_coffee_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ShipsInCoffee(**wrong)  # type: ignore[arg-type]


def test_nothing_swims_in_sand_and_a_cup_has_room_for_two_small_ships_only() -> None:
    sand, water = (shelf.find(materials, Material, name)() for name in ("sand", "water"))
    with pytest.raises(ValueError, match="expected a liquid denser than the ships"):
        ShipsInCoffee().draw("x", 0, sand, SIZE, 24.0, 33)
    with pytest.raises(ValueError, match="found no room for two bowls"):
        ShipsInCoffee(size=[0.17, 0.17], cup=[0.51, 0.51], asset="bowl").draw("x", 0, water, SIZE, 24.0, 33)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"buried": [0.0, 0.5]}, "buried must be two positive numbers"),
        ({"wall_height": 0.05}, "depth must stay below wall_height"),
        ({"box": 0.3}, "one and a half bodies wide"),
        ({"dropped": 1.5}, "dropped in 0..1"),
        ({"chairs": []}, "some chairs or an asset"),
        ({"chairs": ["throne"]}, "there is no such thing; choose one of armchair"),
    ],
)
def test_impossible_settings_of_chair_in_sand_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ChairInSand(**wrong)  # type: ignore[arg-type]


def test_nothing_is_buried_in_a_bare_floor() -> None:
    with pytest.raises(ValueError, match="expected a material to be buried in"):
        ChairInSand().draw("x", 0, shelf.find(materials, Material, "none")(), SIZE, 24.0, 33)


def test_any_asset_can_be_dropped() -> None:
    water = shelf.find(materials, Material, "water")()
    for asset in ("chair", "ship", "duck_vhacd"):
        body = Drop(asset=asset).draw("x", 0, water, SIZE, 24.0, 9).bodies[0]
        assert body.name.endswith(asset.removesuffix("_vhacd"))
        assert body.shape == "mesh"
        assert body.mass == pytest.approx(body.density * trimesh.Trimesh(body.mesh.vertices, body.mesh.faces).volume)


def test_another_mesh_in_the_same_file_is_another_scenario(tmp_path: Path) -> None:
    file = tmp_path / "thing.stl"
    trimesh.creation.box((1, 2, 3)).export(file)
    before = Drop(asset=str(file)).fingerprint()
    assert before == Drop(asset=str(file)).fingerprint() != ""
    trimesh.creation.icosphere().export(file)
    assert Drop(asset=str(file)).fingerprint() != before


@pytest.mark.parametrize("tube", [0.0, 1.0])
def test_a_column_stands_free_or_fills_a_tube_that_is_lifted_and_the_toy_is_beside(tube: float) -> None:
    sand = shelf.find(materials, Material, "sand")()
    for seed in range(4):
        scene = Heap(tube=tube).draw("x", seed, sand, SIZE, 24.0, 33)
        assert scene.medium
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()
        toy, radius = scene.bodies[0], scene.medium.region[1][0]
        nearest = np.hypot(*corners(toy)[:, :2].T).min()
        assert nearest < radius + 0.034 + 0.015 + 0.03 + toy.size[0] / 2
        assert len(scene.bodies) == 1 + tube
        if tube:
            path = scene.bodies[1].path
            assert path
            assert path.position[1, 2] - path.position[0, 2] > 0.7 * scene.medium.region[1][2] - 1e-9
            assert nearest > radius + 0.034
            points = radius * np.array([[0.9, 0, 1], [1.1, 0, 1], [0, 0, 0.1]])
            assert outside([scene.bodies[1]], points, 0.01).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tray": 0.4}, "tray must hold column, tube and toy"),
        ({"tube": 2.0}, "tube in 0..1"),
        ({"toys": ["chiar"]}, "there is no such thing"),
    ],
)
def test_impossible_settings_of_heap_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Heap(**wrong)  # type: ignore[arg-type]


def test_water_is_no_column() -> None:
    with pytest.raises(ValueError, match="expected grains that stand as a column"):
        Heap().draw("x", 0, shelf.find(materials, Material, "water")(), SIZE, 24.0, 33)


def test_a_hopper_holds_its_filling_over_a_toy() -> None:
    sand = shelf.find(materials, Material, "sand")()
    for seed in range(4):
        scene = Hourglass().draw("x", seed, sand, SIZE, 24.0, 33)
        toy, hopper = scene.bodies
        assert scene.medium
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()
        (_, _, low), (radius, _, high) = scene.medium.region
        assert corners(toy)[:, 2].max() < corners(hopper)[:, 2].min()
        around = np.array([[np.cos(angle), np.sin(angle)] for angle in np.linspace(0, 6, 20)])
        for height in (low, (low + high) / 2, high):  # whatever is not in the walls is within them
            free = [
                outside([hopper], np.column_stack([r * around, np.full(20, height)]), 0.002).all()
                for r in np.linspace(0.01, radius, 40)
            ]
            assert free[0]
            assert not free[-1] or height > low
            assert (np.diff(np.array(free).astype(int)) <= 0).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"hole": [0.3, 0.4]}, "expected hole < width"),
        ({"drop": [0.1, 0.1]}, "a drop > "),
        ({"aside": -0.1}, "lengths > 0 and some toys"),
        ({"asset": "chiar"}, "there is no such thing"),
    ],
)
def test_impossible_settings_of_hourglass_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Hourglass(**wrong)  # type: ignore[arg-type]


def test_what_does_not_run_is_not_put_into_a_hopper() -> None:
    for name in ("wet_sand", "water", "none"):
        with pytest.raises(ValueError, match="expected dry grains"):
            Hourglass().draw("x", 0, shelf.find(materials, Material, name)(), SIZE, 24.0, 33)


def test_bodies_come_down_in_turn_and_apart() -> None:
    sand = shelf.find(materials, Material, "sand")()
    counts = set()
    for seed in range(12):
        scene = Conveyor().draw("x", seed, sand, SIZE, 24.0, 33)
        assert scene.medium
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()
        surface = scene.medium.region[1][2]
        above = np.array([corners(body)[:, 2].min() - surface for body in scene.bodies])
        up = np.array([body.velocity[2] for body in scene.bodies])
        arrival = (up + np.sqrt(up**2 + 2 * 9.81 * above)) / 9.81
        assert 0.14 - 1e-9 < arrival[0] < 0.2 + 1e-9
        assert (np.diff(arrival) > 0.1 - 1e-9).all()
        assert all(body.name in caption for caption in scene.captions for body in scene.bodies)
        counts.add((len(scene.bodies), scene.grade))
    assert counts == {(2, "middle"), (3, "high"), (4, "university")}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bodies": [1, 2]}, "expected 2 to 6 bodies"),
        ({"depth": [0.1, 0.2]}, "depth must stay below"),
        ({"tray": 0.2}, "bodies need a tray"),
    ],
)
def test_impossible_settings_of_conveyor_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Conveyor(**wrong)  # type: ignore[arg-type]
