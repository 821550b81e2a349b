"""Recurrent all-pairs field transforms: the learned estimator, where its weights can be had."""

from __future__ import annotations

import functools
import multiprocessing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.flows import Flow
from pipeline.flows.dis import Dis
from pipeline.types import Clip, Float32, FlowField

CELL = 8
"""RAFT matches features of cells of this edge [px]; height and width have to be multiples."""
LEAST = 128
"""Smallest height and width [px]: the features are halved three more times."""


class Size(Enum):
    """Of the network."""

    LARGE = "large"
    """5.3 million weights."""
    SMALL = "small"
    """1.0 million weights: three times faster, coarser at borders of moving things."""


@dataclass
class Raft(Flow):
    """RAFT (Teed and Deng, ECCV 2020) as torchvision has it, in full 32-bit precision.

    Its weights are a file (`weights`), else what torch hub's cache holds; nothing is downloaded. Where there is
    neither, `dis` does the work, one warning says so, and results carry the name of `dis`: they compare with those of
    `dis` and never with those of RAFT. All pairs of cells are compared, so a pair of frames takes memory with the
    square of its pixels: 6 MB of correlations at 256 x 256 px, 1.4 GB at 1024 x 1024.
    """

    size: Size = Size.LARGE
    """LARGE or SMALL."""
    weights: str = ""
    """File of torchvision's weights (a state_dict, .pth); empty: the best that torch hub's cache holds."""
    updates: int = 12
    """How often the flow is refined."""
    batch: int = 4
    """Pairs of frames that are estimated at once; for speed only."""
    threads: int = 1
    """CPU threads; on a busy machine two were 25 times slower than one."""
    device: str = "cpu"
    """cpu or cuda."""

    def __post_init__(self) -> None:
        for name in ("updates", "batch", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"flow raft: {name} must be at least 1, got {getattr(self, name)}")

    @property
    def estimator(self) -> str:
        """Name with settings and the hash of the weights, or the name of `dis` where there are no weights.

        Raises FileNotFoundError if `weights` is set and not there.
        """
        file = self._file()
        return self._name(_digest(file)) if file else _substitute(self.size).estimator

    def estimate(self, clip: Clip) -> FlowField:
        """Forward flow of every pair of neighbouring frames, of any size; small frames are padded with their border.

        Raises FileNotFoundError or ValueError if the weights cannot be used.
        """
        from pipeline.flows import _raft_weights

        file = self._file()
        if file is None:
            return _substitute(self.size).estimate(clip)
        digest = _digest(file)
        net = _raft_weights.network(self.size.value, file, digest, self.device)
        return FlowField(self._forward(net, clip), self._name(digest))

    def _name(self, digest: str) -> str:
        return f"raft(size={self.size.value},updates={self.updates},weights=sha256:{digest[:16]})"

    def _file(self) -> Path | None:
        from pipeline.flows import _raft_weights

        return Path(self.weights).resolve() if self.weights else _raft_weights.hub_file(self.size.value)

    def _forward(self, net: Any, clip: Clip) -> Float32:
        import torch

        length, height, width, _ = clip.frames.shape
        forward = np.zeros((length - 1, height, width, 2), np.float32)
        top, left = (_margins(edge)[0] for edge in (height, width))
        with torch.inference_mode(), _repeatable(self.threads):
            for start in range(0, length - 1, self.batch):
                stop = min(start + self.batch, length - 1)
                frames = torch.from_numpy(_padded(clip.frames[start : stop + 1])).to(self.device)
                pictures = frames.permute(0, 3, 1, 2).float() / 127.5 - 1
                flow = net(pictures[:-1], pictures[1:], num_flow_updates=self.updates)[-1]
                inside = flow[:, :, top : top + height, left : left + width]
                forward[start:stop] = inside.permute(0, 2, 3, 1).cpu().numpy()
        return forward


@functools.cache
def _substitute(size: Size) -> Dis:
    """What does the work where there are no weights. Said once, and by the command itself, not by all its workers."""
    from pipeline.flows import _raft_weights

    if multiprocessing.parent_process() is None:
        url = _raft_weights.urls(size.value)[0]
        warnings.warn(
            f"flow raft: no weights of size {size.value} in torch hub's cache and none given by flow.weights, so dis "
            f"estimates the flow, under its own name. To have RAFT: "
            f"python -c \"import torch; torch.hub.load_state_dict_from_url('{url}')\"",
            stacklevel=2,
        )
    return Dis()


def _digest(file: Path) -> str:
    from pipeline.flows import _raft_weights

    return _raft_weights.sha256(file)


def _margins(edge: int) -> tuple[int, int]:
    """What has to be added before and after an edge [px] to make it long enough and a multiple of CELL."""
    missing = max(-(-edge // CELL) * CELL, LEAST) - edge
    return missing // 2, missing - missing // 2


def _padded(frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Frames (T, H, W, 3) with their border repeated outwards as far as RAFT needs."""
    return np.pad(frames, ((0, 0), _margins(frames.shape[1]), _margins(frames.shape[2]), (0, 0)), mode="edge")


@contextmanager
def _repeatable(threads: int) -> Iterator[None]:
    """Full precision and fixed algorithms on a GPU, and this many threads on the CPU, as long as the block runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)
