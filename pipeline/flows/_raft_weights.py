"""Weights of torchvision's RAFT: where they lie, whether they are the right ones, and the network that has them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from pipeline import _torchvision


def urls(size: str) -> list[str]:
    """Where torchvision publishes weights of this size ('large' or 'small'), the recommended ones first."""
    known = getattr(_torchvision.load("torchvision.models.optical_flow"), f"Raft_{size.capitalize()}_Weights")
    return list(dict.fromkeys([known.DEFAULT.url, *(one.url for one in known)]))


def hub_file(size: str) -> Path | None:
    """The best published weights of this size in torch hub's cache; None where there are none."""
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    files = (folder / url.rsplit("/", 1)[-1] for url in urls(size))
    return next((file for file in files if file.is_file()), None)


def sha256(path: Path) -> str:
    """Of the file. Raises FileNotFoundError if it is not there."""
    if not path.is_file():
        raise FileNotFoundError(
            f"flow raft: expected a file of weights at {path}, got {'a folder' if path.is_dir() else 'no such file'}; "
            "set flow.weights to one, or leave it out to look in torch hub's cache"
        )
    state = path.stat()
    return _hashed(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _hashed(path: Path, size: int, changed: int) -> str:
    """Read once as long as the file stays the same: every unit of a stage asks for it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.lru_cache(maxsize=2)
def network(size: str, path: Path, digest: str, device: str) -> Any:
    """RAFT (torch module, ready to answer) with the weights of the file, whose SHA-256 is `digest`.

    Raises ValueError if the file is damaged or holds the weights of something else.
    """
    raft = _torchvision.load("torchvision.models.optical_flow")
    net = getattr(raft, f"raft_{size}")(weights=None, progress=False)
    found, wanted = _read(path), net.state_dict()
    if {name: one.shape for name, one in found.items()} != {name: one.shape for name, one in wanted.items()}:
        shared = sum(name in found and found[name].shape == one.shape for name, one in wanted.items())
        raise ValueError(
            f"flow raft: expected torchvision's weights of raft_{size} in {path}, got {len(found)} arrays of which "
            f"{shared} of {len(wanted)} fit; set flow.size to the size of these weights, or flow.weights to others"
        )
    net.load_state_dict(found)
    return net.eval().to(device)


def _read(path: Path) -> dict[str, Any]:
    """Arrays of the file by name."""
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle, EOF, ...: whatever a damaged file breaks
        raise ValueError(
            f"flow raft: expected weights that torch can load in {path}, got a damaged file or another format "
            f"({type(error).__name__}); fetch it again"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise ValueError(f"flow raft: expected a state_dict in {path}, got {type(found).__name__}; save one of RAFT's")
    return found
