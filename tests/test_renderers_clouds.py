"""Laws of the grains around a particle: they turn and shear with their bed, keep together, and forget nothing."""

from __future__ import annotations

import _second_opinion as second
import numpy as np
import pytest
from traced_scenes import SPACING, TRAY, bed, filling, motion, stage

from pipeline.renderers._clouds import STRETCH, Carried, Clouds, carried
from pipeline.renderers._grains import pattern
from pipeline.renderers._stage import Stage

OFFSET = np.array([[[0.3, 0.2, -0.1, 0.05], [-0.2, 0.4, 0.3, 0.05]]], np.float32) * np.float32(SPACING)


def turning(angle: float) -> np.ndarray:
    """A rotation [rad] about a slanted axis."""
    axis = np.array([0.48, 0.6, 0.64])
    cross = np.cross(np.eye(3), -axis)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def clouds_of(way: np.ndarray, frames: int) -> Carried:
    """Of a bed that is mapped by `way` (3, 3) from frame to frame."""
    places = [bed(1)[0]]
    for _ in range(frames - 1):
        places.append(places[-1] @ way.T)
    return Carried(OFFSET, np.array(places, np.float32), SPACING, "cpu")


def test_grains_of_a_bed_that_turns_turn_with_it_and_keep_their_distances() -> None:
    angle, frames = 0.2, 20
    clouds = clouds_of(turning(angle), frames).at(frames - 1)
    np.testing.assert_allclose(clouds.form, np.tile(turning(angle * (frames - 1)), (len(clouds.form), 1, 1)), atol=0.03)
    lengths = np.linalg.norm(clouds.shifts(np.arange(2 * len(clouds.form))), axis=1).reshape(-1, 2)
    np.testing.assert_allclose(lengths / np.linalg.norm(OFFSET[0, :, :3], axis=1), 1, atol=0.03)


def test_turns_undo_each_other_and_are_rotations() -> None:
    carry = clouds_of(turning(0.1) @ np.array([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), 3)
    now, then = carry.at(1), carry.at(2)
    particle = np.arange(40, dtype=np.int32)
    there, back = now.turned(then, particle), then.turned(now, particle)
    np.testing.assert_allclose(there @ back, np.tile(np.eye(3), (40, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(there @ there.swapaxes(1, 2), np.tile(np.eye(3), (40, 1, 1)), atol=1e-6)
    assert np.linalg.det(there) == pytest.approx(np.ones(40))


def test_grains_shear_with_their_bed_for_a_while_and_are_never_drawn_out_farther() -> None:
    shear = np.array([[1.0, 0.0, 0.15], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    carry = clouds_of(shear, 25)
    np.testing.assert_allclose(carry.at(2).form, np.tile(shear @ shear, (len(carry.at(2).form), 1, 1)), atol=0.01)
    stretch = np.linalg.svd(carry.at(24).form)[1]
    assert stretch.max() == pytest.approx(STRETCH, rel=0.01)
    assert stretch.min() == pytest.approx(1 / STRETCH, rel=0.01)


def test_grains_of_a_lone_particle_and_of_particles_that_fly_apart_stay_sane() -> None:
    rng = np.random.default_rng(0)
    still = np.tile(np.eye(3, dtype=np.float32), (300, 1, 1))
    before = rng.uniform(-0.5, 0.5, (300, 3)).astype(np.float32)
    lone = carried(still[:1], before[:1], before[:1] + np.float32(0.3), SPACING, "cpu")
    np.testing.assert_allclose(lone, still[:1], atol=1e-6)
    spray = rng.normal(0.0, 2 * SPACING, (300, 3)).astype(np.float32)
    form = still
    for _ in range(10):
        form = carried(form, spray, spray + rng.normal(0.0, SPACING, (300, 3)).astype(np.float32), SPACING, "cpu")
    assert (np.linalg.det(form) > 0).all()
    stretch = np.linalg.svd(form)[1]
    assert stretch.max() <= STRETCH * 1.001
    assert stretch.min() >= 1 / STRETCH / 1.001


def test_any_order_of_frames_gives_the_same_clouds_and_few_are_kept() -> None:
    carry = clouds_of(turning(0.1), 8)
    in_order = [carry.at(t).form for t in range(8)]
    assert len(carry.kept) <= 3
    for t in (2, 7, 0, 5):
        assert (carry.at(t).form == in_order[t]).all()
    np.testing.assert_allclose(carry.at(4.25).form, 0.75 * in_order[4] + 0.25 * in_order[5], atol=1e-6)


def test_what_rays_meet_is_where_the_clouds_say() -> None:
    scene = stage(container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)))
    places = np.stack([bed(1)[0] @ turning(0.1 * t).T + (0.0, 0.0, 0.05) for t in range(3)])
    built = Stage(scene, motion(scene, places), 4, 1, 0, "cpu")
    frame = built.frame(2)
    grains = frame.geometry.grains
    identity, first = np.unique(grains.identity.numpy(), return_index=True)
    met, clouds = grains.sphere.numpy()[first], frame.clouds
    assert isinstance(clouds, Clouds)
    offset = pattern(scene, SPACING, 4, 0)
    particle = identity // offset.shape[1]
    np.testing.assert_allclose(met[:, :3], frame.particles[particle] + clouds.shifts(identity), atol=1e-6)
    np.testing.assert_array_equal(met[:, 3], offset[particle % len(offset), identity % offset.shape[1], 3])


def test_clouds_deform_as_a_second_opinion_says() -> None:
    scene = stage(medium=filling("grains", (0.5, 0.4, 0.3)))
    places = bed() + np.arange(3)[:, None, None] * np.random.default_rng(1).normal(0.0, 0.002, bed().shape[1:])
    trajectory = motion(scene, places)
    mine = Carried(OFFSET, trajectory.particle_position, SPACING, "cpu").at(2).form
    np.testing.assert_allclose(mine, second.forms(trajectory)[2], atol=1e-3)
