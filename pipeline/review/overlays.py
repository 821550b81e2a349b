"""What can be laid over a clip: flow, thinned to a grid of arrows, and the judge's curve."""

from __future__ import annotations

import functools
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pipeline._files import read_json
from pipeline.review.queue import FlowFile
from pipeline.types import Float32

CELLS = 32
"""Arrows along the longer side."""


def thinned(file: FlowFile, cells: int = CELLS) -> Float32:
    """Flow at the centres of a grid's cells [px per frame], shape (T, h, w, 2).

    Read frame by frame: a long, large clip's flow would be more than the whole server may use. Raises OSError or
    ValueError if the file is not what it should be.
    """
    kept = []
    with zipfile.ZipFile(file.path) as archive, archive.open(f"{file.array}.npy") as stream:
        np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)  # type: ignore[no-untyped-call]
        if len(shape) != 4 or fortran:
            raise ValueError(f"{file.path}: expected flow of shape (T, H, W, 2), got {shape}")
        length, *frame = shape
        step = max(1, math.ceil(max(frame[:2]) / cells))
        for _ in range(length):
            flow = np.frombuffer(stream.read(math.prod(frame) * dtype.itemsize), dtype).reshape(frame)
            kept.append(flow[step // 2 :: step, step // 2 :: step] / np.float32(file.steps_per_pixel))
    return np.nan_to_num(np.array(kept, np.float32).reshape(length, *kept[0].shape if kept else (0, 0, 2)))


def packed(file: FlowFile, size: tuple[int, int]) -> bytes:
    """Thinned flow for the page: T, h, w and the cell's edge [px] as int32, then float32, little-endian."""
    flow = thinned(file)
    step = max(1, math.ceil(max(size) / CELLS))
    return np.array([*flow.shape[:3], step], "<i4").tobytes() + flow.astype("<f4").tobytes()


def opinion(path: Path | None) -> dict[str, Any] | None:
    """What the judge says of a clip: plausibility, its parts, and the same per frame (0..100); None if nothing."""
    try:
        return _opinion(path, path.stat().st_mtime_ns) if path else None
    except FileNotFoundError:
        return None


@functools.lru_cache(maxsize=4096)
def _opinion(path: Path, written: int) -> dict[str, Any] | None:
    """Kept in memory until the file is written anew: the page of agreement asks for all of them."""
    judgements = read_json(path)["judgements"]
    wanted = ("plausibility", "parts", "per_frame", "gate")
    return {name: judgements[0][name] for name in wanted} if judgements else None
