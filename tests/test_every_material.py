"""One exam over everything on the shelf of materials."""

from __future__ import annotations

import pytest

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.materials.sand import Sand
from pipeline.materials.water import Water
from pipeline.types import Medium

MATERIALS = shelf.everything(materials, Material)
REGION = ((-0.1, -0.2, 0.0), (0.1, 0.2, 0.1))


@pytest.fixture(params=MATERIALS)
def filled(request: pytest.FixtureRequest) -> tuple[str, Medium | None]:
    return request.param, MATERIALS[request.param]().fill(REGION)


def test_the_medium_fills_the_box_under_its_own_name(filled: tuple[str, Medium | None]) -> None:
    name, medium = filled
    if medium is None:
        assert name == "none"
        return
    assert medium.material == name
    assert medium.region == REGION
    assert medium.word
    assert 1 < medium.density < 20000


def test_the_numbers_fit_the_kind(filled: tuple[str, Medium | None]) -> None:
    _, medium = filled
    if medium is None:
        return
    assert medium.kind in ("grains", "liquid")
    if medium.kind == "grains":
        assert 0 < medium.friction_angle < 1
        assert medium.grain_size > 0
        assert medium.viscosity == 0
    else:
        assert medium.friction_angle == 0
        assert medium.viscosity > 0
        assert medium.refractive_index >= 1
        assert min(medium.absorption) >= 0
    assert all(0 <= part <= 1 for part in medium.albedo)


def test_impossible_numbers_are_named() -> None:
    with pytest.raises(ValueError, match="density must be positive, got 0"):
        Sand(density=0)
    with pytest.raises(ValueError, match="viscosity must be positive, got -1"):
        Water(viscosity=-1)
