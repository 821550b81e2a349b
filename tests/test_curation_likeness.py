"""Near-duplicates: what the distance of two clips is, and which of many go."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

import falling_disc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from known_clips import known

from pipeline.curation import Curation, Standing, Vote, _likeness, describe
from pipeline.types import Clip

LEAST = Curation().min_distance


def apart(one: Clip, two: Clip) -> float:
    return float(np.linalg.norm(np.subtract(describe(one), describe(two))))


def test_a_clip_is_like_itself_and_160_numbers_say_how_it_is() -> None:
    shown = falling_disc.clip()
    assert len(describe(shown)) == 160
    assert apart(shown, falling_disc.clip()) == 0
    assert np.isfinite(describe(shown)).all()


def test_neither_noise_nor_a_slightly_other_fall_makes_another_clip() -> None:
    shown = falling_disc.clip(size=64)
    noise = np.random.default_rng(0).normal(0, 4, shown.frames.shape)
    noisy = replace(shown, frames=(shown.frames + noise).clip(0, 255).astype(np.uint8))
    lower = falling_disc.clip(size=64, path=np.minimum(falling_disc.fall(17, 64) + 0.5, 0.7 * 64))
    assert 0 < apart(shown, noisy) < LEAST
    assert 0 < apart(shown, lower) < LEAST


def test_another_wall_another_medium_and_another_motion_make_another_clip() -> None:
    shown = falling_disc.clip()
    still = falling_disc.clip(path=np.full(17, falling_disc.fall(17, 48)[0]))
    assert apart(shown, falling_disc.clip(seed=1)) > LEAST
    assert apart(shown, falling_disc.clip(material="water")) > LEAST
    assert apart(shown, still) > LEAST


def test_the_same_motion_backwards_is_another_motion() -> None:
    shown = falling_disc.clip()
    assert shown.layers is not None
    flow = replace(shown.layers, forward_flow=-shown.layers.forward_flow)
    assert apart(shown, replace(shown, layers=flow)) > LEAST


def test_size_length_and_rate_do_not_count() -> None:
    """Speed is measured in picture heights per second: twice the pixels, or twice the frames, are the same event."""
    path = np.linspace(10, 26, 17)
    small = falling_disc.clip(size=48, path=path)
    assert small.layers is not None
    twice = {
        name: np.repeat(np.repeat(getattr(small.layers, name), 2, 1), 2, 2)
        for name in ("material", "valid", "forward_flow")
    }
    twice["forward_flow"] = 2 * twice["forward_flow"]
    large = replace(small, frames=small.frames.repeat(2, 1).repeat(2, 2), layers=replace(small.layers, **twice))
    slow = falling_disc.clip(size=48, path=np.linspace(10, 26, 33))
    assert apart(small, large) < 1e-4
    assert apart(small, replace(slow, fps=48.0)) < LEAST
    assert apart(small, replace(small, fps=48.0)) > LEAST


def test_broken_flow_and_a_single_frame_are_described_all_the_same() -> None:
    shown = falling_disc.clip()
    assert shown.layers is not None
    flow = shown.layers.forward_flow.copy()
    flow[3, 4, 5], flow[5, 20, 20] = np.nan, np.inf
    assert np.isfinite(describe(replace(shown, layers=replace(shown.layers, forward_flow=flow)))).all()
    for length in (1, 2):
        assert np.isfinite(describe(falling_disc.clip(num_frames=length, path=np.full(length, 12.0)))).all()


points = st.integers(0, 60).flatmap(
    lambda count: arrays(np.float64, (count, 2), elements=st.floats(0, 1, allow_subnormal=False))
)


@settings(max_examples=60, deadline=None)
@given(points, st.sampled_from([0.0, 0.05, 0.3]), st.sampled_from([1, 7, 512]))
def test_laws_of_near_duplicates(clips: np.ndarray, least: float, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_likeness, "CHUNK", chunk)
        goes = _likeness.near_earlier(clips, least)
        twins = _likeness.near(clips[goes], clips[~goes], least)
    between, staying = _likeness.distances(clips, clips), np.flatnonzero(~goes)
    for number, gone in enumerate(goes):  # whether one goes depends on those that stay before it, and on nothing else
        assert gone == (between[number, staying[staying < number]] < least).any()
    for number, twin in zip(np.flatnonzero(goes), twins, strict=True):
        assert twin is not None
        assert twin.distance == between[number, staying].min() < least
        assert twin.distance == between[number, staying[twin.number]]
    assert not _likeness.near_earlier(clips, 0.0).any()


def test_ten_thousand_clips_are_compared_without_a_matrix_of_them_all() -> None:
    rng = np.random.default_rng(0)
    clips = rng.normal(0, 0.03, (10_000, 160))
    clips[5000:5100] = clips[:100] + rng.normal(0, 1e-4, (100, 160))
    tracemalloc.start()
    begun = time.process_time()
    goes = _likeness.near_earlier(clips, LEAST)
    seconds, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(np.flatnonzero(goes), np.arange(5000, 5100))
    assert peak < 250e6  # a matrix would have 800 MB
    assert seconds < 30


def test_of_twins_the_one_that_people_approve_stays_then_the_most_instructive() -> None:
    twins = [known(number, plausibility=10.0 * number, likeness=(0.0, 0.001 * number)) for number in range(3)]
    verdicts = Curation().decide(twins)
    assert [one.accepted for one in verdicts] == [True, False, False]
    assert "near-duplicate of drop-sand-00000, which stays: distance 0.0020, at least 0.025" in verdicts[2].reasons[1]
    twins[2] = replace(twins[2], votes=(Vote("anna", True),))
    assert [one.accepted for one in Curation().decide(twins)] == [False, False, True]
    assert all(one.accepted for one in Curation(min_distance=0.0).decide(twins))


def test_what_stood_in_the_set_before_stays_when_a_more_instructive_twin_comes() -> None:
    old, new = known(0, plausibility=80.0, likeness=(0.0, 0.0)), known(1, plausibility=5.0, likeness=(0.0, 0.0))
    assert [one.accepted for one in Curation().decide([old, new])] == [False, True]
    assert [one.accepted for one in Curation().decide([old, new], Standing({}, frozenset({old.clip_id})))] == [
        True,
        False,
    ]


def test_a_clip_whose_likeness_is_unknown_is_like_nothing() -> None:
    some = [known(number, likeness=likeness) for number, likeness in enumerate([(), (0.0, 0.0), (np.nan, 0.0)])]
    assert all(one.accepted for one in Curation().decide(some))
