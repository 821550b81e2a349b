"""Materials: numbers, look and word of what bodies fall into. One file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.types import Medium, Vector

LOOK = ("albedo", "absorption", "refractive_index", "word")
"""What of a medium no solver knows."""


@dataclass
class Material(ABC):
    """A plain dataclass whose fields are cited numbers in SI units."""

    @abstractmethod
    def fill(self, region: tuple[Vector, Vector]) -> Medium | None:
        """The medium that fills the box from region[0] to region[1] [m]; None for the bare floor."""
