"""Hugging Face VideoFolder with two videos a row: `video`, what a model made, and `reference_video`, the truth.

`datasets` 5 (packaged_modules/folder_based_builder) makes a Video column of every `*_file_name` of metadata.jsonl, and
takes no path that leaves the file's own folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._pairs import export_pairs
from pipeline.types import Example

CONTENTS = """## What lies where

`<split>/metadata.jsonl`: one row for each clip that a model made of an accepted scene's prompt: `video` is the model's
(`<split>/<model>/<clip_id>__s<sample>.mp4`), `reference_video` the truth (`<split>/truth/<clip_id>.mp4`),
`plausibility` what the judge says (0 to 100), `gate` why it is degenerate, if it is; then the truth's captions, ids and
provenance.

**The column `video` holds wrong physics on purpose**: train on `reference_video`, or on the layout `videofolder`.

```python
from datasets import load_dataset

data = load_dataset("videofolder", data_dir="<this folder>")
```"""


@dataclass
class Pairs(Exporter):
    """Writes models' clips beside the truth: train/, validation/ and test/ with videos and rows."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False
    compares: ClassVar[bool] = True

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no pair at all, or an example that a trainer could not use.
        """
        export_pairs(about, examples, folder, CONTENTS, ("reference_video", "video"))
