"""finetrainers: <split>/prompts.txt and <split>/videos.txt, line by line.

huggingface/finetrainers (a-r-r-o-w/finetrainers before), docs/dataset/README.md, 'Two file format', and
finetrainers/data/dataset.py, VideoFileCaptionFileListDataset: paths are joined to the folder of the two files, in which
there must be no metadata.csv, .json or .jsonl.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import reach
from pipeline.types import Example

CONTENTS = """## What lies where

`<split>/prompts.txt` and `<split>/videos.txt`: line n of one is the first caption of the video in line n of the other,
line breaks in captions become spaces. Paths are relative to the split's folder; the files lie in `../media`, so move
the whole data set. In the file that finetrainers' `--dataset_config` names:

```json
{"datasets": [{"data_root": "<this folder>/train", "dataset_type": "video",
               "video_resolution_buckets": [[17, 64, 64]], "reshape_mode": "bicubic"}]}
```"""


@dataclass
class Finetrainers(Exporter):
    """Writes <split>/prompts.txt and <split>/videos.txt for finetrainers."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder, "{split}/prompts.txt")
        for example in ledger.each(examples):
            split = folder / example.split
            split.mkdir(exist_ok=True)
            # It splits at all that str.splitlines knows, U+2028 included; so does str.split.
            _append(split / "prompts.txt", " ".join(example.captions[0].split()))
            _append(split / "videos.txt", reach(example, split))
        ledger.close(CONTENTS)


def _append(path: Path, line: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")
