"""Laws of what things look like: sand fills its layers, heaps throw shadows, mud carries its colour along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Surface
from tests.test_renderers_raytrace import SPACING, TRAY, bed, filling, look_at, motion, project, stage


def scattered() -> np.ndarray:
    """Offsets and radii of fine grains around their particles, in spacings."""
    from pipeline.renderers._grains import pattern

    scene = stage(medium=filling("grains", (0.5, 0.4, 0.3)), size=(480, 560))
    return pattern(scene, SPACING, 160, 0) / SPACING


def test_grains_stay_near_their_particle_and_fill_what_it_stands_for() -> None:
    from pipeline.renderers._grains import PACKING, REACH

    grains = scattered()
    assert (np.linalg.norm(grains[..., :3], axis=-1) + grains[..., 3]).max() <= REACH + 1e-5
    filled = (np.pi * 4 / 3 * grains[..., 3] ** 3).sum(axis=1).mean()
    assert filled == pytest.approx(PACKING, rel=0.1)


def test_rows_of_particles_that_lie_apart_do_not_show() -> None:
    apart = 1.4
    place = (scattered()[..., 0].reshape(-1) / apart) % 1.0
    density = np.histogram(place, 20, (0.0, 1.0))[0]
    assert density.min() > 0.5 * density.max()


def test_a_column_of_sand_throws_a_shadow() -> None:
    column = bed(1, 0.2)
    column = column[:, np.linalg.norm(column[0, :, :2], axis=1) < 0.06]
    scene = stage(medium=filling("grains", (0.5, 0.4, 0.3)), frames=1, size=(96, 112))
    scene = replace(scene, ground=Surface(albedo=(0.5, 0.5, 0.5)))
    frame = Raytrace(layers=False).render(scene, motion(scene, column)).frames[0]
    sun = np.array(scene.light.direction)
    shadow = np.array([0.0, 0.0, 0.1]) - sun * 0.1 / sun[2]
    shadow = shadow / np.linalg.norm(shadow) * 0.11
    column_, row = project(scene.camera, 0, shadow[None])[0].astype(int)
    assert frame[row, column_].mean() < 0.75 * np.median(frame)


def test_what_particles_carry_moves_with_them() -> None:
    from pipeline.renderers._liquid import carried

    rng = np.random.default_rng(0)
    particles, tint = rng.random((500, 3)).astype(np.float32), rng.uniform(0.6, 1.4, 500).astype(np.float32)
    points = rng.random((40, 3)).astype(np.float32)
    found = carried(points, particles, tint)
    shift = np.array([0.25, -0.5, 0.125], np.float32)
    assert np.allclose(carried(points + shift, particles + shift, tint), found, atol=1e-3)
    assert (found >= tint.min()).all()
    assert (found <= tint.max()).all()
    assert np.ptp(found) > 0.1
    assert np.allclose(carried(points, particles, np.ones(500, np.float32)), 1.0)


def test_mud_is_mottled_and_water_is_not() -> None:
    scene = stage(medium=filling("liquid", (0.3, 0.2, 0.1)), frames=1, size=(96, 112))
    mud = replace(scene, medium=replace(scene.medium, cohesion=100.0))
    layers = Raytrace().render(scene, motion(scene, bed(1))).layers
    top = (layers.material[0] == 3) & (layers.normal[0][..., 2] > 0.95)
    plain, mottled = (Raytrace(layers=False).render(one, motion(one, bed(1))).frames[0][top] for one in (scene, mud))
    assert mottled.mean(axis=1).std() > 1.5 * plain.mean(axis=1).std()


def test_no_grain_reaches_through_a_thin_wall() -> None:
    sheet = replace(TRAY, wall=0.25 * SPACING)
    low = np.repeat(look_at((0.0, -1.0, 0.06), (0.0, 0.0, 0.06))[None], 1, axis=0)
    scene = stage(container=sheet, medium=filling("grains", (0.5, 0.4, 0.3)), poses=low, size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, bed(1))).layers
    assert (layers.segmentation == 0).all()
