"""What the layouts of single pictures have in common: a table for each split, and PNG files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.exporters._card import Census, card
from pipeline.exporters._describe import annotated, check, check_some, row
from pipeline.types import Example


def export_pictures(
    name: str, examples: Iterable[Example], folder: Path, contents: str, write: Callable[[Example], dict[str, Any]]
) -> None:
    """Let `write` put each example's pictures into the folder and say where; <split>.jsonl and README.md list them.

    Raises ValueError if there is no example at all, or one that a trainer could not use.
    """
    census, seen = Census(), set[str]()
    for example in examples:
        check(example, seen)
        annotated(example)
        entry = row(example) | write(example)
        with open(folder / f"{example.split}.jsonl", "a", encoding="utf-8") as table:
            table.write(json.dumps(entry, ensure_ascii=False) + "\n")
        census.count(example)
    check_some(name, seen)
    (folder / "README.md").write_text(card(name, census, "{split}.jsonl", contents), encoding="utf-8")


def write_png(path: Path, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4), of 8 or 16 bits, and the folders that it lies in."""
    import cv2

    if image.ndim == 3:  # OpenCV counts blue, green, red
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    _, coded = cv2.imencode(".png", np.ascontiguousarray(image))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(coded.tobytes())
