"""Exporters: Dataset -> the layouts that trainers read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.types import Example


@dataclass
class Exporter(ABC):
    """Writes one layout."""

    @abstractmethod
    def export(self, name: str, examples: Iterable[Example], folder: Path) -> None:
        """Write the data set `name` into the existing, empty `folder`; examples come one at a time."""
