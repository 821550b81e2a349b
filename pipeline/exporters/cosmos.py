"""Cosmos-Predict post-training: <split>/videos/*.mp4 and <split>/metas/*.txt of the same names.

nvidia-cosmos/cosmos-predict2, documentations/post-training_video2world.md, 'Preparing Data'; cosmos-predict2.5 reads
the same folders (docs/post-training_cosmos_nemo_assets_lora.md, 'Preprocessing the Data').
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._ledger import Ledger
from pipeline.exporters._media import put
from pipeline.types import Example

CONTENTS = """## What lies where

`<split>/videos/<clip_id>.mp4` and `<split>/metas/<clip_id>.txt`, its first caption. Cosmos-Predict2 also wants the
captions' embeddings, which its own script puts beside them; then the data loader takes a split's folder:

```
python -m scripts.get_t5_embeddings --dataset_path <this folder>/train
L(Dataset)(dataset_dir="<this folder>/train", num_frames=93, video_size=(704, 1280))
```"""


@dataclass
class Cosmos(Exporter):
    """Writes <split>/videos and <split>/metas for Cosmos-Predict's post-training."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """The same examples give the same bytes.

        Raises ValueError if there is no example at all, or one that a trainer could not use.
        """
        ledger = Ledger(about, folder, "{split}/metas/*.txt")
        for example in ledger.each(examples):
            split, clip_id = folder / example.split, example.clip.clip_id
            put(example, split / "videos" / f"{clip_id}.mp4")
            (split / "metas").mkdir(exist_ok=True)
            (split / "metas" / f"{clip_id}.txt").write_text(example.captions[0] + "\n", encoding="utf-8")
        ledger.close(CONTENTS)
