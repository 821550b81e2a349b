"""Laws of every flow estimator on the shelf. One without its weights leaves the work to another and stands by that."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import cv2
import numpy as np
import pytest
from synthetic_takes import FRAMES, SIZE, event

from pipeline import flows, shelf
from pipeline.flows import Flow
from pipeline.flows.dis import Dis
from pipeline.flows.exact import Exact
from pipeline.types import Clip

FLOWS = {name: flow for name, flow in shelf.everything(flows, Flow).items() if not flow.reads_layers}
OF_SPEED = ("batch", "threads")
"""Settings that leave a flow as it is."""

pytestmark = pytest.mark.filterwarnings("ignore:flow raft. no weights")


def sliding(dx: float, dy: float, noise: float = 0.0) -> Clip:
    """A textured picture that slides by (dx, dy) px a frame."""
    rng = np.random.default_rng(0)
    canvas = cv2.GaussianBlur(rng.uniform(0, 255, (160, 160, 3)).astype(np.float32), (0, 0), 1.5)
    canvas = (canvas - canvas.mean()) / canvas.std() * 45 + 128
    frames = []
    for t in range(3):
        shift = np.array([[1, 0, -32 + dx * t], [0, 1, -32 + dy * t]], np.float32)
        frame = cv2.warpAffine(canvas, shift, (96, 96)) + noise * rng.normal(size=(96, 96, 3))
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return Clip("sliding", "truth", 0, np.stack(frames), 24.0)


@pytest.fixture(params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Flow:
    return FLOWS[request.param]()


def test_every_pair_of_frames_has_a_flow(flow: Flow) -> None:
    field = flow.estimate(event().truth.clip)
    assert field.forward.shape == (FRAMES - 1, SIZE, SIZE, 2)
    assert field.forward.dtype == np.float32
    assert np.isfinite(field.forward).all()


def test_a_single_frame_has_no_flow(flow: Flow) -> None:
    clip = event().truth.clip
    assert flow.estimate(replace(clip, frames=clip.frames[:1], layers=None)).forward.shape == (0, SIZE, SIZE, 2)


@pytest.mark.parametrize(("dx", "dy"), [(2.0, -1.0), (-3.5, 0.5)])
def test_a_known_slide_is_found_with_its_sign(flow: Flow, dx: float, dy: float) -> None:
    found = flow.estimate(sliding(dx, dy)).forward[:, 16:-16, 16:-16]
    assert np.abs(np.median(found, axis=(0, 1, 2)) - [dx, dy]).max() < 0.15
    assert np.linalg.norm(found - [dx, dy], axis=-1).mean() < 0.35


def test_a_still_clip_does_not_move(flow: Flow) -> None:
    # Farneback's expansion leaves a few hundredths of a pixel at the border.
    assert np.abs(flow.estimate(sliding(0, 0)).forward).max() < 0.1


def test_the_same_clip_gives_the_same_bytes_whatever_the_number_of_threads(flow: Flow) -> None:
    clip, threads = sliding(2.0, -1.0, noise=3.0), cv2.getNumThreads()
    try:
        results = []
        for count in (1, 2, 5):
            cv2.setNumThreads(count)
            results.append(flow.estimate(clip).forward.tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert results[0] == results[1] == results[2]


def test_the_layers_are_not_looked_at(flow: Flow) -> None:
    clip = replace(event().truth.clip, frames=event().truth.clip.frames[:3])
    assert np.array_equal(flow.estimate(clip).forward, flow.estimate(replace(clip, layers=None)).forward)


@pytest.mark.parametrize("name", FLOWS)
def test_two_settings_are_never_taken_for_one_estimator(name: str) -> None:
    plain = FLOWS[name]()
    assert plain.estimate(sliding(1, 0)).estimator == plain.estimator
    if plain.estimator.startswith(f"{name}("):  # else another one does the work
        settings = [one.name for one in dataclasses.fields(plain) if isinstance(getattr(plain, one.name), int)]
        changed = [replace(plain, **{one: getattr(plain, one) + 2}) for one in settings if one not in OF_SPEED]
        names = [plain.estimator, *(one.estimator for one in changed)]
        assert len(set(names)) == len(names) > 1


@pytest.mark.parametrize("name", FLOWS)
def test_impossible_settings_are_refused(name: str) -> None:
    for one in dataclasses.fields(FLOWS[name]):
        if isinstance(one.default, int):
            with pytest.raises(ValueError, match=f"flow {name}: {one.name}"):
                FLOWS[name](**{one.name: -1})


def test_exact_flow_is_that_of_the_layers_and_of_nothing_else() -> None:
    clip = event().truth.clip
    assert clip.layers is not None
    field = Exact().estimate(clip)
    assert np.array_equal(field.forward, clip.layers.forward_flow[:-1])
    assert field.estimator == Exact().estimator == "exact"
    with pytest.raises(ValueError, match=r"sliding/truth without; choose .* flow=dis"):
        Exact().estimate(sliding(1, 0))


def test_dis_keeps_a_noisy_wall_still() -> None:
    forward = Dis().estimate(sliding(0, 0, noise=5.0)).forward
    assert (np.linalg.norm(forward, axis=-1) > 0.25).mean() < 0.03


def test_dis_follows_the_disc_and_nothing_else() -> None:
    truth = event().truth
    assert truth.clip.layers is not None
    speed = np.linalg.norm(truth.flow.forward[8], axis=-1)
    disc = truth.clip.layers.segmentation[8] == 1
    near = cv2.dilate(disc.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.median(speed[disc]) == pytest.approx(0.6 + 8.5 * 0.32, rel=0.15)
    assert (speed[~near] > 0.25).mean() < 0.01


def test_dis_follows_a_body_that_flies_farther_than_its_pattern_reaches() -> None:
    backdrop = sliding(0, 0).frames[0] // 3 + 60
    patches = np.random.default_rng(0).integers(0, 255, (5, 5, 3)).astype(np.uint8)
    block = np.kron(patches, np.ones((6, 6, 1), np.uint8))
    frames = np.stack([backdrop, backdrop])
    for t, (x, y) in enumerate([(15, 20), (29, 32)]):
        frames[t, y : y + 30, x : x + 30] = block
    found = Dis().estimate(Clip("far", "truth", 0, frames, 24.0)).forward[0, 23:47, 18:42]
    assert np.median(np.linalg.norm(found - [14, 12], axis=-1)) < 0.5


def test_dis_says_which_frames_are_too_small() -> None:
    with pytest.raises(ValueError, match="at least 16 x 16 px, got 8 x 40"):
        Dis().estimate(Clip("tiny", "truth", 0, np.zeros((2, 8, 40, 3), np.uint8), 24.0))


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (31, 96), (32, 128), (45, 33)])
def test_dis_takes_small_and_narrow_frames(size: tuple[int, int]) -> None:
    frames = np.full((2, *size, 3), 100, np.uint8)
    frames[0, -6:-2, 2:6], frames[1, -6:-2, 3:7] = 200, 200  # something moves in a corner
    found = Dis().estimate(Clip("small", "truth", 0, frames, 24.0)).forward[0]
    assert found.shape == (*size, 2)
    assert np.abs(found).max() > 0.5


@pytest.mark.parametrize("finest_scale", [1, 2, 3])
def test_dis_refuses_frames_that_would_crash_opencv(finest_scale: int) -> None:
    dis, least = Dis(finest_scale=finest_scale), max(16, 8 << finest_scale)
    clip = sliding(1, 0)
    with pytest.raises(ValueError, match=f"at least {least} x {least} px"):
        dis.estimate(replace(clip, frames=clip.frames[:, : least - 1]))
    assert np.isfinite(dis.estimate(replace(clip, frames=clip.frames[:, :least])).forward).all()


def test_dis_follows_a_camera_that_turns_and_drifts() -> None:
    wide = cv2.resize(sliding(0.0, 0.0).frames[0], (192, 192), interpolation=cv2.INTER_CUBIC)
    turn = cv2.getRotationMatrix2D((95.5, 95.5), 0.4, 1.0)
    turn[:, 2] += 1.5, -0.7
    frames = np.stack([wide, cv2.warpAffine(wide, turn, (192, 192))])[:, 32:-32, 32:-32]
    noisy = (frames + np.random.default_rng(0).normal(0, 2, frames.shape)).clip(0, 255).astype(np.uint8)
    found = Dis().estimate(Clip("shake", "truth", 0, noisy, 24.0)).forward[0]
    rows, columns = np.mgrid[32:160, 32:160]
    expected = np.stack([columns, rows, np.ones_like(rows)], -1) @ turn.T - np.stack([columns, rows], -1)
    assert np.linalg.norm(found - expected, axis=-1)[8:-8, 8:-8].mean() < 0.05


def test_what_stands_still_elsewhere_does_not_change_the_flow_of_a_body() -> None:
    pattern = sliding(0, 0).frames[0]
    frames = np.stack([pattern // 4 + 90] * 3)
    for t in range(3):
        frames[t, 20:40, 20 + 3 * t : 40 + 3 * t] = pattern[50:70, 50:70]
    alone = Dis().estimate(Clip("body", "truth", 0, frames, 24.0)).forward
    assert np.median(alone[0, 24:36, 24:36, 0]) == pytest.approx(3, abs=0.1)
    frames[:, 70:, 70:] = 255 - frames[:, 70:, 70:]
    assert np.array_equal(Dis().estimate(Clip("body", "truth", 0, frames, 24.0)).forward, alone)
