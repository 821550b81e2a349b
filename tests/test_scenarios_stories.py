"""What single scenarios promise of their own: touch-down, paths, draughts, columns, and settings that cannot be."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import trimesh
from drawn_scenes import SIZE, corners, moved

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios._floating import below, waterline
from pipeline.scenarios.chair_in_sand import ChairInSand
from pipeline.scenarios.conveyor import Conveyor
from pipeline.scenarios.drop import Drop
from pipeline.scenarios.heap import Heap
from pipeline.scenarios.hourglass import Hourglass
from pipeline.scenarios.ships_in_coffee import ShipsInCoffee
from pipeline.simulators._bodies import Bodies
from pipeline.simulators._distance import outside
from pipeline.simulators.coupled import Coupled
from pipeline.types import Mesh


def test_drop_touches_down_when_it_says() -> None:
    drop = replace(Drop(), fall=[0.2, 0.2])
    for seed in range(5):
        scene = drop.draw("x", seed, shelf.find(materials, Material, "sand")(), SIZE, 24.0, 9)
        body = scene.bodies[0]
        fallen = body.velocity[2] * 0.2 - 9.81 * 0.2**2 / 2
        assert scene.medium is not None
        assert corners(body)[:, 2].min() + fallen == pytest.approx(scene.medium.region[1][2], abs=1e-6)


@pytest.mark.parametrize("seed", [1284190969, *range(40)])  # a cone once began 5 mm beyond the wall's plane
def test_drop_begins_between_the_walls_which_have_no_end_upwards(seed: int) -> None:
    scene = Drop().draw("x", seed, shelf.find(materials, Material, "sand")(), SIZE, 24.0, 9)
    assert np.abs(corners(scene.bodies[0])[:, :2]).max() < 0.16
    with Bodies(scene, 1 / 240) as bodies:
        assert bodies.overlaps() == []


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


@pytest.mark.parametrize(("tube", "free"), [(0.0, {True}), (0.1, {False}), (1.0, {False})])
def test_sand_that_holds_together_comes_in_a_tube_or_nothing_would_happen(tube: float, free: set[bool]) -> None:
    wet = shelf.find(materials, Material, "wet_sand")()
    scenes = [Heap(tube=tube).draw("x", seed, wet, SIZE, 24.0, 33) for seed in range(6)]
    assert {len(scene.bodies) == 1 for scene in scenes} == free


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
        # Whatever is not in the walls is within them.
        reach, heights = np.linspace(0.01, radius, 40), (low, (low + high) / 2, high)
        rings = [[np.column_stack([r * around, np.full(20, height)]) for r in reach] for height in heights]
        free = outside([hopper], np.array(rings).reshape(-1, 3), 0.004).reshape(3, 40, 20).all(axis=2)
        assert free[:, 0].all()
        assert not free[:, -1].any()
        assert (np.diff(free.astype(int), axis=1) <= 0).all()


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


def test_bodies_stand_in_a_row_on_the_belt_and_go_towards_its_end() -> None:
    sand = shelf.find(materials, Material, "sand")()
    counts = set()
    for seed in range(12):
        scene = Conveyor().draw("x", seed, sand, SIZE, 24.0, 33)
        assert scene.medium
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()
        *toys, belt = scene.bodies
        top, end = corners(belt)[:, 2].max(), corners(belt)[:, 0].max()
        assert 0.15 <= corners(belt)[:, 2].min() - scene.medium.region[1][2] <= 0.2
        assert all(0.0 < corners(toy)[:, 2].min() - top < 0.002 for toy in toys)
        spans = [(corners(toy)[:, 0].min(), corners(toy)[:, 0].max()) for toy in toys]
        assert end > spans[0][1]
        assert all(0.01 - 1e-9 <= ahead[0] - behind[1] <= 0.03 + 1e-9 for ahead, behind in pairwise(spans))
        assert len({toy.velocity for toy in toys}) == 1
        assert 0.35 <= toys[0].velocity[0] <= 0.5
        assert all(toy.name in caption for caption in scene.captions for toy in toys)
        counts.add((len(toys), scene.grade))
    assert counts == {(2, "middle"), (3, "high")}


def test_all_that_rides_on_the_belt_falls_off_its_end_in_turn() -> None:
    scene = Conveyor(bodies=[3, 3]).draw("x", 3, shelf.find(materials, Material, "water")(), SIZE, 24.0, 49)
    happened = Coupled(particle_spacing=0.02, thin="allow").simulate(replace(scene, medium=None))
    bottom = corners(scene.bodies[-1])[:, 2].min()
    fell = [int((happened.body_position[:, index, 2] < bottom).argmax()) for index in range(3)]
    assert 0 < fell[0] < fell[1] < fell[2]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bodies": [1, 2]}, "expected 2 to 6 bodies"),
        ({"depth": [0.1, 0.2]}, "depth must stay below"),
        ({"tray": 0.15}, "to fit into the tray"),
    ],
)
def test_impossible_settings_of_conveyor_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Conveyor(**wrong)  # type: ignore[arg-type]
