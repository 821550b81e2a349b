"""What a camera saw, and what may be seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.types._scene import Bool, Camera, Float32, UInt8


@dataclass(frozen=True)
class Layers:
    """Exact annotation of every pixel centre, all of leading shape (T, H, W)."""

    depth: Float32
    """Planar depth along the optical axis [m]; inf where a ray hits nothing (sky)."""
    normal: NDArray[np.float16]
    """World normal, (..., 3)."""
    segmentation: NDArray[np.uint16]
    """Instance id; 0 background. `Clip.instances` names the others."""
    material: UInt8
    """0 background, 1 rigid, 2 grains, 3 liquid."""
    particle: NDArray[np.int32]
    """Particle under the pixel, -1 where none."""
    object_coordinates: NDArray[np.float16]
    """Where on its object the point lies, (..., 3): for a body its frame's coordinates scaled to 0..1 over the
    bounding box, for a particle its position at t = 0 scaled the same way over the medium's region."""
    forward_flow: Float32
    """Motion of the visible point from t to t+1, (..., 2) = (u right, v down) [px]; zero in the last frame."""
    backward_flow: Float32
    """Motion from t to t-1, (..., 2) [px]; zero in the first frame."""
    forward_occluded: Bool
    """The point is hidden or out of view at t+1; true in the last frame."""
    backward_occluded: Bool
    """The point is hidden or out of view at t-1; true in the first frame."""
    valid: Bool
    """The layers hold here (false: the ray hit nothing)."""


@dataclass(frozen=True)
class Instance:
    """One entry of a clip's list of things."""

    id: int
    """Value in `Layers.segmentation`, >= 1."""
    name: str
    kind: str
    """static, rigid, grains or liquid."""
    mesh: str
    """Shape or mesh name; empty for media."""
    density: float
    """[kg/m^3]"""


@dataclass(frozen=True)
class Clip:
    """What a camera saw."""

    clip_id: str
    source: str
    """'truth' or the name of the model that made it."""
    sample: int
    """Which of several samples of the model, or which re-draw of the truth."""
    frames: UInt8
    """sRGB, shape (T, H, W, 3)."""
    fps: float
    layers: Layers | None = None
    camera: Camera | None = None
    instances: tuple[Instance, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    """What was done to it on the way, e.g. resampled from another size or rate."""

    def __post_init__(self) -> None:
        frames = self.frames
        if not (
            isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3
        ):
            got = f"{frames.dtype} of shape {frames.shape}" if isinstance(frames, np.ndarray) else type(frames).__name__
            raise ValueError(
                f"Clip {self.clip_id}/{self.source}: frames must be uint8 of shape (T, H, W, 3), got {got}"
            )
        if len(frames) == 0:
            raise ValueError(f"Clip {self.clip_id}/{self.source}: expected at least one frame, got none")


@dataclass(frozen=True)
class Prompt:
    """All that a video model may see."""

    clip_id: str
    text: str
    frames: UInt8
    """The first k frames, sRGB, shape (k, H, W, 3)."""
    fps: float
    num_frames: int
    """Length of the clip asked for, the k first frames included."""


@dataclass(frozen=True)
class FlowField:
    """Optical flow of a whole clip."""

    forward: Float32
    """t -> t+1, shape (T-1, H, W, 2) = (u right, v down) [px]."""
    estimator: str
    """Name with settings; two fields are compared only if it is the same."""


@dataclass(frozen=True)
class Take:
    """A clip with its flow."""

    clip: Clip
    flow: FlowField
