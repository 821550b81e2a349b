"""No medium at all: bodies fall on the bare floor."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.materials import Material
from pipeline.types import Vector


@dataclass
class Nothing(Material):
    """The bare floor (Python keeps the name `None` for itself)."""

    def fill(self, region: tuple[Vector, Vector]) -> None:
        """Nothing."""
        return
