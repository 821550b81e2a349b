"""Changes of what happened that several violations are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float64
from pipeline.violations import Event, Happening


def moved_bodies(event: Event, offset: Float64) -> Happening:
    """All bodies shifted by an offset (T, 3) [m]; the medium does as it did."""
    happened = event.trajectory
    return event.scene, replace(happened, body_position=happened.body_position + offset[:, None])


def hidden_bodies(event: Event, hidden: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Happening:
    """Bodies out of sight in the frames of `hidden` (T,): far below the ground, where no camera looks."""
    away = np.where(hidden[:, None], np.array([0.0, 0.0, -50.0]), 0.0)
    return moved_bodies(event, away)


def retimed(event: Event, time: Float64, bodies: bool = True, medium: bool = True) -> Happening:
    """What happened at other times (T,) [frames], between frames by interpolation; bodies, medium or both.

    Orientations are those of the nearest frame after normalised interpolation.
    """
    happened = event.trajectory
    low = np.clip(np.floor(time).astype(int), 0, len(happened.time) - 2)
    share = time - low

    def at(values: NDArray[Any]) -> Float64:
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray((1 - part) * values[low] + part * values[low + 1])

    changed: dict[str, Any] = {}
    if bodies:
        changed["body_position"] = at(happened.body_position)
        later = happened.body_orientation[low + 1]
        near = np.where((happened.body_orientation[low] * later).sum(axis=-1, keepdims=True) < 0, -later, later)
        part = share[:, None, None]
        turned = (1 - part) * happened.body_orientation[low] + part * near
        changed["body_orientation"] = turned / np.linalg.norm(turned, axis=-1, keepdims=True)
    if medium:
        changed["particle_position"] = at(happened.particle_position).astype(np.float32)
        changed["particle_velocity"] = at(happened.particle_velocity).astype(np.float32)
    return event.scene, replace(happened, **changed)


def impact_frame(event: Event) -> int:
    """First frame after the prompt at which a body's fall is broken: its downward speed drops by a third."""
    down = -event.trajectory.body_velocity[:, :, 2].min(axis=1)
    for frame in range(event.prompt_frames, len(down)):
        if down[frame] < 0.67 * down[:frame].max():
            return frame
    return len(down) - 1


def thickened(event: Event, change: float) -> Happening:
    """The medium's depth changed by a share of itself, evenly over the time after the prompt."""
    assert event.scene.medium is not None
    happened = event.trajectory
    factor = 1 + change * event.after
    grains, bodies = happened.particle_position.copy(), happened.body_position.copy()
    grains[..., 2] *= factor[:, None].astype(np.float32)
    depth = event.scene.medium.region[1][2]
    # A body that lies in the medium goes with it; one that flies does not.
    lying = np.clip((1.6 * depth - bodies[..., 2]) / (0.6 * depth), 0, 1)
    bodies[..., 2] += lying * bodies[..., 2] * (factor - 1)[:, None]
    return event.scene, replace(happened, particle_position=grains, body_position=bodies)
