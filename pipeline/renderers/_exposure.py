"""What lens and shutter make of a scene: blur of what is out of focus, and of what moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.renderers._beauty import Lens, expose, pose_at
from pipeline.renderers._geometry import Frame
from pipeline.renderers._stage import Stage
from pipeline.types import Float32, Float64, Scene

Tracer = Callable[[Frame, Scene, float, Any, str, Lens, range], Float32]
"""Frame, scene, time [frames], sample pattern, device, lens, samples -> the picture in linear light, (H, W, 3)."""


@dataclass(frozen=True)
class Exposure:
    """Settings of the camera; `raytrace.Raytrace` says what they are."""

    aperture: float = 0.0
    focus: float = 0.0
    shutter: float = 0.0
    denoise: bool = False


def middle(scene: Scene) -> Float64:
    """What one looks at [m], shape (3,): the middle of the medium, else of the bodies, as they are at t = 0."""
    if scene.medium:
        return np.asarray(np.mean(scene.medium.region, axis=0))
    return np.asarray(np.mean([body.position for body in scene.bodies] or [(0.0, 0.0, 0.0)], axis=0))


def lens(scene: Scene, time: float, exposure: Exposure) -> Lens:
    """The lens at a time [frames]: a focus of 0 is on the scene's middle."""
    focus = exposure.focus
    if not focus:
        rotation, origin = pose_at(scene.camera, time)
        focus = max(float(rotation[2] @ (middle(scene) - origin)), 1e-3)
    return Lens(exposure.aperture / 2, focus)


def sub_times(t: int, num_frames: int, shutter: float, count: int) -> list[float]:
    """Instants [frames] while the shutter is open: even, around the frame's own time.

    Nothing is known before the first frame and after the last: there the shutter opens late and closes early.
    """
    spread = (np.arange(count) + 0.5) / count - 0.5
    return [float(time) for time in np.clip(t + shutter * spread, 0, num_frames - 1)]


def _parts(stage: Stage, now: Frame, t: int, shutter: float) -> Iterator[tuple[Frame, float, range]]:
    """Geometry, its time [frames] and the samples that are taken of it."""
    count = stage.pattern.shape[1]
    if not shutter:
        yield now, t, range(count)
        return
    for sample, time in enumerate(sub_times(t, stage.scene.num_frames, shutter, count)):
        yield stage.between(time), time, range(sample, sample + 1)


def picture(stage: Stage, now: Frame, t: int, exposure: Exposure, trace: Tracer = expose) -> Float32:
    """The picture of frame t in linear light, shape (H, W, 3); `trace` has the arguments of `_beauty.expose`."""
    from pipeline.renderers._denoise import denoised, guides

    light, guide = [], []
    for frame, time, samples in _parts(stage, now, t, exposure.shutter):
        setting = (frame, stage.scene, time, stage.pattern, stage.device, lens(stage.scene, time, exposure), samples)
        light.append(trace(*setting))
        if exposure.denoise:
            guide.append(guides(*setting))
    linear = np.asarray(np.mean(light, axis=0), np.float32) if len(light) > 1 else light[0]
    return denoised(linear, *np.mean(guide, axis=0)) if exposure.denoise else linear
