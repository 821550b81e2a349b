"""What lens and shutter make of a scene: blur of what is out of focus, and of what moves."""

from __future__ import annotations

import numpy as np

from pipeline.renderers._beauty import Lens, expose, pose_at
from pipeline.renderers._geometry import Frame
from pipeline.renderers._stage import Stage
from pipeline.types import Float32, Float64, Scene


def middle(scene: Scene) -> Float64:
    """What one looks at [m], shape (3,): the middle of the medium, else of the bodies, as they are at t = 0."""
    if scene.medium:
        return np.asarray(np.mean(scene.medium.region, axis=0))
    return np.asarray(np.mean([body.position for body in scene.bodies] or [(0.0, 0.0, 0.0)], axis=0))


def lens(scene: Scene, time: float, aperture: float, focus: float) -> Lens:
    """The lens at a time [frames]: `aperture` is its diameter [m]; a `focus` of 0 is on the scene's middle."""
    if not focus:
        rotation, origin = pose_at(scene.camera, time)
        focus = max(float(rotation[2] @ (middle(scene) - origin)), 1e-3)
    return Lens(aperture / 2, focus)


def sub_times(t: int, num_frames: int, shutter: float, samples: int) -> list[float]:
    """When each sample is taken [frames]: evenly while the shutter is open, around the frame's own time.

    Nothing is known before the first frame and after the last: there the shutter opens late and closes early.
    """
    spread = (np.arange(samples) + 0.5) / samples - 0.5
    return [float(time) for time in np.clip(t + shutter * spread, 0, num_frames - 1)]


def picture(stage: Stage, now: Frame, t: int, aperture: float, focus: float, shutter: float) -> Float32:
    """The picture of frame t in linear light, shape (H, W, 3)."""
    scene, count = stage.scene, stage.pattern.shape[1]
    if not shutter:
        return expose(now, scene, t, stage.pattern, stage.device, lens(scene, t, aperture, focus))
    total = np.zeros((*scene.camera.size, 3), np.float32)
    for sample, time in enumerate(sub_times(t, scene.num_frames, shutter, count)):
        glass, one = lens(scene, time, aperture, focus), range(sample, sample + 1)
        total += expose(stage.between(time), scene, time, stage.pattern, stage.device, glass, one)
    return total / np.float32(count)
