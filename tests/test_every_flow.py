"""Laws of every flow estimator on the shelf."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from synthetic_takes import FRAMES, SIZE, event

from pipeline import flows, shelf
from pipeline.flows import Flow
from pipeline.flows.dis import Dis
from pipeline.types import Clip

FLOWS = shelf.everything(flows, Flow)


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
    plain, other = FLOWS[name](), FLOWS[name](window=9)  # type: ignore[call-arg]
    clip = sliding(1, 0)
    assert plain.estimate(clip).estimator.startswith(f"{name}(")
    assert plain.estimate(clip).estimator != other.estimate(clip).estimator


@pytest.mark.parametrize("name", FLOWS)
def test_impossible_settings_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"flow {name}: window"):
        FLOWS[name](window=0)  # type: ignore[call-arg]


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
