"""Simple measurements of one truth clip, for the gate."""

from __future__ import annotations

import numpy as np

from pipeline.types import Clip, Float32, Layers

MOVING = 0.5
"""Least motion relative to the background that counts as moving [px per frame]."""
BLANK = 2.0
"""Standard deviation of the grey values (0..255) below which a frame shows nothing."""


def exact(clip: Clip) -> Layers:
    """The clip's layers. Raises ValueError if it has none."""
    if clip.layers is None:
        raise ValueError(
            f"Clip {clip.clip_id}/{clip.source}: curation needs the exact layers of a truth clip, got none"
        )
    return clip.layers


def inspect(clip: Clip) -> dict[str, float]:
    """Simple measurements of a truth clip, from its frames and exact layers.

    body_share: share of the first frame's pixels that show a body. medium_share: the largest share, over the frames,
    that shows the medium, which in some stories only comes (out of a funnel, a jug, a pipe).
    moving_share: largest share of pixels, over the frames, that belong to a body or the medium and move by MOVING
    or more against the background.
    blank_frames: frames without contrast. repeated_frames: frames equal to the one before although the layers say
    that something moves. broken_values: layer values that are not finite where they claim to be valid.
    """
    layers = exact(clip)
    moving = np.array([(np.hypot(*np.moveaxis(flow, -1, 0)) >= MOVING).mean() for flow in of_things(layers)])
    same = np.array([np.array_equal(one, two) for one, two in zip(clip.frames[:-1], clip.frames[1:], strict=True)])
    broken = ~np.isfinite(layers.forward_flow).all(axis=-1) | ~np.isfinite(layers.depth)
    return {
        "body_share": float((layers.material[0] == 1).mean()),
        "medium_share": float((layers.material >= 2).mean(axis=(1, 2)).max()),
        "moving_share": float(moving.max(initial=0.0)),
        "blank_frames": float(sum(frame.mean(axis=-1).std() < BLANK for frame in clip.frames)),
        "repeated_frames": float((same & (moving > 0)).sum()),
        "broken_values": float((broken & layers.valid).sum()),
    }


def of_things(layers: Layers) -> list[Float32]:
    """Motion of bodies and medium against the background [px per frame], T - 1 times (H, W, 2); zero elsewhere."""
    thing = layers.material > 0
    return [
        _of_things(flow, seen, valid)
        for flow, seen, valid in zip(layers.forward_flow[:-1], thing[:-1], layers.valid[:-1], strict=True)
    ]


def _of_things(flow: Float32, thing: np.ndarray, valid: np.ndarray) -> Float32:
    background = flow[valid & ~thing]
    drift = np.median(background, axis=0) if len(background) else np.zeros(2)
    return np.where((thing & valid)[..., None], flow - drift, 0.0).astype(np.float32)
