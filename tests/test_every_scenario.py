"""One exam over everything on the shelf of scenarios, with each of its materials."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import trimesh
from drawn_scenes import SCENARIOS, SIZE, corners, draw, moved

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios import GRADES
from pipeline.scenarios._floating import below
from pipeline.scenarios._framing import pixels
from pipeline.simulators._distance import outside
from pipeline.simulators._paths import pose
from pipeline.simulators.coupled import Coupled
from pipeline.types import Body, Scene

CASES = [
    (name, material, seed)
    for name, scenario in SCENARIOS.items()
    for material, seed in product(scenario.materials, range(6))
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest) -> tuple[str, str, int]:
    drawn: tuple[str, str, int] = request.param
    return drawn


@pytest.fixture
def scene(case: tuple[str, str, int]) -> Scene:
    return draw(*case)


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


def stands(body: Body, scene: Scene) -> bool:
    """Whether the floor, or something that is held or led, is right below its lowest point."""
    foot = min(corners(body), key=lambda corner: corner[2]) - (0, 0, 0.005)
    return foot[2] < 0 or not outside([other for other in scene.bodies if other.path], foot[None], 0.015).all()


def test_at_the_start_what_is_free_is_in_the_air_or_stands_or_swims_and_what_is_led_reaches_into_the_medium(
    scene: Scene,
) -> None:
    surface = scene.medium.region[1][2] if scene.medium else scene.ground_height
    reaching = []
    for body in scene.bodies:
        lowest, highest = corners(body)[:, 2].min(), corners(body)[:, 2].max()
        if body.path and len(body.path.time) == 1 and highest < surface:  # a bowl, an obstacle, a foot
            assert lowest > scene.ground_height
        elif body.path and len(body.path.time) == 1 and lowest > surface:  # a belt
            assert any(stands(other, scene) for other in scene.bodies if not other.path)
        elif body.path:  # at the start or later
            reached = min(moved(body, seconds)[:, 2].min() for seconds in body.path.time)
            assert scene.ground_height < reached
            reaching.append(reached < surface - 0.1 * (highest - lowest) and surface < highest)
        elif scene.medium and scene.medium.form == "cylinder" and stands(body, scene):  # not under the medium
            assert lowest > 0
            low, high = np.array(scene.medium.region)[:, :2]
            assert (
                np.hypot(*(corners(body)[:, :2] - (low + high) / 2).T).max() > (high - low)[0] / 2
                or highest < scene.medium.region[0][2]
            )
        elif lowest < surface:
            assert scene.medium
            displaced = below(corners(body), body.mesh, surface)
            assert displaced * scene.medium.density == pytest.approx(body.mass, rel=1e-3)
        else:
            assert lowest > surface + 0.02
    assert any(reaching) or not reaching  # a robot's upper arm does not


def test_free_bodies_are_over_the_container_and_led_ones_never_in_its_walls(scene: Scene) -> None:
    if scene.container is None:
        return
    inner = np.array(scene.container.inner_size[:2]) / 2
    for body in scene.bodies:
        if body.path is None:
            assert (np.abs(corners(body)[:, :2]) < inner).all()
            continue
        for seconds in np.linspace(0, body.path.time[-1], 5):
            points = moved(body, seconds)
            low = points[points[:, 2] < scene.container.inner_size[2], :2]
            beside = (np.abs(low) > inner + scene.container.wall).any(axis=1)
            assert beside.all() or (np.abs(low) < inner).all()


def test_a_path_begins_where_its_body_is_and_leads_somewhere(scene: Scene) -> None:
    ways = []
    for body in scene.bodies:
        if body.path:
            np.testing.assert_array_equal(body.path.position[0], body.position)
            np.testing.assert_array_equal(body.path.orientation[0], body.orientation)
            if len(body.path.time) == 1:  # it is held
                continue
            ways += [np.abs(moved(body, seconds) - corners(body)).max() for seconds in body.path.time]
            seen = pixels(scene.camera, moved(body, body.path.time[-1]))
            assert (seen[:, :2] > 0).all()
            assert (seen[:, :2] < [SIZE[1], SIZE[0]]).all()
    assert not ways or max(ways) > 0.02


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
            same_path = all(
                np.array_equal(getattr(before.path, part), getattr(after.path, part)) for part in ("time", "position")
            )
            assert same_path == (len(before.path.time) == 1)
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


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_grade_that_is_set_is_that_of_the_scenes_and_nonsense_is_refused(name: str) -> None:
    scenario = replace(SCENARIOS[name], grade="university")
    material = shelf.find(materials, Material, scenario.materials[0])()
    assert scenario.draw("clip", 0, material, SIZE, 24.0, 33).grade == "university"
    assert draw(name, scenario.materials[0], 0).grade in GRADES[:-1]
    with pytest.raises(ValueError, match=r"expected a grade out of kindergarten, .*, got 'hard'"):
        replace(scenario, grade="hard")
    with pytest.raises(ValueError, match="moving is a share"):
        replace(scenario, moving=1.5)
