"""A small diffusion transformer: tells many frames at once, out of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline._threads import threads
from pipeline.models import Spec
from pipeline.models._own import SHIPPED, Own
from pipeline.types import Prompt, UInt8

if TYPE_CHECKING:
    import torch

    from pipeline.models._transformer import Transformer


@dataclass
class Dit(Own):
    """Flow matching in patches of pixels, led by clean first frames: the small relative of the big video models.

    It makes `ahead` frames at a time and goes on from the last of them. The text is not read. To train it set
    training.window = context + ahead.
    """

    form: ClassVar[str] = "quicksand.dit.1"
    shipped: ClassVar[Path | None] = SHIPPED / "dit.safetensors"

    steps: int = 4
    """Steps from noise to clip."""
    ahead: int = 14
    """Frames made at a time, even."""
    side: int = 64
    """Shorter side of the clips that it was trained on [px]; prompts are brought there."""
    noise: float = 0.02
    """Standard deviation of the noise on given frames while learning, 1 = white, for roll-outs give imperfect ones."""
    context: int = 2
    """Frames that it is given, even; for fresh weights, others bring their own."""
    width: int = 120
    """Channels, a multiple of 6 times the heads; for fresh weights."""
    depth: int = 6
    """Blocks; for fresh weights."""
    heads: int = 4
    """Of the attention; for fresh weights."""

    def __post_init__(self) -> None:
        for name in ("steps", "side", "depth", "heads", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"model=dit: {name} must be at least 1, got {getattr(self, name)}")
        for name in ("ahead", "context"):
            if getattr(self, name) < 2 or getattr(self, name) % 2:
                raise ValueError(f"model=dit: {name} must be even and at least 2, got {getattr(self, name)}")
        if self.noise < 0 or self.width < 1 or self.width % (6 * self.heads):
            raise ValueError(
                f"model=dit: expected noise >= 0 and width a multiple of 6 heads, got {self.noise}, {self.width}"
            )

    @property
    def spec(self) -> Spec:
        """Sees the size that it was trained on."""
        return Spec(multiple=8, side=self.side)

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """`ahead` frames, again and again, each time led by the last ones; too few are led by their first, repeated."""
        import numpy as np
        import torch

        from pipeline.models._flow_matching import rolled_out

        frames = torch.from_numpy(np.array(prompt.frames)).to(self.device)
        draw = torch.Generator().manual_seed(seed)
        with threads(self.threads):
            new = rolled_out(self._trained, frames, prompt.num_frames - len(frames), self.ahead, self.steps, draw)
        return np.asarray(new.cpu().numpy(), np.uint8)

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Error of the velocity from noise to the frames beyond `context`; see `Learner.loss` for the batch."""
        from pipeline.models._flow_matching import velocity_error

        frames, context = batch["frames"], self._learning.architecture.context
        if frames.shape[1] <= context or frames.shape[1] % 2:
            raise ValueError(
                f"model=dit: expected windows of an even number of frames above {context}, got {frames.shape[1]}; "
                f"set training.window={context + self.ahead}"
            )
        return velocity_error(self._learning, frames, self.noise, int(batch["seed"]))

    def fresh(self) -> Transformer:
        """As `context`, `width`, `depth` and `heads` say."""
        return self.built({name: getattr(self, name) for name in ("context", "width", "depth", "heads")})

    def built(self, fields: Mapping[str, Any]) -> Transformer:
        """Of such a shape."""
        from pipeline.models._transformer import Shape, Transformer

        return Transformer(Shape(**fields))
