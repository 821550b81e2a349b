"""Preference pairs for DPO-style training: the truth is `chosen`, what a model made of the same prompt `rejected`.

Columns as in TRL's preference format with an explicit prompt (https://huggingface.co/docs/trl/dataset_formats#preference),
in a Hugging Face VideoFolder with two Video columns; Wallace et al. 2024, arXiv 2311.12908, for the loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pipeline.exporters import About, Exporter
from pipeline.exporters._pairs import export_pairs
from pipeline.types import Example, Judgement

TRUTH = 100.0
"""Plausibility of the truth: that of a clip as close to it as its own re-draws are."""
CONTENTS = """## What lies where

`<split>/metadata.jsonl`: one row a pair. `prompt` (text) and the first `prompt_frames` frames of the truth are what the
model was given; `chosen` is the truth (`<split>/truth/<clip_id>.mp4`), `rejected` the model's clip
(`<split>/<model>/<clip_id>__s<sample>.mp4`), of the same size, rate and length; `plausibility` is the judge's word
about it (0 to 100), `gate` says why it is degenerate, if it is.

```python
from datasets import load_dataset

data = load_dataset("videofolder", data_dir="<this folder>")
```"""


@dataclass
class Preferences(Exporter):
    """Writes pairs of truth and worse: train/, validation/ and test/ with videos and rows."""

    on_request: ClassVar[bool] = True
    annotated: ClassVar[bool] = False
    compares: ClassVar[bool] = True

    margin: float = 10.0
    """The judge must find the model's clip at least so much less plausible than the truth [points of 100]."""
    models: list[str] = field(default_factory=list)
    """Whose clips are rejected: names of models; empty: of all that the run has."""

    def __post_init__(self) -> None:
        if not 0.0 < self.margin <= TRUTH:
            raise ValueError(f"preferences: margin must be above 0 and at most {TRUTH:g}, got {self.margin}")

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no pair at all, or an example that a trainer could not use.
        """
        export_pairs(about, examples, folder, CONTENTS, ("chosen", "rejected"), self._refuse)

    def _refuse(self, judgement: Judgement) -> str:
        if self.models and judgement.model not in self.models:
            return f"of other models than {', '.join(self.models)}"
        if TRUTH - judgement.plausibility < self.margin:
            return f"less than {self.margin:g} points worse than the truth"
        return ""
