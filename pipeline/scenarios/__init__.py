"""Scenarios: seed -> Scene. One file each; a dataclass whose fields span the space that scenes are drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.materials import Material
from pipeline.types import Scene

GRADES = ("kindergarten", "primary", "middle", "high", "university")
"""From easy to hard: a body falls on a floor; rests on sand, floats or sinks; shapes what it meets; several bodies,
digging, slosh and flow; and what no training set of ours holds (experiment=university)."""


@dataclass
class Scenario(ABC):
    """Draws scenes."""

    grade: str = ""
    """What its scenes count as, one of GRADES; empty: what the scenario says itself."""
    palette: list[str] = field(default_factory=list)
    """Materials that its clips take turns over; empty: its own."""
    moving: float = 0.0
    """Share of the scenes that are filmed by a camera that slowly moves, 0..1."""

    def __post_init__(self) -> None:
        if self.grade and self.grade not in GRADES:
            raise ValueError(f"{type(self).__name__}: expected a grade out of {', '.join(GRADES)}, got '{self.grade}'")
        if not 0 <= self.moving <= 1:
            raise ValueError(f"{type(self).__name__}: moving is a share of the scenes, 0..1, got {self.moving}")

    @property
    @abstractmethod
    def materials(self) -> Sequence[str]:
        """Its own materials: names, in the order in which clips take turns."""

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
