"""What robot_scoop promises: an arm whose links stay joined leads a tool through the medium, where it was told to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from drawn_scenes import SIZE, corners, moved
from scipy.spatial.transform import Rotation

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios import _robot as robot
from pipeline.scenarios._arm import arm, last_link, reaching
from pipeline.scenarios.robot_scoop import RobotScoop
from pipeline.simulators import _meshes
from pipeline.simulators._distance import outside
from pipeline.types import Body, Float64, Scene

TURNS = "kuka_iiwa/model.urdf"


def drawn(seed: int, material: str) -> Scene:
    medium = shelf.find(materials, Material, material)()
    return RobotScoop().draw("x", seed, medium, SIZE, 24.0, 33)


def poses(body: Body, count: int) -> tuple[Float64, Float64]:
    """Positions (K, 3) and matrices (K, 3, 3) along a path; what is held stays."""
    assert body.path
    keep = [0] * count if len(body.path.time) == 1 else slice(None)
    return body.path.position[keep], Rotation.from_quat(body.path.orientation).as_matrix()[keep]


@pytest.mark.parametrize("material", ["sand", "water"])
def test_neighbouring_links_share_a_point_that_neither_leaves(material: str) -> None:
    scene = drawn(1, material)
    links = [body for body in scene.bodies if "link" in body.name]
    assert [link.name[-1] for link in links] == list("76543210")
    chain = [scene.bodies[0], *links]
    count = len(chain[0].path.time)  # type: ignore[union-attr]
    for one, other in pairwise(chain):
        (x, R), (y, S) = poses(one, count), poses(other, count)
        # The joint is at a in one body and at b in the other: R a + x = S b + y at all times.
        equations = np.concatenate([R, -S], axis=2).reshape(-1, 6)
        offset = (y - x).reshape(-1)
        joint = np.linalg.lstsq(equations, offset, rcond=None)[0]
        assert np.abs(equations @ joint - offset).max() < 1e-5


@pytest.mark.parametrize("material", ["sand", "water"])
def test_the_tool_goes_below_the_surface_and_never_into_floor_or_walls(material: str) -> None:
    for seed in range(3):
        scene = drawn(seed, material)
        assert scene.medium
        assert scene.container
        tool, surface = scene.bodies[0], scene.medium.region[1][2]
        assert tool.path
        points = np.array([moved(tool, seconds) for seconds in tool.path.time])
        assert 0.005 < points[..., 2].min() < surface - 0.05
        assert np.abs(points[..., :2]).max() < scene.container.inner_size[0] / 2 - 0.005
        if material == "sand":
            assert points[0, :, 2].min() > surface
            assert points[-1, :, 2].min() > surface + 0.08
        else:
            assert points[..., 2].min(axis=1).max() < surface - 0.05


def test_a_scoop_ends_level_and_open_above() -> None:
    scene = drawn(0, "sand")
    scoop = scene.bodies[0]
    assert scoop.path
    upright = Rotation.from_quat(scoop.path.orientation[-1]).as_matrix()[:, 2]
    np.testing.assert_allclose(upright, [0, 0, 1], atol=1e-3)
    rim = moved(scoop, scoop.path.time[-1])[:, 2].max()
    x, y, _ = scoop.path.position[-1]
    start = Rotation.from_quat(scoop.path.orientation[0]).as_matrix()[:, 2]
    assert 0.8 < np.arccos(start[2]) < 1.1
    still = scoop.path.position[-1]
    column = np.array([[x, y, rim - depth] for depth in (0.01, 0.04, 0.065)]) - still
    turned = Rotation.from_quat(scoop.path.orientation[-1]).inv().apply(column)
    start_pose = Rotation.from_quat(scoop.orientation).apply(turned) + scoop.position
    assert outside([scoop], start_pose, 0.004).tolist() == [True, True, False]


def test_a_rod_goes_round_at_its_pace() -> None:
    water = shelf.find(materials, Material, "water")()
    scene = RobotScoop(period=[0.8, 0.8], circle=[0.07, 0.07]).draw("x", 4, water, SIZE, 24.0, 33)
    path = scene.bodies[0].path
    assert path
    radius = np.hypot(*path.position[:, :2].T)
    np.testing.assert_allclose(radius, 0.07, atol=1e-3)
    angle = np.unwrap(np.arctan2(path.position[:, 1], path.position[:, 0]))
    rate = np.abs(np.diff(angle) / np.diff(path.time))
    assert rate[0] < 0.2 * rate[-1]
    assert rate[-1] == pytest.approx(2 * np.pi / 0.8, rel=0.01)


def test_tools_and_links_are_as_thick_as_a_medium_needs() -> None:
    scoop, handle, *links = drawn(2, "sand").bodies
    for body in (scoop, handle, links[0], drawn(2, "water").bodies[0]):  # the flange is the thinnest link
        _meshes.check(body)
        assert _meshes.thin_part(body, 0.016) is None


def test_the_robot_stands_on_the_ground_beside_the_tub() -> None:
    for seed in range(6):
        scene = drawn(seed, "sand")
        foot = corners(scene.bodies[-1])
        assert scene.container
        assert scene.ground_height < foot[:, 2].min() < scene.ground_height + 0.003
        assert (np.abs(foot[:, :2]) > scene.container.inner_size[0] / 2 + scene.container.wall).any(axis=1).all()


def test_a_redraw_changes_the_pace_of_all_links_alike() -> None:
    scene = drawn(0, "sand")
    again = RobotScoop().redraw(scene, 1)
    paces = {
        round(float(after.path.time[-1] / before.path.time[-1]), 9)
        for before, after in zip(scene.bodies, again.bodies, strict=True)
        if before.path and after.path and len(before.path.time) > 1
    }
    assert len(paces) == 1
    assert 0.8 < paces.pop() < 1.2


def test_joints_bring_the_last_link_where_it_was_told_and_say_what_is_out_of_reach() -> None:
    site = {"base": (0.1, -0.2, 0.05), "scale": 0.7, "heading": 0.4}
    rest = np.array(robot.REST)
    bent = rest + np.array([0.3, -0.2, 0.1, 0.2, -0.1, 0.15, 0.2])
    where, turn = last_link(TURNS, np.array([bent]), **site)  # type: ignore[arg-type]
    found = reaching(TURNS, where, turn, rest, **site)  # type: ignore[arg-type]
    again, turned = last_link(TURNS, found, **site)  # type: ignore[arg-type]
    np.testing.assert_allclose(again, where, atol=1e-4)
    assert abs(turned[0] @ turn[0]) == pytest.approx(1, abs=1e-7)
    np.testing.assert_array_equal(found, reaching(TURNS, where, turn, rest, **site))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected poses within its reach, got number 0"):
        reaching(TURNS, where + 5.0, turn, rest, **site)  # type: ignore[arg-type]


def test_a_larger_arm_is_larger_and_a_turned_one_turned() -> None:
    time, still = np.zeros(1), np.zeros((1, 7))
    usual, large = arm(TURNS, time, still), arm(TURNS, time, still, scale=2.0, heading=np.pi / 2)
    for one, other in zip(usual, large, strict=True):
        np.testing.assert_allclose(other.size, 2 * np.array(one.size), rtol=1e-3)
        x, y, z = 2 * np.array(one.position)
        np.testing.assert_allclose(other.position, (-y, x, z), atol=2e-3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"depth": [0.1, 0.2]}, "a depth below wall_height"),
        ({"tilt": [0.9, 1.6]}, "tilt < 1.4"),
        ({"tub": 0.25}, "the scoop's way needs a tub > "),
        ({"circle": [0.1, 0.16]}, "the rod's circle needs a tub > "),
        ({"period": [0.0, 1.0]}, "period must be two positive numbers"),
    ],
)
def test_impossible_settings_of_robot_scoop_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RobotScoop(**wrong)  # type: ignore[arg-type]


def test_there_is_nothing_to_scoop_on_a_bare_floor_and_no_tub_too_far() -> None:
    with pytest.raises(ValueError, match="expected a material to work in"):
        drawn(0, "none")
    sand = shelf.find(materials, Material, "sand")()
    with pytest.raises(ValueError, match="expected poses within its reach"):
        RobotScoop(room=[0.6, 0.6]).draw("x", 0, sand, SIZE, 24.0, 33)
