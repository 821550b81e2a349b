"""The baseline that says: nothing happens any more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.models import Spec
from pipeline.models._continuing import Continuing
from pipeline.types import Prompt, UInt8


@dataclass
class CopyLast(Continuing):
    """Repeats the last frame of the prompt."""

    @property
    def spec(self) -> Spec:
        """Needs one frame; nothing is random."""
        return Spec(stochastic=False)

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """The last frame until the end."""
        return np.repeat(prompt.frames[-1:], prompt.num_frames - len(prompt.frames), axis=0)
