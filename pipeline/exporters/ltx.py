"""LTX trainer: dataset_<split>.jsonl with the columns video and caption, and the videos beside it.

Lightricks/LTX-2, packages/ltx-trainer/docs/dataset-preparation.md, 'Dataset Format'. The older LTX-Video-Trainer reads
the same file with `--video-column video`. Both name what they compute after the video's path below the file's own
folder, so that a path with `..` would leave the folder of latents: the videos are hard links here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import put
from pipeline.types import Example

CONTENTS = """## What lies where

`dataset_<split>.jsonl`: one line a clip, `video` (relative to this folder) and `caption`; `videos/<clip_id>.mp4`.

```
uv run python scripts/process_dataset.py <this folder>/dataset_train.jsonl --resolution-buckets "64x64x17" \\
  --skip-audio --model-path ... --text-encoder-path ...
```

Widths and heights of a bucket are multiples of 32, its frames 8 n + 1; smaller clips are enlarged."""


@dataclass
class Ltx(Exporter):
    """Writes dataset_<split>.jsonl and videos/ for the LTX trainer."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder, "dataset_{split}.jsonl")
        for example in ledger.each(examples):
            name = f"videos/{example.clip.clip_id}.mp4"
            put(example, folder / name)
            with open(folder / f"dataset_{example.split}.jsonl", "a", encoding="utf-8") as table:
                line = {"caption": example.captions[0], "video": name}
                table.write(json.dumps(line, ensure_ascii=False) + "\n")
        ledger.close(CONTENTS)
