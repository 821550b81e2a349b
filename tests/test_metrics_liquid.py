"""Metrics that speak of liquids alone, on the disc's event with its grains called a liquid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from synthetic_takes import FRAMES, GRAINS, METRICS, event, score

from pipeline.types import Take, UInt8

UInt16 = NDArray[np.uint16]


def test_what_dives_is_still_seen_in_a_liquid() -> None:
    """The disc's layers turn into liquid half way down, as below a surface: exact layers do not know it any more."""
    assert score("submerged", event().broken["reverse"]).value == 0, "there is no liquid: it is silent"
    truth = event().truth
    assert truth.clip.layers is not None
    wet = wetted(np.full_like(truth.clip.layers.segmentation, GRAINS))
    metric = METRICS["submerged"]()
    distances = [metric.compare(wet, other).value for other in (truth, *event().vanishing[1:])]
    assert distances[0] == 0
    assert 0.01 < distances[1] < distances[2]
    harmless = max(metric.compare(wet, other).value for other in event().harmless.values())
    assert harmless < 0.5 * distances[2]


def wetted(segmentation: UInt16) -> Take:
    """The event with other layers, whose grains are called a liquid."""
    truth = event().truth
    assert truth.clip.layers is not None
    kinds = {GRAINS: "liquid"}
    things = tuple(replace(thing, kind=kinds.get(thing.id, thing.kind)) for thing in truth.clip.instances)
    layers = replace(truth.clip.layers, segmentation=segmentation)
    return replace(truth, clip=replace(truth.clip, instances=things, layers=layers))


def test_a_liquid_that_calms_down_too_soon_or_boils_is_noticed_and_noise_is_not() -> None:
    assert score("agitation", event().broken["reverse"]).value == 0, "there is no liquid: it is silent"
    layers = event().truth.clip.layers
    assert layers is not None
    where = (layers.segmentation == GRAINS)[..., None]
    still = np.broadcast_to(event().truth.clip.frames[:1], event().truth.clip.frames.shape)

    def rippling(seed: int, height: float) -> UInt8:
        """Patches of 8 px whose light changes from frame to frame, from frame 8 on."""
        rng = np.random.default_rng(seed)
        light = rng.normal(0, height, (FRAMES, still.shape[1] // 8, still.shape[2] // 8)).repeat(8, 1).repeat(8, 2)
        light[:8] = 0
        return np.clip(still + light[..., None] * where, 0, 255).astype(np.uint8)

    def told(frames: UInt8) -> float:
        other = replace(truth, clip=replace(truth.clip, source="edited", layers=None, frames=frames))
        return METRICS["agitation"]().compare(truth, other).value

    wet = wetted(layers.segmentation)
    truth = replace(wet, clip=replace(wet.clip, frames=rippling(1, 6.0)))
    noise = np.random.default_rng(3).normal(0, 4, still.shape)
    noisy = np.clip(truth.clip.frames + noise, 0, 255).astype(np.uint8)
    harmless = max(told(rippling(2, 6.0)), told(noisy))
    assert told(truth.clip.frames) == 0
    assert harmless < 0.1
    assert min(told(rippling(2, 3.0)), told(rippling(2, 12.0)), told(still.copy())) > 3 * harmless
