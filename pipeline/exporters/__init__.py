"""Exporters: Dataset -> the layouts that trainers read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipeline.types import Example


@dataclass(frozen=True)
class About:
    """What is said of a data set as a whole, on its card."""

    name: str
    date: str
    """Day on which it was decided what is in it, as 2026-12-31."""
    licence: str = "apache-2.0"
    """Identifier as the Hugging Face hub spells it, see https://huggingface.co/docs/hub/repositories-licenses."""
    validation: tuple[Mapping[str, Any], ...] = ()
    """Rows of validation.json: what the solvers were found to obey."""
    unvalidated: str = ""
    """Which clips are in it although no law vouches for their solver, and why; empty: none."""
    limits: tuple[str, ...] = ()
    """What is to be known of this set beyond what holds for all, a sentence each."""


@dataclass
class Exporter(ABC):
    """Writes one layout."""

    on_request: ClassVar[bool] = False
    """Large, or for few readers: not among the default exporters, written when it is named."""
    annotated: ClassVar[bool] = True
    """Whether it has a place for the exact layers; if not, the clips of its examples may come without them."""
    compares: ClassVar[bool] = False
    """Whether it wants to know what models made of the same scenes; if not, examples may come without attempts."""

    @abstractmethod
    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """Write the data set into the existing, empty `folder`; examples come one at a time.

        Where an example has a video file, the layout holds a hard link to it, or a path relative to `folder`.
        """
