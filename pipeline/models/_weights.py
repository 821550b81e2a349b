"""Weights of `next_frame` on disk: one safetensors file that knows its architecture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pipeline.models._network import Architecture, NextFrameNetwork

FORMAT = "quicksand.next_frame.1"
"""Name of the one entry in the file's metadata: safetensors writes several in random order."""


def write(network: NextFrameNetwork, file: Path) -> None:
    """Write the network's weights; the file appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    unfinished = file.with_suffix(".part")
    save_file(tensors, unfinished, {FORMAT: json.dumps(asdict(network.architecture))})
    unfinished.replace(file)


def read(file: Path) -> NextFrameNetwork:
    """The network with its weights, on the CPU; ValueError if the file holds anything else."""
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors: dict[str, torch.Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"model=next_frame: {file} is not a whole safetensors file ({error})") from error
    if FORMAT not in metadata:
        got = ", ".join(metadata) or "none"
        raise ValueError(f"model=next_frame: {file}: expected metadata {FORMAT}, got {got}; train the weights again")
    fields = json.loads(metadata[FORMAT])
    network = NextFrameNetwork(
        Architecture(fields["context"], tuple(fields["widths"]), fields["blocks"], fields["reach"])
    )
    network.load_state_dict(tensors)
    return network
