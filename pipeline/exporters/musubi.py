"""musubi-tuner: a dataset configuration <split>.toml, and the JSON lines that it names.

kohya-ss/musubi-tuner, docs/dataset_config.md, 'Sample for Video Dataset with Metadata JSONL File' and
'frame_extraction Options'. Relative paths hold from the working directory, and those in the JSON lines also from their
own folder (pull request 1023): started in this folder, every version finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import reach
from pipeline.types import Example

CONTENTS = """## What lies where

`<split>.toml`: the dataset configuration, a `[[datasets]]` for each frame rate; `<split>-<rate>fps.jsonl`: one line a
clip, `video_path` (relative to this folder; the files lie in `../media`, so move the whole data set) and `caption`.
Latents are cached in `cache/`. Start it in this folder:

```
cd <this folder> && python <musubi-tuner>/src/musubi_tuner/wan_cache_latents.py --dataset_config train.toml --vae ...
```"""


@dataclass(frozen=True)
class _Group:
    """What the clips of one split and frame rate have in common."""

    split: str
    fps: float
    size: tuple[int, int] = (0, 0)
    """Largest width and height [px]."""
    frames: int = 0
    """Most frames."""

    @property
    def name(self) -> str:
        return f"{self.split}-{self.fps:g}fps"

    def toml(self) -> str:
        """Its [[datasets]]. The whole clip is used; the trainer takes 4 n + 1 frames of it, at its model's rate."""
        return f"""
[[datasets]]
video_jsonl_file = "{self.name}.jsonl"
cache_directory = "cache/{self.name}"
resolution = [{self.size[0]}, {self.size[1]}]
frame_extraction = "full"
max_frames = {(self.frames - 1) // 4 * 4 + 1}
source_fps = {float(self.fps)!r}
"""


@dataclass
class Musubi(Exporter):
    """Writes <split>.toml and its JSON lines for musubi-tuner."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        groups: dict[str, _Group] = {}
        ledger = Ledger(about, folder, "{split}-*.jsonl")
        for example in ledger.each(examples):
            group = _Group(example.split, example.clip.fps)
            groups[group.name] = _larger(groups.get(group.name, group), example)
            line = {"video_path": reach(example, folder), "caption": example.captions[0]}
            with open(folder / f"{group.name}.jsonl", "a", encoding="utf-8") as table:
                table.write(json.dumps(line, ensure_ascii=False) + "\n")
        for split in ledger.census.splits:
            mine = [group.toml() for _, group in sorted(groups.items()) if group.split == split]
            head = "[general]\nbatch_size = 1\nenable_bucket = true\nbucket_no_upscale = true\n"
            (folder / f"{split}.toml").write_text(head + "".join(mine), encoding="utf-8")
        ledger.close(CONTENTS)


def _larger(group: _Group, example: Example) -> _Group:
    frames, height, width = example.clip.frames.shape[:3]
    size = (max(group.size[0], width), max(group.size[1], height))
    return _Group(group.split, group.fps, size, max(group.frames, frames))
