"""The README's picture: truth above, a model's answer below, of some clips of a run.

PYTHONPATH=. python assets/picture.py outputs/first drop-sand-00000 drop-water-00001 drop-none-00002
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from pipeline import store

MODEL, SHOWN, GAP = "next_frame", 8, 6
"""Whose answer, how many frames of each clip, and the white between two clips [px]."""


def strip(folder: Path) -> np.ndarray:
    """Evenly spaced frames of a clip side by side, the first one included."""
    frames = store.load_clip(folder, layers=False).frames
    return np.concatenate(list(frames[np.linspace(0, len(frames) - 1, SHOWN).astype(int)]), axis=1)


def main(run: str, *names: str) -> None:
    """Write assets/readme.png."""
    rows: list[np.ndarray] = []
    for name in names:
        rows += [strip(Path(run, "clips", name)), strip(Path(run, "generated", MODEL, f"{name}__s0"))]
        rows.append(np.full((GAP, *rows[-1].shape[1:]), 255, np.uint8))
    picture = cv2.cvtColor(np.concatenate(rows[:-1]), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(Path(__file__).with_name("readme.png")), picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
