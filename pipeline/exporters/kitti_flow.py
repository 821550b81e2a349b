"""KITTI 2015 optical flow: pairs of frames and 16-bit PNG files of their flow, as torchvision's KittiFlow reads them.

Menze and Geiger 2015, and the readme of its development kit: https://www.cvlibs.net/datasets/kitti/eval_scene_flow.php
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.exporters import About, Exporter
from pipeline.exporters._describe import annotated
from pipeline.exporters._pictures import export_pictures
from pipeline.exporters._png import write_png
from pipeline.types import Bool, Example, Float32

FOLDERS = {"train": "training", "validation": "validation", "test": "testing"}
"""Split -> what KITTI calls it."""
CONTENTS = """## What lies where

- `training/image_2/000000_10.png` and `000000_11.png`: two neighbouring frames, and so on with `000001`.
- `training/flow_occ/000000_10.png`: flow from the first to the second, u = (red - 32768) / 64 px to the right, v =
  (green - 32768) / 64 px down, blue 1 where it is known and below 512 px, else all are 0.
- `training/flow_noc/000000_10.png`: the same where the point is also seen in the second frame.
- `validation/` and `testing/` likewise; `train.jsonl`, `validation.jsonl`, `test.jsonl`: one row a clip with its
  captions and provenance, the number of its first pair (`first_pair`) and how many it has (`pairs`).

```python
from torchvision.datasets import KittiFlow

pairs = KittiFlow("<a folder in which this one is called KittiFlow>")
```"""


@dataclass
class KittiFlow(Exporter):
    """Writes training/, validation/ and testing/ with image_2/, flow_occ/ and flow_noc/, a frame in two pairs."""

    on_request: ClassVar[bool] = True

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        pairs: Counter[str] = Counter()

        def write(example: Example) -> dict[str, Any]:
            first = pairs[example.split]
            pairs[example.split] += len(example.clip.frames) - 1
            _write(example, folder / FOLDERS[example.split], first)
            return {"first_pair": first, "pairs": pairs[example.split] - first}

        export_pictures(about, examples, folder, CONTENTS, write)


def _write(example: Example, folder: Path, first: int) -> None:
    frames, (layers, _) = example.clip.frames, annotated(example)
    for t in range(len(frames) - 1):
        pair = f"{first + t:06d}"
        write_png(folder / "image_2" / f"{pair}_10.png", frames[t])
        write_png(folder / "image_2" / f"{pair}_11.png", frames[t + 1])
        seen = layers.valid[t] & ~layers.forward_occluded[t]
        for kind, known in (("flow_occ", layers.valid[t]), ("flow_noc", seen)):
            write_png(folder / kind / f"{pair}_10.png", _coded(layers.forward_flow[t], known))


def _coded(flow: Float32, known: Bool) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Flow (H, W, 2) [px] as KITTI's 16-bit colours."""
    steps = np.rint(flow * 64.0) + 32768.0
    known = known & (steps >= 0.0).all(axis=-1) & (steps <= 65535.0).all(axis=-1)
    coded = np.concatenate([steps, np.ones_like(steps[..., :1])], axis=-1)
    return np.where(known[..., None], coded, 0.0).astype(np.uint16)
