"""A small learned video model: tells the next frame, again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline._threads import threads
from pipeline.models._continuing import Continuing
from pipeline.types import Prompt, UInt8

if TYPE_CHECKING:
    import torch

    from pipeline.models._network import NextFrameNetwork

SHIPPED = Path(__file__).parents[2] / "assets" / "models" / "next_frame.safetensors"
FORMAT = "quicksand.next_frame.1"
"""What files of its weights are marked with."""


@dataclass
class NextFrame(Continuing):
    """An autoregressive next-frame network that learned from this project's own clips and their exact flow.

    It sees the last frames and the clip's first one; the text is not read. What is random: faint noise on the frames
    that the network sees (as in training), and so, little by little, how things go on. Samples of one prompt
    therefore differ in small ways only; this is no model of everything that could happen.
    """

    weights: str = ""
    """Weights file (safetensors); empty: the shipped ones to generate, fresh ones to train."""
    noise: float = 0.02
    """Standard deviation of the noise on the frames that the network sees, 1 = white; in training and in use."""
    truth: float = 0.5
    """Probability that a training roll-out goes on from the true frame and not from the one that was told."""
    context: int = 4
    """Frames that the network sees, >= 2; for fresh weights, others bring their own."""
    widths: list[int] = field(default_factory=lambda: [32, 64, 96, 128])
    """Channels at 1/2, 1/4, 1/8, ... of the resolution; for fresh weights."""
    blocks: int = 1
    """Residual blocks per level, down and up; for fresh weights."""
    reach: int = 5
    """How far things move from one frame to the next, at most [cells of 4 px]; for fresh weights."""
    threads: int = 1
    """CPU threads while generating; more are slower on a busy machine."""
    device: str = "cpu"
    """cpu or cuda."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("noise", self.noise, 0),
            ("truth", self.truth, 0),
            ("context", self.context, 2),
            ("blocks", self.blocks, 1),
            ("reach", self.reach, 1),
            ("threads", self.threads, 1),
            ("widths", min(self.widths, default=0), 8),
        ):
            if value < least:
                raise ValueError(f"model=next_frame: {name} must be at least {least}, got {getattr(self, name)}")
        if len(self.widths) < 2 or any(width % 8 for width in self.widths):
            raise ValueError(f"model=next_frame: widths must be two or more multiples of 8, got {self.widths}")

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """Frame after frame, each from those before; sizes off the network's stride are padded."""
        import numpy as np
        import torch

        from pipeline.models._rolling import continued

        network = self._trained.to(self.device)
        frames = torch.from_numpy(np.array(prompt.frames)).to(self.device)
        with threads(self.threads):
            draw = torch.Generator().manual_seed(seed)
            new = continued(network, frames, prompt.num_frames - len(frames), self.noise, draw)
        return np.asarray(new.cpu().numpy(), np.uint8)

    def fingerprint(self) -> str:
        """SHA-256 of the weights file."""
        return hashlib.sha256(self._file().read_bytes()).hexdigest()

    def network(self) -> torch.nn.Module:
        """The network to train: fresh (drawn from torch's global generator) or, with `weights`, fine-tuned."""
        return self._learning

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Error of a roll-out over the window's frames beyond `context`; see `Learner.loss` for the batch."""
        from pipeline.models._learning import roll_out_loss
        from pipeline.models._rolling import as_values

        frames = batch["frames"]
        context = self._learning.architecture.context
        if frames.shape[1] <= context:
            raise ValueError(
                f"model=next_frame: windows of {frames.shape[1]} frames leave nothing to tell after {context} of "
                f"context; set training.window above {context}"
            )
        if "flow" not in batch:
            raise ValueError(
                "model=next_frame: it learns motion from exact flow, and some clips come without layers: run "
                "stage=export with the layer backward_flow"
            )
        flow = batch["flow"].movedim(-1, -3).float()
        values, first = as_values(frames), as_values(batch["first"])
        return roll_out_loss(self._learning, values, flow, first, self.noise, self.truth, int(batch["seed"]))

    def save(self, path: str) -> None:
        """Write the trained weights and their architecture as one safetensors file."""
        from pipeline.models._weights import write

        write(self._learning, self._learning.architecture, FORMAT, Path(path))

    def taught(self, path: str) -> NextFrame:
        """The model with these weights."""
        return replace(self, weights=path)

    @cached_property
    def _learning(self) -> NextFrameNetwork:
        from pipeline.models._network import Architecture, NextFrameNetwork

        if self.weights:
            return self._read().train().to(self.device)
        return NextFrameNetwork(Architecture(self.context, tuple(self.widths), self.blocks, self.reach)).to(self.device)

    @cached_property
    def _trained(self) -> NextFrameNetwork:
        return self._read().eval()

    def _read(self) -> NextFrameNetwork:
        from pipeline.models._network import Architecture, NextFrameNetwork
        from pipeline.models._weights import read

        fields, tensors = read(self._file(), FORMAT)
        network = NextFrameNetwork(Architecture(**{**fields, "widths": tuple(fields["widths"])}))
        network.load_state_dict(tensors)
        return network

    def _file(self) -> Path:
        file = Path(self.weights) if self.weights else SHIPPED
        if not file.is_file():
            raise FileNotFoundError(
                f"model=next_frame: expected weights in {file}, there is no such file; set model.weights to a file, "
                "or make one with `python -m pipeline stage=train`"
            )
        return file
