"""Laws of lens and shutter: off they change nothing, on they spread things as far as optics and motion say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Light, Scene, Surface, Trajectory
from tests.test_renderers_raytrace import BALL, TRAY, bed, body, filling, look_at, motion, stage

SIZE = (64, 160)
FOCAL = 1.4 * SIZE[1]
DEPTH = 0.8


def lone_ball(frames: int = 3) -> Scene:
    """A small bright ball over black ground, seen from above at the distance `DEPTH`; all light is the sun's."""
    eye = (0.0, -DEPTH * np.sqrt(0.5), 5.0 + DEPTH * np.sqrt(0.5))
    poses = np.repeat(look_at(eye, (0.0, 0.0, 5.0))[None], frames, axis=0)
    ball = body(trimesh.creation.icosphere(3, 0.02), (0.0, 0.0, 5.0), (0.8, 0.8, 0.8))
    black, light = Surface(albedo=(0.0, 0.0, 0.0)), Light((0.0, 0.0, 1.0), (0.8,) * 3, (0.0,) * 3, (0.0,) * 3)
    return replace(stage((ball,), poses=poses, size=SIZE), ground=black, light=light)


def light_of(scene: Scene, trajectory: Trajectory, **settings: float) -> np.ndarray:
    """How much light the ball sends to every pixel in the middle frame."""
    from pipeline.renderers._exposure import Exposure, picture
    from pipeline.renderers._stage import Stage

    built = Stage(scene, trajectory, 1, 64, 0, "cpu")
    return picture(built, built.frame(1), 1, Exposure(**settings)).mean(axis=-1)


def variance(light: np.ndarray, axis: int) -> float:
    """Second moment of the light about its middle [px^2]."""
    profile = light.sum(axis=1 - axis)
    place = np.arange(len(profile)) + 0.5
    mean = (profile * place).sum() / profile.sum()
    return float((profile * (place - mean) ** 2).sum() / profile.sum())


@pytest.mark.parametrize("shutter", [0.5, 1.0])
def test_a_moving_ball_blurs_over_its_speed_times_the_shutter(shutter: float) -> None:
    scene = lone_ball()
    move = 0.1
    trajectory = motion(scene, move=move, turn=0.0)
    trajectory.body_position[..., 0] -= move
    sharp, blurred = light_of(scene, trajectory), light_of(scene, trajectory, shutter=shutter)
    # A mean over a length L adds L^2 / 12 to the variance; over 64 instants a 64^2-th less.
    length = np.sqrt(12.0 * (variance(blurred, 1) - variance(sharp, 1)))
    assert length == pytest.approx(FOCAL * move / DEPTH * shutter, rel=0.03)
    assert variance(blurred, 0) == pytest.approx(variance(sharp, 0), rel=0.05)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.03)


@pytest.mark.parametrize("focus", [0.4, 0.6, 2.0])
def test_a_point_out_of_focus_spreads_to_the_circle_of_confusion(focus: float) -> None:
    scene = lone_ball()
    trajectory = motion(scene, move=0.0, turn=0.0)
    aperture = 0.05
    sharp, spread = light_of(scene, trajectory), light_of(scene, trajectory, aperture=aperture, focus=focus)
    # A thin lens: the rays of a point at depth d fill a disc of this diameter, whose variance is D^2 / 16.
    diameter = FOCAL * aperture * abs(1.0 / focus - 1.0 / DEPTH)
    for axis in (0, 1):
        found = np.sqrt(16.0 * (variance(spread, axis) - variance(sharp, axis)))
        assert found == pytest.approx(diameter, rel=0.05)


def test_what_is_in_focus_stays_sharp_and_the_middle_is_in_focus_by_itself() -> None:
    scene = lone_ball()
    trajectory = motion(scene, move=0.0, turn=0.0)
    sharp = light_of(scene, trajectory)
    for focus in (0.0, DEPTH):
        assert variance(light_of(scene, trajectory, aperture=0.05, focus=focus), 1) < variance(sharp, 1) + 0.15


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_an_open_shutter_changes_nothing_where_nothing_moves(kind: str) -> None:
    scene = stage((BALL,), container=TRAY, medium=filling(kind, (0.5, 0.4, 0.3)), frames=2)
    still = motion(scene, bed(2), move=0.0, turn=0.0)
    sharp, open_ = (Raytrace(layers=False, shutter=shutter).render(scene, still).frames for shutter in (0.0, 1.0))
    assert np.abs(sharp.astype(int) - open_).max() <= 1


def test_lens_and_shutter_are_not_in_the_layers() -> None:
    scene = stage((BALL,), container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)))
    trajectory = motion(scene, bed())
    sharp = Raytrace().render(scene, trajectory)
    blurred = Raytrace(aperture=0.05, shutter=0.5).render(scene, trajectory)
    for name in vars(sharp.layers):
        assert getattr(sharp.layers, name).tobytes() == getattr(blurred.layers, name).tobytes(), name
    assert blurred.frames.tobytes() != sharp.frames.tobytes()


def test_particles_in_free_fall_are_where_gravity_puts_them_between_frames() -> None:
    from pipeline.renderers._stage import Stage

    scene = stage(medium=filling("grains", (0.5, 0.4, 0.3)))
    time = np.arange(3)[:, None, None] / scene.fps
    start, speed, pull = bed(1), np.array([0.3, -0.1, 1.0]), np.array([0.0, 0.0, -9.81])
    trajectory = motion(scene, start + speed * time + pull * time**2 / 2)
    trajectory.particle_velocity[:] = speed + pull * time
    built = Stage(scene, trajectory, 1, 1, 0, "cpu")
    for at in (0.25, 1.5):
        seconds = at / scene.fps
        expected = start[0] + speed * seconds + pull * seconds**2 / 2
        assert np.abs(built.between(at).particles - expected).max() < 1e-5


def test_a_turning_camera_goes_around_between_frames() -> None:
    from pipeline.renderers._beauty import pose_at

    poses = np.stack([look_at((np.cos(turn), np.sin(turn), 0.3), (0.0, 0.0, 0.3)) for turn in (0.0, 0.4)])
    camera = stage(poses=poses).camera
    for time in (0.0, 1.0):
        assert np.allclose(pose_at(camera, time)[0], poses[int(time), :3, :3])
    rotation, origin = pose_at(camera, 0.5)
    assert np.allclose(rotation[2], (-np.cos(0.2), -np.sin(0.2), 0.0))
    assert np.allclose(origin, (np.cos(0.2) ** 2, np.cos(0.2) * np.sin(0.2), 0.3))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shutter must be from 0 to 1\.0, got 1\.5"):
        Raytrace(shutter=1.5)
    with pytest.raises(ValueError, match=r"aperture must be from 0 to inf, got -0\.1"):
        Raytrace(aperture=-0.1)


def test_without_its_extra_denoising_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.renderers.raytrace.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"denoise=true needs pyoidn.*pip install 'quicksand\[denoise\]'"):
        Raytrace(denoise=True)


def test_denoising_comes_nearer_to_many_samples_and_keeps_the_light() -> None:
    pytest.importorskip("pyoidn")
    scene = stage((BALL,), frames=1, size=(96, 112))
    scene = replace(scene, ground=Surface(albedo=(0.5, 0.5, 0.5)), light=replace(scene.light, angle=0.3))
    trajectory = motion(scene)
    many, few, clean = (
        Raytrace(layers=False, samples=samples, denoise=denoise).render(scene, trajectory).frames.astype(float)
        for samples, denoise in ((256, False), (4, False), (4, True))
    )
    assert ((clean - many) ** 2).mean() < ((few - many) ** 2).mean()
    assert clean.mean() == pytest.approx(many.mean(), abs=1.0)
    again = Raytrace(layers=False, denoise=True).render(scene, trajectory).frames
    assert (again == clean).all()


def test_denoising_leaves_a_plain_picture_plain() -> None:
    pytest.importorskip("pyoidn")
    from pipeline.renderers._denoise import denoised

    plain = np.full((40, 56, 3), 0.5, np.float32)
    assert np.abs(denoised(plain, plain, np.zeros_like(plain)) - plain).max() < 0.01
