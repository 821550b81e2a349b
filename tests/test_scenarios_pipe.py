"""What oil_in_pipe promises: a closed pipe that goes downhill, all of the liquid in its basin, an obstacle."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from drawn_scenes import SIZE, corners

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.scenarios._gutter import Gutter
from pipeline.scenarios.oil_in_pipe import OBSTACLES, OilInPipe
from pipeline.simulators import _meshes
from pipeline.simulators._bodies import Bodies
from pipeline.simulators._distance import outside
from pipeline.simulators._filling import filled
from pipeline.types import Body, Bool, Float64, Scene


def lengths(**more: float) -> Gutter:
    usual = {"basin": 0.12, "bore": 0.06, "wall": 0.036, "level": 0.13, "rim": 0.03, "side": 0.03, "slope": 0.3}
    usual |= {"before": 0.1, "turn": 0.9, "radius": 0.16, "after": 0.12, "drop": 0.02}
    return Gutter(**(usual | more))


def inside(body: Body, points: Float64) -> Bool:
    """Which of the points (N, 3) [m] are in a body, to within 2 mm."""
    return ~outside([body], points, 0.004)


def drawn(seed: int, material: str = "oil", **settings: object) -> Scene:
    liquid = shelf.find(materials, Material, material)()
    return OilInPipe(**settings).draw("x", seed, liquid, SIZE, 24.0, 33)  # type: ignore[arg-type]


@pytest.mark.parametrize(("turn", "slope"), [(-1.2, 0.2), (0.6, 0.4)])
def test_a_gutter_is_closed_and_goes_downhill(turn: float, slope: float) -> None:
    gutter = lengths(turn=turn, slope=slope)
    solid, middle = gutter.solid()
    body = solid.body("gutter", 2300.0, middle, (0.0, 0.0, 0.0, 1.0))
    _meshes.check(body)
    assert trimesh.Trimesh(solid.mesh.vertices, solid.mesh.faces).is_watertight
    way = np.linspace(-gutter.basin, gutter.end, 60)
    floor = gutter.floor(way)
    assert (np.diff(floor) <= 0).all()
    assert (np.diff(floor[way > gutter.basin]) < 0).all()
    assert corners(body)[:, 2].min() == pytest.approx(0.001 - gutter.height)
    assert gutter.height + floor[-1] > gutter.drop + gutter.wall


def test_a_gutter_is_nowhere_thin() -> None:
    solid, middle = lengths(before=0.02, after=0.05, turn=0.5, slope=0.4).solid()
    assert _meshes.thin_part(solid.body("gutter", 2300.0, middle, (0.0, 0.0, 0.0, 1.0)), 0.016) is None


def test_the_floor_is_where_the_gutter_says_and_the_brim_is_above_the_filling() -> None:
    gutter = lengths()
    solid, middle = gutter.solid()
    body = solid.body("gutter", 2300.0, middle, (0.0, 0.0, 0.0, 1.0))
    for way in np.linspace(0.2, gutter.end - 0.01, 7):
        for aside in (-0.5, 0.0, 0.5):
            up, on = np.array([0.0, 0.0, 0.006]), gutter.point(float(way), aside * gutter.bore)
            above, below = on + up, on - up
            assert inside(body, np.array([above, below])).tolist() == [False, True]
    within = np.array([*gutter.plan(np.array(0.06), np.array(0.02)), 0.1])
    assert not inside(body, within[None]).any()
    assert gutter.brim(np.array([0.0]))[0] == pytest.approx(gutter.level + gutter.rim)


def test_all_of_the_liquid_is_in_the_basin() -> None:
    for seed in range(4):
        scene = drawn(seed)
        medium, pipe = scene.medium, scene.bodies[-1]
        assert medium
        low, high = np.array(medium.region)
        points = np.random.default_rng(seed).uniform(low, high, (2000, 3))
        points = points[filled(medium, points)]
        points = points[~inside(pipe, points)]
        assert len(points) > 1000
        assert (np.hypot(*(points - (low + high) / 2)[:, :2].T) < 1.05 * (high - low)[0] / 2).all()
        # Whatever is there has the pipe under it: it is inside, not under the basin.
        down = [points - [0.0, 0.0, depth] for depth in np.arange(0.0, 0.2, 0.01)]
        assert np.array([inside(pipe, under) for under in down]).any(axis=0).all()


def test_the_obstacle_stands_in_the_course_and_goes_through_the_floor() -> None:
    for kind in OBSTACLES:
        scene = drawn(3, obstacles=[kind])
        obstacle, pipe = scene.bodies
        assert obstacle.name.endswith(kind)
        x, y, z = obstacle.position
        if kind == "ball":  # half of it is in the floor
            assert inside(pipe, np.array([[x, y, z + 0.008], [x, y, z - 0.008]])).tolist() == [False, True]
        else:
            heights = np.arange(0.001, corners(obstacle)[:, 2].max(), 0.004)
            column = np.column_stack([np.full_like(heights, x), np.full_like(heights, y), heights])
            sunk = inside(pipe, column)
            assert 0.03 < 0.004 * sunk.sum() < 0.06
            assert not sunk[-5:].any()
        assert obstacle.name.split()[0] != pipe.name.split()[0]
        with Bodies(scene, 1 / 960) as bodies:
            assert not bodies.overlaps()


def test_the_pipe_bends_either_way_and_towards_the_camera() -> None:
    ways = set()
    for seed in range(12):
        scene = drawn(seed)
        assert scene.medium
        low, high = np.array(scene.medium.region)
        points = corners(scene.bodies[-1])
        foot = points[points[:, 2] < points[:, 2].min() + 0.002]
        assert np.hypot(*(foot - (low + high) / 2)[:, :2].T).max() < (high - low)[0] / 2 + 0.037  # under the basin
        far = points[np.argmax(np.hypot(*(points - (low + high) / 2)[:, :2].T))]
        assert far[1] < high[1]
        ways.add(bool(far[0] > low[0]))
    assert ways == {False, True}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"slope": [0.5, 1.2]}, "slope < 1"),
        ({"basin": [0.08, 0.09]}, "the pipe needs a basin and a bend"),
        ({"obstacles": ["wall"]}, "obstacles out of post, ball, pillar"),
        ({"obstacle": [0.05, 0.08]}, "must leave room beside it"),
        ({"fill": [0.1]}, "fill must be two positive numbers"),
    ],
)
def test_impossible_settings_of_oil_in_pipe_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OilInPipe(**wrong)  # type: ignore[arg-type]


def test_what_does_not_flow_is_not_put_into_a_pipe() -> None:
    for name in ("sand", "none"):
        with pytest.raises(ValueError, match="expected a liquid"):
            drawn(0, name)
    with pytest.raises(ValueError, match="a basin wider than the gutter"):
        lengths(basin=0.09)
    with pytest.raises(ValueError, match="a bend wider than the gutter"):
        lengths(radius=0.09)
