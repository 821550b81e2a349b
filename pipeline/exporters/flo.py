"""Middlebury's .flo in the folders of MPI Sintel, as torchvision's Sintel reads them, forward and backward.

Baker et al. 2011, https://vision.middlebury.edu/flow/code/flow-code/README.txt; Butler et al. 2012,
http://sintel.is.tue.mpg.de
"""

from __future__ import annotations

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

FOLDERS = {"train": "training", "validation": "validation", "test": "test"}
"""Split -> what Sintel calls it."""
UNKNOWN = np.float32(1e10)
"""Flow that is not known; Middlebury's readers take all above 1e9 for that."""
CONTENTS = """## What lies where

- `training/clean/<clip_id>/frame_0001.png`: the frames.
- `training/flow/<clip_id>/frame_0001.flo`: flow to the next frame, Middlebury's format: `PIEH`, width, height, then (u
  right, v down) [px] as float32, little endian, row by row; 1e10 where it is not known. The last frame has none.
- `training/occlusions/<clip_id>/frame_0001.png`: 255 where the point is hidden or out of view in the next frame.
- `training/flow_backward`, `training/occlusions_backward`: the same to the frame before; the first has none.
- `validation/` and `test/` likewise; `train.jsonl`, `validation.jsonl`, `test.jsonl`: one row a clip with its captions,
  provenance and folder of frames (`frames`).

```python
from torchvision.datasets import Sintel

pairs = Sintel("<a folder in which this one is called Sintel>", pass_name="clean")
```"""


@dataclass
class Flo(Exporter):
    """Writes training/, validation/ and test/ with clean/, flow/, occlusions/ and the same backward."""

    on_request: ClassVar[bool] = True

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """

        def write(example: Example) -> dict[str, Any]:
            split, clip_id = FOLDERS[example.split], example.clip.clip_id
            _write(example, folder / split)
            return {"frames": f"{split}/clean/{clip_id}"}

        export_pictures(about, examples, folder, CONTENTS, write)


def _write(example: Example, folder: Path) -> None:
    clip, (layers, _) = example.clip, annotated(example)
    last = len(clip.frames) - 1
    for t, frame in enumerate(clip.frames):
        one = f"{clip.clip_id}/frame_{t + 1:04d}"
        write_png(folder / "clean" / f"{one}.png", frame)
        if t < last:
            write_flo(folder / "flow" / f"{one}.flo", layers.forward_flow[t], layers.valid[t])
            write_png(folder / "occlusions" / f"{one}.png", layers.forward_occluded[t] * np.uint8(255))
        if t > 0:
            write_flo(folder / "flow_backward" / f"{one}.flo", layers.backward_flow[t], layers.valid[t])
            write_png(folder / "occlusions_backward" / f"{one}.png", layers.backward_occluded[t] * np.uint8(255))


def write_flo(path: Path, flow: Float32, known: Bool) -> None:
    """Write flow (H, W, 2) [px]."""
    height, width = known.shape
    head = b"PIEH" + np.array([width, height], "<i4").tobytes()  # PIEH is the float 202021.25
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + np.where(known[..., None], flow, UNKNOWN).astype("<f4").tobytes())
