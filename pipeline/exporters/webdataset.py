"""WebDataset: tar shards that are read front to back, a sample being neighbouring files of one name.

https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.exporters import Exporter
from pipeline.exporters._card import Census, card
from pipeline.exporters._describe import LAYERS, annotation, check, check_layers, check_some, layers_file, row
from pipeline.types import Example

CONTENTS = """## What lies where

`<split>-<shard>.tar` holds, for every clip, `<clip_id>.mp4` (H.264), `.txt` (the first caption), `.json` (all captions,
ids, sizes, camera, instances, the scene in SI units, conventions, provenance) and `.layers.npz` (exact layers of every
frame and the camera).

```python
import webdataset

samples = webdataset.WebDataset("train-000000.tar", shardshuffle=False).decode()
for sample in samples:
    sample["mp4"], sample["txt"], sample["json"], sample["layers.npz"]["depth"]
```"""


@dataclass
class Webdataset(Exporter):
    """Writes tar shards by split, and README.md."""

    max_clips: int = 1000
    """Most clips in a shard."""
    max_megabytes: float = 1000.0
    """A shard is closed when the next clip would make it larger than this [10^6 bytes]; one clip always fits."""
    layers: list[str] = field(default_factory=lambda: list(LAYERS))
    """Names of the layers to write; an empty list leaves the layers out."""
    flow_step: float = 1 / 64
    """Flow is rounded to multiples of this [px]; 0 keeps it exact."""

    def __post_init__(self) -> None:
        check_layers(self.layers, self.flow_step)
        if self.max_clips < 1 or not self.max_megabytes > 0:
            raise ValueError(
                "webdataset: max_clips must be at least 1 and max_megabytes positive, "
                f"got {self.max_clips} and {self.max_megabytes}"
            )

    def export(self, name: str, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        census = Census()
        seen: set[str] = set()
        shards: dict[str, _Shards] = {}
        try:
            for example in examples:
                check(example, seen)
                if example.split not in shards:
                    shards[example.split] = _Shards(folder, example.split, self.max_clips, self.max_megabytes * 1e6)
                shards[example.split].add(self._sample(example))
                census.count(example)
        finally:
            for one in shards.values():
                one.close()
        check_some(name, seen)
        (folder / "README.md").write_text(card(name, census, "{split}-*.tar", CONTENTS), encoding="utf-8")

    def _sample(self, example: Example) -> dict[str, bytes]:
        """File name -> bytes of one clip."""
        clip_id = example.clip.clip_id
        facts = {**row(example), **annotation(example)}
        sample = {
            f"{clip_id}.mp4": _mp4(example),
            f"{clip_id}.txt": example.captions[0].encode(),
            f"{clip_id}.json": json.dumps(facts, ensure_ascii=False).encode(),
        }
        if self.layers:
            sample[f"{clip_id}.layers.npz"] = layers_file(example, self.layers, self.flow_step)
        return sample


def _mp4(example: Example) -> bytes:
    from pipeline.video import write_preview

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_preview(path, example.clip.frames, example.clip.fps)
        return path.read_bytes()


class _Shards:
    """The tar files of one split, opened one after the other."""

    def __init__(self, folder: Path, split: str, max_clips: int, max_bytes: float) -> None:
        self.folder, self.split, self.max_clips, self.max_bytes = folder, split, max_clips, max_bytes
        self.number = -1
        self.tar: tarfile.TarFile | None = None
        self.clips = 0

    def add(self, sample: dict[str, bytes]) -> None:
        """Append one clip, in a new shard if it does not fit the open one."""
        size = sum(len(content) for content in sample.values())
        full = self.tar is None or self.clips >= self.max_clips or self.tar.offset + size > self.max_bytes
        tar = self._open() if full or self.tar is None else self.tar
        for name, content in sample.items():
            # Owner and time stay at zero: the bytes depend on the clips only.
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
        self.clips += 1

    def _open(self) -> tarfile.TarFile:
        self.close()
        self.number, self.clips = self.number + 1, 0
        path = self.folder / f"{self.split}-{self.number:06d}.tar"
        self.tar = tarfile.open(path, "w")  # noqa: SIM115 (closed in close)
        return self.tar

    def close(self) -> None:
        """Finish the open shard."""
        if self.tar is not None:
            self.tar.close()
            self.tar = None
