"""The same code on a GPU says the same as on the CPU, within what float32 sums in another order do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import warp as wp

from pipeline.laws._scenes import body, scene
from pipeline.materials import Material
from pipeline.materials.oil import Oil
from pipeline.materials.sand import Sand
from pipeline.materials.water import Water
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators.coupled import Coupled
from pipeline.types import Container, Trajectory

SPACING = 0.01
"""Of the particles [m]; cells are twice as wide."""

pytestmark = pytest.mark.skipif(not wp.is_cuda_available(), reason="no CUDA device here")


def splash(material: Material, device: str) -> Trajectory:
    """A ball of 8 cm falls into a bed of 20 x 20 x 10 cm; 0.4 s."""
    bed = material.fill(((-0.1, -0.1, 0.0), (0.1, 0.1, 0.1)))
    ball = body(shapes.sphere(0.08), (0.0, 0.0, 0.16), 1500.0, velocity=(0.0, 0.0, -1.0))
    world = scene([ball], bed, Container((0.2, 0.2, 0.2)), seconds=0.4, fps=50)
    return replace(Coupled(), particle_spacing=SPACING, device=device).simulate(world)


@pytest.mark.parametrize("material", [Sand(), Water(), Oil()], ids=["sand", "water", "oil"])
def test_cuda_agrees_with_the_cpu(material: Material) -> None:
    """The body within a quarter of a cell, the medium's centre within a tenth; single particles may part ways."""
    here, there = (splash(material, device) for device in ("cpu", "cuda"))
    cell = 2 * SPACING
    assert np.abs(here.body_position - there.body_position).max() < 0.25 * cell
    centres = [happened.particle_position.mean(axis=1) for happened in (here, there)]
    assert np.abs(centres[0] - centres[1]).max() < 0.1 * cell
    assert np.isfinite(there.particle_position).all()
