"""Models: Prompt -> Clip. Some can learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pipeline.shelf import name
from pipeline.types import Clip, Prompt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Spec:
    """What a model can be asked for. Prompts are brought to it, answers back to what was asked (`_continuing.py`)."""

    shown: int = 0
    """Most first frames that it takes, the last ones of those given; 0: all of them."""
    frames: tuple[int, int] = (1, 0)
    """(step, rest): clips have step * n + rest frames, e.g. (4, 1); so have the frames that it is shown, n >= 0."""
    longest: int = 0
    """Most frames of a clip, those shown included; 0: any number. Of a longer one the end stands still."""
    multiple: int = 1
    """Height and width are multiples of this [px]."""
    side: int = 0
    """The shorter side is about this long [px], in the prompt's proportions; 0: as long as the prompt's."""
    size: tuple[int, int] | None = None
    """The only (height, width) that it knows [px]; None: any."""
    fps: float = 0.0
    """The rate that it was trained at [1/s]; 0: any."""
    stochastic: bool = True
    """Another seed may give another answer; if not, one sample of a prompt is all there is."""


@dataclass
class Model(ABC):
    """Tells what happens next."""

    made_elsewhere: ClassVar[bool] = False
    """Its answers lie ready as files: stage=score reads them itself, without stage=generate."""

    @property
    def called(self) -> str:
        """The model's name in results: that of its file, where it has no other."""
        return name(self)

    @property
    def spec(self) -> Spec:
        """What it can be asked for."""
        return Spec()

    @abstractmethod
    def generate(self, prompt: Prompt, seed: int, sample: int = 0) -> Clip:
        """A clip of prompt.num_frames frames at the prompt's fps and size whose first frames are the prompt's.

        `seed` alone decides all that is random; `sample` is the number that goes into `Clip.sample` and, for clips
        made elsewhere, picks the file (those keep their own first frames). `Clip.source` is `called`,
        `Clip.notes` says what was resampled on the way. Deterministic for a given seed on CPU.
        """

    def fingerprint(self) -> str:
        """What the model's answers depend on besides its settings, e.g. the SHA-256 of its weights; '' if nothing."""
        return ""


@runtime_checkable
class Learner(Protocol):
    """What training.py needs from a model that learns."""

    def network(self) -> torch.nn.Module:
        """The module whose parameters are trained."""

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Scalar loss of one batch; a function of the weights and the batch alone.

        `frames`: windows of clips, uint8 (B, T, H, W, 3); `first`: the first frame of each window's clip, cropped and
        coloured like the window, uint8 (B, H, W, 3); `text`: a caption of each, list of B; `flow`, where it is known:
        the motion of what is seen back to the frame before [px], float (B, T, H, W, 2) = (u right, v down), zero in a
        clip's first frame; `seed`: int64 scalar for whatever the loss draws.
        """

    def save(self, path: str) -> None:
        """Write the weights as one safetensors file."""

    def taught(self, path: str) -> Model:
        """The model with the weights that were saved as this file."""
