"""Hugging Face VideoFolder: one folder a split with mp4 files and a metadata.jsonl, the layers beside it.

https://huggingface.co/docs/datasets/video_load#videofolder
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.exporters import Exporter
from pipeline.exporters._card import Census, card
from pipeline.exporters._describe import LAYERS, annotation, check, check_layers, check_some, layers_file, row
from pipeline.types import Example

CONTENTS = """## What lies where

- `<split>/<clip_id>.mp4`: H.264 video; `<split>/metadata.jsonl`: one row a video with `text` (the first caption),
  all `captions`, ids, sizes and provenance.
- `layers/<clip_id>.npz`: exact layers of every frame and the camera (`intrinsics`, `world_to_camera`), read with
  `numpy.load`; `layers/<clip_id>.json`: camera, instances, the scene in SI units and the conventions of the layers.
  The column `layers` of a row names the file, relative to this folder.

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

    def export(self, name: str, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        census = Census()
        seen: set[str] = set()
        columns: list[str] = []
        for example in examples:
            check(example, seen)
            columns = columns or sorted(row(example))
            _check_columns(example, columns)
            self._write(example, folder)
            census.count(example)
        check_some(name, seen)
        (folder / "README.md").write_text(card(name, census, "{split}/*", CONTENTS), encoding="utf-8")

    def _write(self, example: Example, folder: Path) -> None:
        from pipeline.video import write_preview

        clip_id, facts = example.clip.clip_id, row(example)
        split = folder / example.split
        split.mkdir(exist_ok=True)
        write_preview(split / f"{clip_id}.mp4", example.clip.frames, example.clip.fps)
        entry = {"file_name": f"{clip_id}.mp4", **facts}
        if self.layers:
            # Outside the folders of the splits, so that no loader takes an .npz (a zip archive) for data.
            beside = folder / "layers"
            beside.mkdir(exist_ok=True)
            (beside / f"{clip_id}.npz").write_bytes(layers_file(example, self.layers, self.flow_step))
            text = json.dumps(annotation(example), ensure_ascii=False)
            (beside / f"{clip_id}.json").write_text(text + "\n", encoding="utf-8")
            entry["layers"] = f"layers/{clip_id}.npz"
        with open(split / "metadata.jsonl", "a", encoding="utf-8") as table:
            table.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _check_columns(example: Example, columns: list[str]) -> None:
    """`datasets` refuses a data set whose splits differ in their columns, so say it here, where it can be mended."""
    got = sorted(row(example))
    if got != columns:
        differing = ", ".join(sorted(set(got) ^ set(columns)))
        raise ValueError(
            f"Example {example.clip.clip_id}: all examples need the same provenance entries, differs in {differing}"
        )
