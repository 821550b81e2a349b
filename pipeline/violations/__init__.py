"""Violations: controlled ways to break physics, one at a time, to examine judges; and harmless changes. One file each.

A violation changes what happens (it is simulated or led differently, and rendered anew, so that no cut-out edge gives
it away) or the order and look of the frames (the film). What the prompt shows is never changed.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pipeline.simulators import Simulator
from pipeline.types import Clip, Float64, Scene, Trajectory, UInt8

LEVELS = (1, 2, 3)
"""Severities: slight, middling, gross."""
Happening = tuple[Scene, Trajectory]
"""What is to be rendered."""


@dataclass(frozen=True)
class Event:
    """What truly happens, and what it takes to let something else happen."""

    scene: Scene
    trajectory: Trajectory
    clip: Clip
    """What the camera saw of it, with layers."""
    simulator: Simulator
    prompt_frames: int

    def generator(self, purpose: int) -> np.random.Generator:
        """The same random numbers for the same scene and purpose."""
        return np.random.default_rng([self.scene.seed, 77, purpose])

    @property
    def times(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Numbers of the frames, shape (T,)."""
        return np.arange(self.scene.num_frames)

    @property
    def after(self) -> Float64:
        """Share of the time after the prompt that has passed, per frame: 0 in the prompt, 1 in the last frame, (T,)."""
        left = self.scene.num_frames - self.prompt_frames
        return np.clip((self.times - self.prompt_frames + 1) / left, 0.0, 1.0)

    def play(self, scene: Scene) -> Trajectory:
        """What happens in a changed version of the scene."""
        return self.simulator.simulate(scene)

    def undisturbed(self, happened: Trajectory) -> Trajectory:
        """The same with the medium lying still from the prompt's last frame on."""
        time = np.minimum(self.times, self.prompt_frames - 1)
        truth = self.trajectory
        return replace(
            happened, particle_position=truth.particle_position[time], particle_velocity=truth.particle_velocity[time]
        )


@dataclass
class Violation(ABC):  # noqa: B024 (each of its methods has an honest default)
    """Breaks one law (or none, if harmless), at three severities."""

    harmless: ClassVar[bool] = False
    """Whether it leaves physics alone: such a change must not lower a score."""
    kinds: ClassVar[Sequence[str]] = ("none", "grains", "liquid")
    """Kinds of media in whose scenes it makes sense; 'none' is the bare floor."""

    def happen(self, event: Event, level: int) -> Happening | None:
        """What happens instead; None: the truth's frames are kept as they are (and only `film` changes them)."""
        return None

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """What the camera shows instead of frames (T, H, W, 3), the same shape."""
        return frames
