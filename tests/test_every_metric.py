"""Laws of every metric on the shelf, on a disc that falls into grains."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from synthetic_takes import DISC, FRAMES, GRAINS, METRICS, PROMPT_FRAMES, event, film, happen, score, take

from pipeline.metrics import Metric, filmed_again, stabilised
from pipeline.types import FlowField

BLIND: dict[str, set[str]] = {
    # What a metric is not there to see: flow does not see how much there is, amounts do not see where it is.
    "visible_amount": {"shuffle", "slow_motion", "hover", "teleport", "reverse", "mass_loss"},
    "medium_amount": {"shuffle", "slow_motion", "hover", "teleport", "reverse", "vanish_at_half"},
    "motion_path": {"mass_loss"},
    "kinetic_energy": {"mass_loss", "teleport"},
    "motion_endpoint_error": {"mass_loss", "vanish_at_half"},
    "mask_iou": {"mass_loss"},
    "free_fall": {"mass_loss", "vanish_at_half", "teleport"},
    "body_motion": {"mass_loss", "teleport"},
    "body_count": {"mass_loss", "shuffle", "slow_motion", "hover", "teleport", "reverse"},
}
TELLING = {"body_count": "vanish_at_half"}
"""A violation that the metric sees well, where it is not a clip that runs backwards."""
LIQUID = {"submerged"}
"""Silent in an event with grains; examined by itself below."""


@pytest.fixture(params=sorted(set(METRICS) - LIQUID))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def metric(name: str) -> Metric:
    return METRICS[name]()


def test_the_truth_is_no_distance_from_itself(name: str) -> None:
    own = score(name, event().truth)
    assert own.value == 0
    assert np.nanmax(own.per_frame) == 0


def test_a_score_names_what_it_is_about(name: str) -> None:
    truth, other = event().truth, event().broken["hover"]
    about = score(name, other)
    assert (about.clip_id, about.model, about.sample) == (truth.clip.clip_id, other.clip.source, other.clip.sample)
    assert about.metric == name
    assert about.unit
    assert about.parts
    assert not about.failure
    assert (about.per_frame.shape, about.per_frame.dtype) == ((FRAMES,), np.float32)
    assert about.value == pytest.approx(float(np.nanmean(about.per_frame)), rel=1e-5)
    assert about.curves
    assert all(curve.shape == (FRAMES,) for pair in about.curves.values() for curve in pair)


def test_the_frames_that_were_given_are_no_distance_away(name: str) -> None:
    for other in event().broken.values():
        given = score(name, other).per_frame[:PROMPT_FRAMES]
        assert np.nan_to_num(given).max() == pytest.approx(0, abs=0.02)


def test_broken_clips_are_farther_than_any_redraw(name: str) -> None:
    redraws = max(score(name, other).value for other in event().redraws)
    # The gate, not the metrics, answers for what repeats frames.
    silent = BLIND[name] | {"freeze_at_half", "copy_last", "stutter"}
    for violation, other in event().broken.items():
        if violation not in silent:
            assert score(name, other).value > 1.2 * redraws, violation


def test_harmless_changes_are_nearer_than_a_broken_clip(name: str) -> None:
    broken = score(name, event().broken[TELLING.get(name, "reverse")]).value
    for change, other in event().harmless.items():
        assert score(name, other).value < 0.5 * broken, change


def test_more_damage_is_never_nearer(name: str) -> None:
    distances = [score(name, other).value for other in event().vanishing]
    assert distances == sorted(distances)
    assert distances[-1] > distances[0]


def test_only_pixels_and_flow_of_the_other_count(metric: Metric) -> None:
    other = replace(event().truth, clip=replace(event().truth.clip, sample=3), flow=event().redraws[0].flow)
    blind = replace(other, clip=replace(other.clip, layers=None, camera=None, instances=()))
    with_layers, without = (metric.compare(event().truth, one) for one in (other, blind))
    assert with_layers.per_frame.tobytes() == without.per_frame.tobytes()


def test_a_scene_without_body_or_medium_can_be_compared(metric: Metric) -> None:
    truth = event().truth
    assert truth.clip.layers is not None
    empty = replace(truth.clip.layers, segmentation=np.zeros_like(truth.clip.layers.segmentation))
    bare = replace(truth, clip=replace(truth.clip, layers=empty, instances=()))
    one = metric.compare(bare, event().redraws[0])
    assert np.isfinite(one.value)
    # What a metric has nothing to say about it leaves out, instead of calling it perfect.
    silent = {"visible_amount", "medium_amount", "motion_path", "free_fall", "body_motion", "body_count"}
    assert np.isnan(one.per_frame).all() == (one.metric in silent)


def test_a_truth_at_rest_does_not_divide_by_zero(metric: Metric) -> None:
    still = event().still
    assert metric.compare(still, still).value == 0
    assert np.isfinite(metric.compare(still, event().redraws[0]).value)


def test_what_cannot_be_compared_is_refused(metric: Metric) -> None:
    truth, other = event().truth, event().redraws[0]
    short = replace(other.clip, frames=other.clip.frames[:10])
    with pytest.raises(ValueError, match=r"size and length .* got \(10, 96, 96, 3\)"):
        metric.compare(truth, take(short))
    with pytest.raises(ValueError, match="one flow estimator"):
        metric.compare(truth, replace(other, flow=FlowField(other.flow.forward, "another")))
    with pytest.raises(ValueError, match="must carry layers"):
        metric.compare(other, truth)


def test_vanished_things_are_named() -> None:
    seen = score("visible_amount", event().broken["vanish_at_half"])
    assert seen.parts["change_1_disc"] < -0.3
    sand = score("medium_amount", event().broken["vanish_at_half"])
    assert abs(sand.parts["change_2_sand"]) < 0.05


def test_slow_loss_of_mass_is_seen() -> None:
    seen = score("medium_amount", event().broken["mass_loss"])
    assert seen.parts[f"change_{GRAINS}_sand"] < -0.08


def test_a_vanished_body_is_farther_away_than_a_displaced_one() -> None:
    gone, moved = (score("motion_path", event().broken[name]).value for name in ("vanish_at_half", "teleport"))
    assert gone > moved > 0


def test_a_shaken_camera_moves_nothing() -> None:
    parts = score("kinetic_energy", event().harmless["shaken"]).parts
    assert parts["other_mean"] == pytest.approx(parts["truth_mean"], rel=0.1)


def test_all_metrics_together_are_quick() -> None:
    truth, other = event().truth, event().redraws[0]
    started = time.process_time()
    for kind in METRICS.values():
        kind().compare(truth, other)
    assert time.process_time() - started < 2.0


def test_what_dives_is_still_seen_in_a_liquid() -> None:
    """The disc's layers turn into liquid half way down, as below a surface: exact layers do not know it any more."""
    assert score("submerged", event().broken["reverse"]).value == 0, "there is no liquid: it is silent"
    things = tuple(
        replace(thing, kind="liquid") if thing.id == GRAINS else thing for thing in event().truth.clip.instances
    )
    truth = event().truth
    assert truth.clip.layers is not None
    drowned = np.full_like(truth.clip.layers.segmentation, GRAINS)
    wet = replace(
        truth, clip=replace(truth.clip, instances=things, layers=replace(truth.clip.layers, segmentation=drowned))
    )
    metric = METRICS["submerged"]()
    distances = [metric.compare(wet, other).value for other in (truth, *event().vanishing[1:])]
    assert distances[0] == 0
    assert 0.01 < distances[1] < distances[2]
    harmless = max(metric.compare(wet, other).value for other in event().harmless.values())
    assert harmless < 0.5 * distances[2]


def test_a_second_body_is_counted() -> None:
    truth = event().truth
    frames = truth.clip.frames.copy()
    frames[15:, 5:25, 60:80] = truth.clip.frames[0, 6:26, 30:50]
    twins = replace(truth, clip=replace(truth.clip, source="edited", layers=None, frames=frames))
    counted = METRICS["body_count"]().compare(truth, twins)
    assert np.nanmax(counted.per_frame[:15]) == 0
    assert counted.per_frame[15:].min() > 0.5


def test_a_weaker_gravity_is_noticed_in_flight_and_only_there() -> None:
    moon = take(replace(film(happen(gravity=0.2), 9), layers=None))
    told, same = (METRICS["free_fall"]().compare(event().truth, one) for one in (moon, event().redraws[0]))
    assert told.value > 4 * same.value
    assert told.parts[f"acceleration_{DISC}_other"] < 0.8 * told.parts[f"acceleration_{DISC}_truth"]
    assert np.isnan(told.per_frame[-5:]).all(), "it has landed"


def test_a_shaking_camera_is_held_still_and_a_moving_body_is_not() -> None:
    truth = event().truth.clip
    shaken = film(happen(), 5, shake=0.8)
    steady = stabilised(truth, replace(shaken, layers=None))
    apart = [np.abs(clip.frames.astype(int) - truth.frames).mean() for clip in (shaken, steady)]
    assert apart[1] < 0.7 * apart[0]
    assert "stabilised" in steady.notes["camera"]
    for other in (event().redraws[0], event().broken["teleport"], event().broken["copy_last"]):
        assert stabilised(truth, other.clip) is other.clip


def test_the_truth_filmed_again_shows_the_same_event() -> None:
    again = filmed_again(event().truth.clip)
    assert again.layers is None
    assert 0 < np.abs(again.frames.astype(int) - event().truth.clip.frames).mean() < 8
    np.testing.assert_array_equal(again.frames, filmed_again(event().truth.clip).frames)
