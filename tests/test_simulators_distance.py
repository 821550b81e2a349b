"""Laws of the bodies' signed distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simple_scenes import body

from pipeline.scenarios import _shapes as shapes
from pipeline.simulators._distance import MARGIN, distance_field

SOLIDS = {
    "sphere": shapes.sphere(0.1),
    "box": shapes.box((0.1, 0.08, 0.06)),
    "cylinder": shapes.cylinder(0.08, 0.1),
    "capsule": shapes.capsule(0.06, 0.1),
}


@pytest.mark.parametrize("shape", SOLIDS)
def test_a_primitive_and_its_mesh_have_the_same_distance(shape: str) -> None:
    primitive = body(SOLIDS[shape], (0, 0, 0))
    exact = distance_field(primitive, 0.01)
    measured = distance_field(replace(primitive, shape="mesh"), 0.01)
    assert exact.values.shape == measured.values.shape
    np.testing.assert_allclose(measured.values, exact.values, atol=3e-4)


def test_a_cone_is_negative_inside_and_reaches_beyond_its_box() -> None:
    cone = body(shapes.cone(0.1, 0.08), (0, 0, 0))
    field = distance_field(cone, 0.01)
    nodes = np.stack(np.meshgrid(*(np.arange(n) for n in field.values.shape), indexing="ij"), axis=-1)
    points = np.array(field.origin) + field.spacing * nodes
    height = points[..., 2] + 0.02
    radius = np.linalg.norm(points[..., :2], axis=-1)
    clearly_inside = (height > 0.005) & (radius < 0.05 * (1 - height / 0.08) - 0.005)
    assert clearly_inside.sum() > 50
    assert (field.values[clearly_inside] < 0).all()
    beyond = np.abs(points) > np.abs(cone.mesh.vertices).max(axis=0) + 1e-9
    assert (field.values[beyond.any(axis=-1)] > 0).all()
    assert field.values[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN].min() < 0


def test_an_unknown_shape_is_named() -> None:
    with pytest.raises(ValueError, match="got 'teapot'"):
        distance_field(replace(body(SOLIDS["box"], (0, 0, 0)), shape="teapot"), 0.01)
