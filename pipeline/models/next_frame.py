"""A small learned video model: tells the next frame, again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline._threads import threads
from pipeline.models import Spec
from pipeline.models._own import SHIPPED, Own
from pipeline.types import Prompt, UInt8

if TYPE_CHECKING:
    import torch

    from pipeline.models._network import NextFrameNetwork
    from pipeline.models._rolling import Start


@dataclass
class NextFrame(Own):
    """A next-frame network that cuts the moving body out and carries it along, before a canvas that it retouches.

    It learned from this project's own clips with their exact flow and masks, of one body that falls: everything that
    moves at first is one body to it. It sees the last two frames and the clip's first one; the text is not read. What
    is random: how the body moves, as widely as the network says it cannot know, one draw for the whole clip.
    """

    form: ClassVar[str] = "quicksand.next_frame.3"
    shipped: ClassVar[Path | None] = SHIPPED / "next_frame.safetensors"

    spread: float = 0.3
    """How much of the unknown motion is drawn: 1 as widely as was learned, 0 always its middle. On 24 scenes kept
    apart, 0 was nearer to the truth than 1 in every error; a little is left so that samples differ."""
    side: int = 64
    """Shorter side of the pictures that the network sees [px], that of the clips which it learns from; larger ones are
    moved and painted in full."""
    truth: float = 0.5
    """Mean probability that a training roll-out goes on from what truly was and not from what was told, 0..1."""
    widths: list[int] = field(default_factory=lambda: [32, 64, 96])
    """Channels at 1/2, 1/4, 1/8, ... of the resolution; for fresh weights."""
    blocks: int = 1
    """Residual blocks per level, down and up; for fresh weights."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("spread", self.spread, 0),
            ("truth", self.truth, 0),
            ("side", self.side, 16),
            ("blocks", self.blocks, 1),
            ("threads", self.threads, 1),
            ("widths", min(self.widths, default=0), 8),
        ):
            if value < least:
                raise ValueError(f"model=next_frame: {name} must be at least {least}, got {getattr(self, name)}")
        if len(self.widths) < 2 or any(width % 8 for width in self.widths):
            raise ValueError(f"model=next_frame: widths must be two or more multiples of 8, got {self.widths}")

    @property
    def spec(self) -> Spec:
        """Answers differ as far as the unknown motion is drawn."""
        return Spec(stochastic=self.spread > 0)

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """Frame after frame, each from those before."""
        import numpy as np
        import torch

        from pipeline.models._rolling import continued

        count = prompt.num_frames - len(prompt.frames)
        if not count:
            return prompt.frames[:0]
        with threads(self.threads):
            draw = torch.Generator().manual_seed(seed)
            unknown = self.spread * torch.randn((1, 4), generator=draw).to(self.device)
            new = continued(self._trained, self._started(prompt.frames), count, unknown)
        return np.asarray(new.cpu().numpy(), np.uint8)

    def _started(self, frames: UInt8) -> Start:
        """The clip's opening, kept: the next sample of a prompt opens it just so, and that is a third of its work."""
        import numpy as np
        import torch

        from pipeline.models._rolling import started

        shown = (frames.shape, frames.tobytes())
        if shown not in self._start:
            self._start.clear()
            self._start[shown] = started(self._trained, torch.from_numpy(np.array(frames)).to(self.device), self.side)
        return self._start[shown]

    @cached_property
    def _start(self) -> dict[tuple[tuple[int, ...], bytes], Start]:
        """Of the prompt that was continued last."""
        return {}

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Error of a roll-out over the window's frames beyond the first two; see `Learner.loss` for the batch."""
        from pipeline.models._learning import roll_out_loss
        from pipeline.models._rolling import as_values

        frames = batch["frames"]
        if frames.shape[1] < 3:
            raise ValueError(
                f"model=next_frame: windows of {frames.shape[1]} frames leave nothing to tell after 2; set "
                "training.window above 2"
            )
        if "flow" not in batch or "bodies" not in batch:
            raise ValueError(
                "model=next_frame: it learns motion from exact flow and masks, and some clips come without layers: run "
                "stage=export with the layers backward_flow, material and segmentation"
            )
        layers = batch["flow"].movedim(-1, -3).float(), batch["bodies"].unsqueeze(2).float()
        values, first = as_values(frames), as_values(batch["first"])
        return roll_out_loss(self._learning, values, *layers, first, self.truth, int(batch["seed"]))

    def fresh(self) -> NextFrameNetwork:
        """As `widths` and `blocks` say."""
        return self.built({"widths": self.widths, "blocks": self.blocks})

    def built(self, fields: Mapping[str, Any]) -> NextFrameNetwork:
        """Of such widths and blocks."""
        from pipeline.models._network import Architecture, NextFrameNetwork

        return NextFrameNetwork(Architecture(tuple(fields["widths"]), fields["blocks"]))
