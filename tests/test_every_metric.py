"""Laws of every metric on the shelf, on a disc that falls into grains."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from synthetic_takes import (
    BROKEN,
    DISC,
    FRAMES,
    GRAINS,
    LIQUID,
    METRICS,
    PROMPT_FRAMES,
    event,
    film,
    happen,
    score,
    take,
)

from pipeline.metrics import Metric, at_scoring_size, filmed_again, stabilised
from pipeline.types import Clip, FlowField, Instance, Layers, Take

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
    "heap_slope": {"shuffle", "slow_motion", "hover", "teleport", "reverse", "vanish_at_half"},
    # A body that comes to its place in one frame moves for that frame; what stops or never starts grows nowhere.
    "energy_growth": {"mass_loss", "teleport", "hover", "slow_motion", "vanish_at_half"},
    # The disc never rests: examined by itself below.
    "body_growth": set(BROKEN),
    # Only what runs backwards breaks it; a shuffle runs both ways.
    "time_direction": {"mass_loss", "teleport", "hover", "slow_motion", "vanish_at_half", "shuffle"},
}
TELLING = {"body_count": "vanish_at_half"}
"""A violation that the metric sees well, where it is not a clip that runs backwards."""

MOMENTS = {"energy_growth", "time_direction", "body_growth"}
"""They tell of the moment at which something breaks; how long a body is missing is not theirs to say."""


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


@pytest.mark.parametrize("name", sorted(set(METRICS) - LIQUID - {"body_growth"}))
def test_harmless_changes_are_nearer_than_a_broken_clip(name: str) -> None:
    broken = score(name, event().broken[TELLING.get(name, "reverse")]).value
    for change, other in event().harmless.items():
        assert score(name, other).value < 0.5 * broken, change


@pytest.mark.parametrize("name", sorted(set(METRICS) - LIQUID - MOMENTS))
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
    bodies = {"visible_amount", "motion_path", "free_fall", "body_motion", "body_count", "body_growth"}
    silent = {*bodies, "medium_amount", "heap_slope"}
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


def test_a_camera_that_shakes_moves_no_edge_of_the_picture() -> None:
    """What it does not look at for a moment stands still, and no frame is left a little aside between others."""
    truth = event().truth.clip
    still = np.repeat(truth.frames[:1], len(truth.frames), axis=0)
    moved = np.stack([np.roll(frame, (t % 3) - 1, axis=1) for t, frame in enumerate(still)])  # 1 px aside, by turns
    steady = stabilised(replace(truth, frames=still), replace(truth, layers=None, frames=moved)).frames.astype(int)
    assert np.abs(np.diff(steady, axis=0))[1:, 3:-3, :3].mean() < 0.5
    assert np.abs(steady - still)[1:, 3:-3, 3:-3].mean() < 1.5


def test_the_truth_filmed_again_shows_the_same_event() -> None:
    again = filmed_again(event().truth.clip)
    assert again.layers is None
    assert 0 < np.abs(again.frames.astype(int) - event().truth.clip.frames).mean() < 8
    np.testing.assert_array_equal(again.frames, filmed_again(event().truth.clip).frames)


def enlarged(clip: Clip, factor: int) -> Clip:
    """Every pixel as a block of pixels."""

    def blocks(values: np.ndarray) -> np.ndarray:
        return values.repeat(factor, axis=1).repeat(factor, axis=2)

    assert clip.layers is not None
    layers = Layers(**{name: blocks(values) for name, values in vars(clip.layers).items()})
    return replace(clip, frames=blocks(clip.frames), layers=layers)


def test_a_larger_clip_is_looked_at_in_the_same_size() -> None:
    truth = event().truth.clip
    assert at_scoring_size(truth) is truth, "96 px are few enough"
    assert at_scoring_size(enlarged(truth, 2)).frames.shape[1] == 192
    small = at_scoring_size(enlarged(truth, 4))
    assert small.frames.shape == (FRAMES, 128, 128, 3)
    whole = replace(truth, frames=np.zeros((3, 140, 130, 3), np.uint8), layers=None)
    for factor in (2, 3):
        frames = whole.frames.repeat(factor, axis=1).repeat(factor, axis=2)
        assert at_scoring_size(replace(whole, frames=frames)).frames.shape == whole.frames.shape


def test_layers_follow_the_picture_to_its_new_size() -> None:
    """A clip of 288 px is halved; what lies where in the layers still lies there in the picture, and moves half as
    many pixels."""
    large = enlarged(event().truth.clip, 3)
    assert large.layers is not None
    moved = replace(large, layers=replace(large.layers, forward_flow=np.full_like(large.layers.forward_flow, 4.0)))
    small = at_scoring_size(moved)
    assert small.layers is not None
    assert small.layers.segmentation.shape == small.frames.shape[:3] == (FRAMES, 144, 144)
    np.testing.assert_array_equal(small.layers.segmentation, large.layers.segmentation[:, 1::2, 1::2])
    assert (small.layers.forward_flow == 2).all()


def painted(outline: np.ndarray, kind: str, sample: int = 0) -> Take:
    """A medium that stands as high as `outline` (T, W) [px] before a textured wall; nothing in it moves."""
    rng = np.random.default_rng(5)
    wall, stuff = (rng.normal(mean, 6, (64, outline.shape[1], 3)) for mean in ([120, 128, 140], [190, 150, 80]))
    inside = 64 - np.arange(64)[None, :, None] <= outline[:, None]
    frames = np.where(inside[..., None], stuff, wall).clip(0, 255).astype(np.uint8)
    labels = np.where(inside, GRAINS, 0).astype(np.uint16)
    template = event().truth.clip
    assert template.layers is not None
    layers = replace(template.layers, segmentation=labels)
    thing = Instance(GRAINS, "stuff", kind, "", 1000.0)
    clip = replace(template, sample=sample, frames=frames, layers=layers, instances=(thing,))
    return Take(clip, FlowField(np.zeros((len(frames) - 1, 64, outline.shape[1], 2), np.float32), "none"))


def heap(degrees: float) -> np.ndarray:
    away = np.abs(np.arange(96) - 47.5)
    return np.repeat((8 + np.clip(36 - away, 0, None) * np.tan(np.deg2rad(degrees)))[None], 8, axis=0)


def test_a_heap_is_as_steep_as_it_looks() -> None:
    metric = METRICS["heap_slope"]()
    truth = painted(heap(34), "grains")
    told = [metric.compare(truth, painted(heap(degrees), "grains", 1)) for degrees in (34, 24, 10)]
    assert told[0].value == 0
    assert told[0].parts["slope_truth"] == pytest.approx(np.tan(np.deg2rad(34)), rel=0.15)
    assert told[1].parts["slope_other"] == pytest.approx(np.tan(np.deg2rad(24)), rel=0.15)
    assert 0.02 < told[1].value < told[2].value


def test_a_liquid_stands_level_and_as_high_as_before() -> None:
    metric = METRICS["liquid_level"]()
    across = np.arange(96)[None]
    flat, wave = np.full((8, 96), 24.0), 24 + 5 * np.sin(across / 96 * 4 * np.pi) * np.ones((8, 1))
    truth = painted(flat, "liquid")
    same, sunk, waving, heaped = (
        metric.compare(truth, painted(one, "liquid", 1)) for one in (flat, flat - 6, wave, heap(30))
    )
    assert same.value == 0
    assert sunk.value == pytest.approx(6 / np.sqrt(96 * 64), rel=0.1)
    assert sunk.parts["settled_other"] == pytest.approx(sunk.parts["settled_truth"] - 6, abs=0.5)
    assert waving.value < 0.4 * sunk.value
    assert heaped.value > waving.value
    gone = metric.compare(truth, painted(0 * flat, "liquid", 1))
    assert gone.value == pytest.approx(24 / np.sqrt(96 * 64), rel=0.1), "it is not left out of the mean"


def flowing(like: Take, speed: np.ndarray, direction: np.ndarray) -> Take:
    """The same clip with a flow of `speed` (T-1,) times `direction` (H, W, 2), where a medium 40 px high lies."""
    lower = (np.arange(64) >= 24)[:, None, None]
    flow = speed[:, None, None, None] * (direction * lower)[None]
    return Take(replace(like.clip, sample=1), FlowField(flow.astype(np.float32), "none"))


def test_a_liquid_that_spreads_is_told_from_one_that_slides() -> None:
    metric = METRICS["divergence"]()
    still = painted(np.full((8, 96), 40.0), "liquid")
    y, x = np.mgrid[:64, :96]
    # Its centre lies outside the picture, so that it is nowhere slow enough to count as rest.
    spreading = np.stack([(x + 8) / 16, (y - 12) / 16], axis=-1)
    sliding = np.stack([np.full_like(x, 2.0, dtype=float), np.zeros_like(y, dtype=float)], axis=-1)
    truth = flowing(still, np.ones(7), sliding)
    assert metric.compare(truth, flowing(still, np.ones(7), sliding)).value == 0
    told = metric.compare(truth, flowing(still, np.ones(7), spreading))
    assert told.value > 0.3
    # Divergence 2/16 in the new picture, as the difference of velocity across 9 px.
    assert told.parts["mean_other"] == pytest.approx(9 * 2 / 16, rel=0.15)


SURGE = np.r_[np.linspace(0.5, 4, 8), 0.5, 1.5, 1.2, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
"""A fall that gets faster, hits, and dies down [px per frame]."""


def moving(curve: np.ndarray) -> Take:
    sideways = np.stack([np.full((64, 96), 1.0), np.zeros((64, 96))], axis=-1)
    return flowing(painted(np.full((FRAMES, 96), 40.0), "grains"), curve, sideways)


def test_motion_that_grows_without_cause_is_noticed_and_what_dies_down_early_is_not() -> None:
    metric, truth = METRICS["energy_growth"](), moving(SURGE)
    late, dead, kicked = np.roll(SURGE, 2), SURGE.copy(), SURGE.copy()
    late[:2] = SURGE[0]
    dead[9:], kicked[16:18] = 0.0, 3.0
    assert metric.compare(truth, moving(dead)).value == 0
    assert metric.compare(truth, moving(late)).value < 0.1 * metric.compare(truth, moving(kicked)).value
    assert int(np.nanargmax(metric.compare(truth, moving(kicked)).per_frame)) == 17


def test_time_has_a_direction() -> None:
    metric, truth = METRICS["time_direction"](), moving(SURGE)
    late, back = np.roll(SURGE, 2), SURGE[::-1].copy()
    late[:2] = SURGE[0]
    backwards, delayed, slowed = (metric.compare(truth, moving(one)).value for one in (back, late, 0.5 * SURGE))
    assert backwards > 5 * max(delayed, slowed)
    swing = np.full(FRAMES - 1, 1.0)
    assert metric.compare(moving(swing), moving(swing[::-1])).value == 0, "what has no direction cannot run backwards"


def test_a_body_that_swells_while_it_rests_is_noticed_and_one_that_tumbles_is_not() -> None:
    import cv2

    still, metric = event().still, METRICS["body_growth"]()
    frames = still.clip.frames.copy()
    for t in range(10, FRAMES):
        edge = 24 + 2 * ((t - 10) // 2)
        top, left = 16 - edge // 2, 40 - edge // 2
        swollen = cv2.resize(still.clip.frames[0, 4:28, 28:52], (edge, edge))
        frames[t, max(top, 0) : top + edge, left : left + edge] = swollen[max(-top, 0) :]
    told = metric.compare(still, take(replace(still.clip, source="edited", frames=frames, layers=None)))
    assert np.nanmax(told.per_frame[:10]) == 0
    assert told.per_frame[-1] > 0.03
    tumbling = [metric.compare(event().truth, other).value for other in (*event().redraws, event().broken["reverse"])]
    assert max(tumbling) < 0.2 * told.value
