"""Laws of every metric on the shelf, on a disc that falls into grains."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from synthetic_takes import FRAMES, GRAINS, METRICS, PROMPT_FRAMES, event, score, take

from pipeline.metrics import Metric
from pipeline.types import FlowField

BLIND: dict[str, set[str]] = {
    # What a metric is not there to see: flow does not see how much there is, amounts do not see where it is.
    "visible_amount": {"shuffle", "slow_motion", "hover", "teleport", "reverse", "mass_loss"},
    "medium_amount": {"shuffle", "slow_motion", "hover", "teleport", "reverse", "vanish_at_half"},
    "motion_path": {"mass_loss"},
    "kinetic_energy": {"mass_loss", "teleport"},
    "motion_endpoint_error": {"mass_loss", "vanish_at_half"},
    "mask_iou": {"mass_loss"},
}


@pytest.fixture(params=METRICS)
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


def test_harmless_changes_are_nearer_than_a_reversed_clip(name: str) -> None:
    backwards = score(name, event().broken["reverse"]).value
    for change, other in event().harmless.items():
        assert score(name, other).value < 0.5 * backwards, change


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
    silent = {"visible_amount", "medium_amount", "motion_path"}
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
