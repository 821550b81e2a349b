"""Parquet with the videos inside, as the Hugging Face hub keeps data sets: sharded by size, and typed for `datasets`.

https://huggingface.co/docs/hub/datasets-video, https://huggingface.co/docs/datasets/package_reference/main_classes
(Features): the schema's metadata say which column is a Video.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._describe import row
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import content
from pipeline.types import Example

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 16_000_000
"""A group of rows is written when its videos are this large [bytes]: readers and writers hold one at a time."""
NAMES = {str: "string", int: "int64", float: "double", bool: "bool"}
"""Python's types as Arrow spells them."""
CONTENTS = """## What lies where

`<split>-<shard>.parquet`: one row a clip, `video` (the bytes of an H.264 file and its name), `text` (the first
caption), all `captions`, ids, sizes, the video's SHA-256 and provenance. Exact layers are in the layouts `videofolder`
and `webdataset`.

```python
from datasets import Video, load_dataset

train = load_dataset("<this folder>", split="train").cast_column("video", Video(decode=False))
```"""


@dataclass
class Parquet(Exporter):
    """Writes Parquet shards by split, the videos inside."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False

    max_megabytes: float = 500.0
    """A shard is closed when its videos exceed this [10^6 bytes]; one clip always fits."""

    def __post_init__(self) -> None:
        if not self.max_megabytes > 0:
            raise ValueError(f"parquet: max_megabytes must be positive, got {self.max_megabytes}")

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """A few examples in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder, "{split}-*.parquet")
        shards: dict[str, _Shards] = {}
        try:
            for example in ledger.each(examples):
                video = content(example)
                facts = row(example) | {"video_sha256": hashlib.sha256(video).hexdigest()}
                ledger.first = ledger.first or facts
                if example.split not in shards:
                    shards[example.split] = _Shards(folder, example.split, facts, self.max_megabytes * 1e6)
                shards[example.split].add(video, facts)
        finally:
            for one in shards.values():
                one.close()
        ledger.close(CONTENTS)


class _Shards:
    """The Parquet files of one split, opened one after the other."""

    def __init__(self, folder: Path, split: str, first: Mapping[str, Any], max_bytes: float) -> None:
        self.folder, self.split, self.max_bytes = folder, split, max_bytes
        self.schema = _schema(first)
        self.number = -1
        self.writer: pq.ParquetWriter | None = None
        self.rows: list[dict[str, Any]] = []
        self.waiting = self.written = 0

    def add(self, video: bytes, facts: Mapping[str, Any]) -> None:
        """Append one clip, in a new shard if it does not fit the open one."""
        if self.written + self.waiting and self.written + self.waiting + len(video) > self.max_bytes:
            self.close()
        self.rows.append({"video": {"bytes": video, "path": f"{facts['clip_id']}.mp4"}, **facts})
        self.waiting += len(video)
        if self.waiting >= BATCH:
            self._flush()

    def _flush(self) -> None:
        """Write the waiting rows as one group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self.rows:
            return
        if self.writer is None:
            self.number += 1
            path = self.folder / f"{self.split}-{self.number:05d}.parquet"
            self.writer = pq.ParquetWriter(path, self.schema, compression="snappy")
        self.writer.write_table(pa.Table.from_pylist(self.rows, self.schema))
        self.rows, self.written, self.waiting = [], self.written + self.waiting, 0

    def close(self) -> None:
        """Finish the open shard."""
        self._flush()
        if self.writer is not None:
            self.writer.close()
        self.writer, self.written = None, 0


def _schema(first: Mapping[str, Any]) -> pa.Schema:
    """Columns and their types, for Arrow and, in the metadata, for `datasets` (4 and later)."""
    import pyarrow as pa

    columns = {
        name: pa.list_(pa.string()) if isinstance(value, list) else pa.type_for_alias(NAMES[type(value)])
        for name, value in first.items()
    }
    video = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    features = {"video": {"_type": "Video"}, **{name: _feature(value) for name, value in first.items()}}
    told = json.dumps({"info": {"features": features}})
    return pa.schema({"video": video, **columns}, metadata={"huggingface": told})


def _feature(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"feature": _feature(""), "_type": "List"}
    return {"dtype": NAMES[type(value)].replace("double", "float64"), "_type": "Value"}
