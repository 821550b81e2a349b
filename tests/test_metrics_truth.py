"""The yardstick on clips whose errors are known: a disc falls straight down in front of a wall, layers exact."""

from __future__ import annotations

from dataclasses import replace

import falling_disc
import numpy as np
import pytest
from synthetic_takes import event

from pipeline.flows.dis import Dis
from pipeline.metrics import ERRORS, truth_errors
from pipeline.types import Clip, FlowField, Score, Take, UInt8

SIZE, FRAMES, PROMPT = 64, 17, 4
PATH = 12 + 2.0 * np.arange(FRAMES)
"""Height of the disc's centre: 2 px a frame."""


@pytest.fixture(scope="module")
def truth() -> Take:
    clip = falling_disc.clip(size=SIZE, num_frames=FRAMES, path=PATH, material="none")
    return falling_disc.take(clip)


def exact(frames: UInt8, flow: np.ndarray, fps: float = 24.0) -> Take:
    """An answer whose estimated flow is known."""
    return Take(Clip("drop-sand-00000", "m", 0, frames, fps), FlowField(flow.astype(np.float32), "exact"))


def errors(truth: Take, other: Take) -> dict[str, Score]:
    return {one.metric: one for one in truth_errors(truth, other, PROMPT)}


def standing(truth: Take) -> Take:
    """copy_last: the disc hangs where the prompt left it."""
    frames = truth.clip.frames.copy()
    frames[PROMPT:] = frames[PROMPT - 1]
    flow = truth.flow.forward.copy()
    flow[PROMPT - 1 :] = 0
    return exact(frames, flow)


def test_the_truth_has_no_error(truth: Take) -> None:
    told = errors(truth, exact(truth.clip.frames, truth.flow.forward))
    assert list(told) == list(ERRORS)
    for name in ("object_path_error", "object_velocity_error", "object_lost", "flow_error"):
        assert told[name].value == 0, name
    assert told["moving_psnr"].value == 100
    assert all(one.unit == ERRORS[name] for name, one in told.items())


def test_a_disc_that_hangs_in_the_air_has_the_errors_of_its_fall(truth: Take) -> None:
    told = errors(truth, standing(truth))
    late = np.arange(1, FRAMES - PROMPT + 1)
    assert told["object_lost"].value == 0
    assert told["object_path_error"].value == pytest.approx(2 * late.mean() / SIZE, rel=0.02)
    assert told["object_path_error"].per_frame[PROMPT:] == pytest.approx(2 * late / SIZE, abs=0.3 / SIZE)
    assert told["object_velocity_error"].value == pytest.approx(2 / SIZE * 24, rel=0.05)
    assert told["flow_error"].value == pytest.approx(2, rel=1e-3)
    assert 5 < told["moving_psnr"].value < 30


def test_a_vanished_disc_is_lost_from_there_on_and_held_where_it_was(truth: Take) -> None:
    gone = 10
    frames = truth.clip.frames.copy()
    wall = falling_disc.clip(size=SIZE, num_frames=FRAMES, path=np.full(FRAMES, -40.0), material="none").frames
    frames[gone:] = wall[gone:]
    told = errors(truth, exact(frames, truth.flow.forward))
    assert told["object_lost"].per_frame.tolist() == [0.0] * gone + [1.0] * (FRAMES - gone)
    assert told["object_lost"].value == pytest.approx((FRAMES - gone) / (FRAMES - PROMPT))
    off = 2 * np.arange(1, FRAMES - gone + 1) / SIZE
    assert told["object_path_error"].per_frame[gone:] == pytest.approx(off, abs=0.3 / SIZE)


def test_noise_of_known_size_has_the_known_psnr(truth: Take) -> None:
    level = np.random.default_rng(0).choice([-5, 5], truth.clip.frames.shape)
    told = errors(truth, exact((truth.clip.frames + level).astype(np.uint8), truth.flow.forward))
    assert told["moving_psnr"].value == pytest.approx(20 * np.log10(255 / 5), abs=0.01)
    assert told["object_lost"].value == 0


def test_what_the_truth_does_not_show_is_named_and_has_no_number(truth: Take) -> None:
    told = errors(truth, standing(truth))
    assert np.isnan(told["medium_error"].value)
    assert told["medium_error"].failure == "the truth shows no medium"
    things = tuple(replace(one, kind="static") for one in truth.clip.instances)
    bare = replace(truth, clip=replace(truth.clip, instances=things))
    assert errors(bare, standing(truth))["object_path_error"].failure == "the truth shows no body"
    layers = truth.clip.layers
    assert layers is not None
    rest = {name: np.zeros_like(layers.forward_flow) for name in ("forward_flow", "backward_flow")}
    resting = replace(truth, clip=replace(truth.clip, layers=replace(layers, **rest)))
    assert errors(resting, standing(truth))["flow_error"].failure == "nothing moves in the truth"


def test_a_medium_that_loses_a_known_share_is_off_by_it() -> None:
    shown, sunk = event().truth, event().broken["mass_loss"]
    told = {one.metric: one for one in truth_errors(shown, sunk, 5)}
    lost = 0.4 * np.arange(20)
    # 26 rows of sand; the level falls by 0.4 px a frame.
    assert told["medium_error"].per_frame[5:] == pytest.approx(lost / 26, abs=0.04)
    again = {one.metric: one for one in truth_errors(shown, shown, 5)}
    assert again["medium_error"].value == 0


def test_harmless_changes_and_redraws_are_nearer_than_broken_clips() -> None:
    def path(take: Take) -> float:
        return next(one.value for one in truth_errors(event().truth, take, 5) if one.metric == "object_path_error")

    near = [path(one) for one in (*event().harmless.values(), *event().redraws)]
    far = [path(event().broken[name]) for name in ("hover", "teleport", "reverse", "slow_motion")]
    assert max(near) < 0.5 * min(far)


def test_a_larger_picture_has_the_same_errors_in_shares_of_its_side() -> None:
    told = []
    for size in (64, 128):
        path = size * PATH / SIZE
        truth = falling_disc.take(falling_disc.clip(size=size, num_frames=FRAMES, path=path, material="none"))
        told.append(errors(truth, standing(truth)))
    for name in ("object_path_error", "object_velocity_error"):
        assert told[0][name].value == pytest.approx(told[1][name].value, rel=0.03)
    assert told[1]["flow_error"].value == pytest.approx(2 * told[0]["flow_error"].value, rel=0.01)


def test_flows_of_different_estimators_are_not_compared(truth: Take) -> None:
    other = standing(truth)
    with pytest.raises(ValueError, match="one flow estimator"):
        truth_errors(truth, replace(other, flow=Dis().estimate(other.clip)), PROMPT)
