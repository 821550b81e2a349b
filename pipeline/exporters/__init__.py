"""Exporters: Dataset -> the layouts that trainers read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.types import Example


@dataclass
class Exporter(ABC):
    """Writes one layout."""

    on_request: ClassVar[bool] = False
    """Large, or for few readers: not among the default exporters, written when it is named."""

    @abstractmethod
    def export(self, name: str, examples: Iterable[Example], folder: Path) -> None:
        """Write the data set `name` into the existing, empty `folder`; examples come one at a time."""
