"""Weights of this project's own networks on disk: one safetensors file that knows its architecture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline._files import replacing


def write(network: nn.Module, architecture: Any, kind: str, file: Path) -> None:
    """Write the network's weights and its architecture, a dataclass; the file appears whole or not at all.

    `kind` names the format: it is the one entry in the metadata, for safetensors writes several in random order.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with replacing(file) as unfinished:
        save_file(tensors, unfinished, {kind: json.dumps(asdict(architecture))})


def read(file: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Fields of the architecture, and the tensors; ValueError if the file holds anything else."""
    model = kind.split(".")[1]
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"model={model}: {file} is not a whole safetensors file ({error})") from error
    if kind not in metadata:
        got = ", ".join(metadata) or "none"
        raise ValueError(f"model={model}: {file}: expected metadata {kind}, got {got}; train the weights again")
    fields: dict[str, Any] = json.loads(metadata[kind])
    return fields, tensors
