"""Hugging Face VideoFolder: one folder a split with mp4 files and a metadata.jsonl, the layers beside it.

https://huggingface.co/docs/datasets/video_load#videofolder
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.exporters import About, Exporter
from pipeline.exporters._describe import LAYERS, annotation, check_layers, layers_file
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import put
from pipeline.types import Example

CONTENTS = """## What lies where

- `<split>/<clip_id>.mp4`: H.264 video; `<split>/metadata.jsonl`: one row a video with `text` (the first caption),
  all `captions`, ids, sizes, the video's SHA-256 and provenance.
- `layers/<clip_id>.npz`: exact layers of every frame and the camera (`intrinsics`, `world_to_camera`), read with
  `numpy.load`; `layers/<clip_id>.json`: camera, instances, the scene in SI units and the conventions of the layers.
  The column `layers` of a row names the file, relative to this folder.

All videos are truth, so that there is no `reference_video`: the layout `pairs` sets generated clips beside it.

```python
from datasets import Video, load_dataset

data = load_dataset("videofolder", data_dir="<this folder>")
train = data["train"].cast_column("video", Video(decode=False))
```"""


@dataclass
class Videofolder(Exporter):
    """Writes train/, validation/ and test/ with videos and rows, layers/ with everything exact, and README.md."""

    layers: list[str] = field(default_factory=lambda: list(LAYERS))
    """Names of the layers to write; an empty list leaves the layers out."""
    flow_step: float = 1 / 64
    """Flow is rounded to multiples of this [px]; 0 keeps it exact."""

    def __post_init__(self) -> None:
        check_layers(self.layers, self.flow_step)

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder, "{split}/metadata.jsonl")
        for example in ledger.each(examples):
            name = f"{example.clip.clip_id}.mp4"
            entry = {"file_name": name, "video_sha256": put(example, folder / example.split / name)}
            ledger.write(example, **entry, **self._annotate(example, folder))
        ledger.close(CONTENTS, "{split}/*")

    def _annotate(self, example: Example, folder: Path) -> dict[str, str]:
        """Write the layers; their column, if there are any.

        They lie outside the folders of the splits, so that no loader takes an .npz (a zip archive) for data.
        """
        if not self.layers:
            return {}
        path = folder / "layers" / f"{example.clip.clip_id}.npz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(layers_file(example, self.layers, self.flow_step))
        text = json.dumps(annotation(example), ensure_ascii=False)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        return {"layers": f"layers/{path.name}"}
