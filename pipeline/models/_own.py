"""What this project's own small models share: weights that they learn, keep in a file and bring along."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pipeline import shelf
from pipeline.models._continuing import Continuing

if TYPE_CHECKING:
    import torch


SHIPPED = Path(__file__).parents[2] / "assets" / "models"
"""Weights that come along, each beside a card that says how they were made."""


@dataclass
class Own(Continuing):
    """A model with a network of this project."""

    form: ClassVar[str]
    """What files of its weights are marked with."""
    shipped: ClassVar[Path | None] = None
    """Weights that come along."""

    weights: str = ""
    """Weights file (safetensors); empty: the shipped ones, if any, to generate, fresh ones to train."""
    threads: int = 1
    """CPU threads while generating; more are slower on a busy machine."""
    device: str = "cpu"
    """cpu or cuda."""

    @abstractmethod
    def fresh(self) -> torch.nn.Module:
        """A network as the settings say, with an `architecture`, drawn from torch's global generator."""

    @abstractmethod
    def built(self, fields: Mapping[str, Any]) -> torch.nn.Module:
        """A network of the architecture with these fields."""

    def fingerprint(self) -> str:
        """SHA-256 of the weights file."""
        return hashlib.sha256(self._file().read_bytes()).hexdigest()

    def network(self) -> torch.nn.Module:
        """The network to train: fresh or, with `weights`, fine-tuned."""
        network: torch.nn.Module = self._learning
        return network

    def save(self, path: str) -> None:
        """Write the trained weights and their architecture as one safetensors file."""
        from pipeline.models._weights import write

        write(self._learning, self._learning.architecture, self.form, Path(path))

    def taught(self, path: str) -> Self:
        """The model with these weights."""
        return replace(self, weights=path)

    @cached_property
    def _learning(self) -> Any:
        network = self._read().train() if self.weights else self.fresh()
        return network.to(self.device)

    @cached_property
    def _trained(self) -> Any:
        return self._read().eval().to(self.device)

    def _read(self) -> Any:
        from pipeline.models._weights import read

        fields, tensors = read(self._file(), self.form)
        network = self.built(fields)
        network.load_state_dict(tensors)
        return network

    def _file(self) -> Path:
        file = Path(self.weights) if self.weights else self.shipped
        if file is None or not file.is_file():
            name = shelf.name(self)
            raise FileNotFoundError(
                f"model={name}: expected weights in '{file or ''}', there is no such file; set model.weights to a "
                f"file, or make one with `python -m pipeline stage=train model={name}` (docs/models.md)"
            )
        return file
