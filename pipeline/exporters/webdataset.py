"""WebDataset: tar shards that are read front to back, a sample being neighbouring files of one name.

https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.exporters import About, Exporter
from pipeline.exporters._describe import LAYERS, annotation, check_layers, layers_file, row
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import content
from pipeline.types import Example

CONTENTS = """## What lies where

`<split>-<shard>.tar` holds, for every clip, `<clip_id>.mp4` (H.264), `.txt` (the first caption), `.json` (all captions,
ids, sizes, camera, instances, the scene in SI units, conventions, provenance) and `.layers.npz` (exact layers of every
frame and the camera). `<split>.jsonl` lists the clips with their shard and the SHA-256 of their video.

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

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder)
        shards: dict[str, _Shards] = {}
        try:
            for example in ledger.each(examples):
                if example.split not in shards:
                    shards[example.split] = _Shards(folder, example.split, self.max_clips, self.max_megabytes * 1e6)
                video = content(example)
                shard = shards[example.split].add(self._sample(example, video))
                ledger.write(example, video_sha256=hashlib.sha256(video).hexdigest(), shard=shard)
        finally:
            for one in shards.values():
                one.close()
        ledger.close(CONTENTS, "{split}-*.tar")

    def _sample(self, example: Example, video: bytes) -> dict[str, bytes]:
        """File name -> bytes of one clip."""
        clip_id = example.clip.clip_id
        facts = {**row(example), **annotation(example)}
        sample = {
            f"{clip_id}.mp4": video,
            f"{clip_id}.txt": example.captions[0].encode(),
            f"{clip_id}.json": json.dumps(facts, ensure_ascii=False).encode(),
        }
        if self.layers:
            sample[f"{clip_id}.layers.npz"] = layers_file(example, self.layers, self.flow_step)
        return sample


class _Shards:
    """The tar files of one split, opened one after the other."""

    def __init__(self, folder: Path, split: str, max_clips: int, max_bytes: float) -> None:
        self.folder, self.split, self.max_clips, self.max_bytes = folder, split, max_clips, max_bytes
        self.number = -1
        self.tar: tarfile.TarFile | None = None
        self.clips = 0

    def add(self, sample: dict[str, bytes]) -> str:
        """Append one clip, in a new shard if it does not fit the open one, and return the shard's name."""
        size = sum(len(content) for content in sample.values())
        full = self.tar is None or self.clips >= self.max_clips or self.tar.offset + size > self.max_bytes
        tar = self._open() if full or self.tar is None else self.tar
        for name, data in sample.items():
            # Owner and time stay at zero: the bytes depend on the clips only.
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
        self.clips += 1
        return self._name

    @property
    def _name(self) -> str:
        return f"{self.split}-{self.number:06d}.tar"

    def _open(self) -> tarfile.TarFile:
        self.close()
        self.number, self.clips = self.number + 1, 0
        self.tar = tarfile.open(self.folder / self._name, "w")  # noqa: SIM115 (closed in close)
        return self.tar

    def close(self) -> None:
        """Finish the open shard."""
        if self.tar is not None:
            self.tar.close()
            self.tar = None
