"""The baseline that says: nothing happens any more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.models import Model
from pipeline.models._answer import answer, checked
from pipeline.types import Clip, Prompt


@dataclass
class CopyLast(Model):
    """Repeats the last frame of the prompt."""

    def generate(self, prompt: Prompt, seed: int, sample: int = 0) -> Clip:
        """The prompt, then its last frame until the end; nothing is random."""
        checked(prompt, "copy_last")
        missing = prompt.num_frames - len(prompt.frames)
        return answer(prompt, "copy_last", sample, np.repeat(prompt.frames[-1:], missing, axis=0))
