"""Scenarios: seed -> Scene. One file each; a dataclass whose fields span the space that scenes are drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.materials import Material
from pipeline.types import Scene


@dataclass
class Scenario(ABC):
    """Draws scenes."""

    @property
    @abstractmethod
    def materials(self) -> Sequence[str]:
        """Names of the materials that the scenario makes sense with, in the order in which clips take turns."""

    def fingerprint(self) -> str:
        """Of the files that the scenes are made of; empty if there are none. Other files, other clips."""
        return ""

    @abstractmethod
    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """One scene; the same arguments give the same scene. `size` is (height, width) [px]."""

    @abstractmethod
    def redraw(self, scene: Scene, draw: int) -> Scene:
        """The scene again, varied within what its first frames do not show: particle jitter, friction, contact
        noise, initial velocity below what a pixel resolves. Look, camera and clip_id stay. `draw` >= 1."""


def generator(seed: int, *path: int) -> np.random.Generator:
    """The random generator of one purpose: a seed and the branch of the tree it stands on."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
