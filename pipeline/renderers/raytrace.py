"""Ray tracing with exact layers, on the CPU or a GPU."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from pipeline.renderers import Renderer, Shot
from pipeline.types import Float32, Float64, Scene, Trajectory, UInt8

if TYPE_CHECKING:
    from pipeline.renderers._exposure import Tracer
    from pipeline.renderers._geometry import Frame
    from pipeline.renderers._stage import Stage


@dataclass
class Raytrace(Renderer):
    """Sun with soft shadows, sky with ambient occlusion, textured ground and container, bodies, sand or liquid.

    The layers come from a pass of their own: one ray through every pixel's centre, flow in float64 from the state of
    the simulation, occlusion from a second ray. A liquid is annotated as its first surface: the layers do not look
    through it, though the picture does. Normals are those of the shading: smooth over the facets of round meshes.
    """

    samples: int = 4
    """Rays per pixel of the picture, at fixed jittered places."""
    grains_per_particle: int = 160
    """Most grains drawn for one simulated particle; fewer where the material's grains or the pixels are large."""
    seed: int = 0
    """Seed of the samples' jitter and of the grains' places within their particles."""
    layers: bool = True
    """Whether to make the exact layers."""
    aperture: float = 0.0
    """Diameter of the lens [m]; 0: a pinhole, everything is sharp. In the picture only, never in the layers."""
    focus: float = 0.0
    """Depth that is sharp [m]; 0: the middle of the scene."""
    shutter: float = 0.0
    """Share of the time between frames in which the shutter is open, 0..1; 0: nothing blurs. In the picture only. Every
    sample is taken at a time of its own: more samples blur more smoothly, at their cost in surfaces made anew."""
    denoise: bool = False
    """Whether to clean the picture of noise; needs the extra: pip install 'quicksand[denoise]'."""
    device: str = "cpu"
    """Where to trace: cpu, cuda, cuda:0 ..."""

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("grains_per_particle", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"Raytrace: {name} must be at least {least}, got {getattr(self, name)}")
        for name, most in (("aperture", math.inf), ("focus", math.inf), ("shutter", 1.0)):
            if not 0.0 <= getattr(self, name) <= most:
                raise ValueError(f"Raytrace: {name} must be from 0 to {most}, got {getattr(self, name)}")
        if self.denoise:
            needed("denoise=true", "pyoidn", "denoise")

    def shots(self, scene: Scene, trajectory: Trajectory) -> Iterator[Shot]:
        """Frame after frame, with three of them set up at a time; same input, same bytes on CPU.

        Raises ValueError if the trajectory does not fit the scene.
        """
        from pipeline.renderers._layers import layers_of
        from pipeline.renderers._stage import Stage

        _check(scene, trajectory)
        stage = Stage(scene, trajectory, self.grains_per_particle, self.samples, self.seed, self.device)
        start, spacing = trajectory.particle_position[0], trajectory.particle_spacing

        def frame(t: int) -> Frame:
            _check_finite(scene, "particle_position", trajectory.particle_position[t], t)
            return stage.frame(t)

        window: list[Frame | None] = [None, None, frame(0)]
        for t in range(scene.num_frames):
            window = [*window[1:], frame(t + 1) if t + 1 < scene.num_frames else None]
            before, now, after = window
            assert now is not None
            layers = layers_of(scene, t, (before, now, after), start, spacing, self.device) if self.layers else None
            yield self._picture(stage, now, t), layers

    def pictures(self, scene: Scene, trajectory: Trajectory) -> UInt8:
        """The same, without making layers for nothing."""
        return super(Raytrace, replace(self, layers=False)).pictures(scene, trajectory)

    def _picture(self, stage: Stage, now: Frame, t: int) -> UInt8:
        """What the camera's lens and shutter make of frame t, sRGB, shape (H, W, 3)."""
        from pipeline.renderers._beauty import develop
        from pipeline.renderers._exposure import Exposure, picture

        exposure = Exposure(self.aperture, self.focus, self.shutter, self.denoise)
        return develop(picture(stage, now, t, exposure, self._tracer()))

    def _tracer(self) -> Tracer:
        """What follows the light."""
        from pipeline.renderers._beauty import expose

        return expose


def needed(setting: str, package: str, extra: str) -> None:
    """Raises ValueError if a package that a setting needs is not installed."""
    if not find_spec(package):
        raise ValueError(f"{setting} needs {package}, which is not installed: pip install 'quicksand[{extra}]'")


def _check(scene: Scene, trajectory: Trajectory) -> None:
    """Raises ValueError if the trajectory does not fit the scene."""
    frames, bodies = scene.num_frames, len(scene.bodies)
    wanted = {
        "trajectory.body_position": (trajectory.body_position.shape, (frames, bodies, 3)),
        "trajectory.body_orientation": (trajectory.body_orientation.shape, (frames, bodies, 4)),
        "trajectory.particle_position[:, 0]": (trajectory.particle_position.shape[::2], (frames, 3)),
        "camera.world_to_camera": (scene.camera.world_to_camera.shape, (frames, 4, 4)),
    }
    for name, (got, expected) in wanted.items():
        if tuple(got) != expected:
            raise ValueError(f"Raytrace: scene {scene.clip_id}: {name} must have shape {expected}, got {tuple(got)}")
    for state in ("body_position", "body_orientation"):
        for t, values in enumerate(getattr(trajectory, state)):
            _check_finite(scene, state, values, t)
    if scene.medium and scene.medium.kind not in ("grains", "liquid"):
        raise ValueError(
            f"Raytrace: scene {scene.clip_id}: medium.kind must be grains or liquid, got '{scene.medium.kind}'"
        )
    if scene.medium and trajectory.particle_position.shape[1] and not trajectory.particle_spacing > 0.0:
        raise ValueError(
            f"Raytrace: scene {scene.clip_id}: particle_spacing must be > 0 m, got {trajectory.particle_spacing}"
        )


def _check_finite(scene: Scene, state: str, values: Float32 | Float64, t: int) -> None:
    """Raises ValueError if a state in frame t is none; particles are looked at when their frame comes, not before."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"Raytrace: scene {scene.clip_id}: trajectory.{state} must be finite, got NaN or infinity from frame {t} on"
        )
