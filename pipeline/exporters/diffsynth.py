"""DiffSynth-Studio: metadata_<split>.csv with the columns video and prompt.

modelscope/DiffSynth-Studio, docs/en/Pipeline_Usage/Model_Training.md, 'Preparing Datasets', and
docs/en/API_Reference/core/data.md, 'Metadata': paths are joined to `--dataset_base_path`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import reach
from pipeline.types import Example

COLUMNS = ("video", "prompt")
CONTENTS = """## What lies where

`metadata_<split>.csv`: one row a clip, `video` (relative to this folder; the files lie in `../media`, so move the whole
data set) and `prompt` (the first caption).

```
accelerate launch examples/wanvideo/model_training/train.py --dataset_base_path <this folder> \\
  --dataset_metadata_path <this folder>/metadata_train.csv --data_file_keys video ...
```"""


@dataclass
class Diffsynth(Exporter):
    """Writes metadata_<split>.csv for DiffSynth-Studio's trainers."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder, "metadata_{split}.csv")
        for example in ledger.each(examples):
            path = folder / f"metadata_{example.split}.csv"
            rows = [] if path.exists() else [COLUMNS]
            rows.append((reach(example, folder), example.captions[0]))
            with open(path, "a", encoding="utf-8", newline="") as table:
                csv.writer(table, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        ledger.close(CONTENTS)
