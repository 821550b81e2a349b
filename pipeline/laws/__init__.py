"""Laws: published experiments and theorems that a simulator answers to. One file each.

A law builds its own scenes, lets the simulator play them as it plays those of clips, measures, and compares with
reference values that stand beside their source. Its cases are independent of each other and run in parallel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.simulators import Simulator
from pipeline.types import Finding

KINDS = ("sand", "liquid", "coupling", "bodies")


@dataclass
class Law(ABC):
    """Examines simulators. Its fields are the sizes and resolutions of its scenes; those with metadata {"quick": ...}
    are coarse in a quick pass."""

    kind: ClassVar[str]
    """What it is about, one of KINDS."""

    @property
    @abstractmethod
    def cases(self) -> Sequence[str]:
        """Names of the cases, each worth a computation of its own."""

    @abstractmethod
    def examine(self, case: str, simulator: Simulator) -> Finding:
        """Play one case and compare. `simulator.particle_spacing` is replaced by what the law's own resolution asks
        for; everything else of the simulator stays as it is set."""
