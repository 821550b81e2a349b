"""Training: clips -> weights. Knows nothing of a model but `network()`, `loss(batch)` and `save(path)`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline._threads import threads
from pipeline.training._bodies import moving_bodies
from pipeline.training._hands import PRECISIONS, helps
from pipeline.training._state import CHECKPOINT, LOG, SCHEDULES, WEIGHTS, State
from pipeline.training._trackers import BOARDS, Track, tracker
from pipeline.training._windows import Footage, Windows

if TYPE_CHECKING:
    import torch

__all__ = [
    "CHECKPOINT",
    "LOG",
    "WEIGHTS",
    "Footage",
    "Record",
    "Track",
    "Trainable",
    "Training",
    "Windows",
    "helps",
    "moving_bodies",
    "tracker",
    "weights_at",
]


class Trainable(Protocol):
    """`pipeline.models.Learner`, seen from a room that has no door to the models."""

    def network(self) -> torch.nn.Module:
        """The module whose parameters are trained, those that require a gradient."""

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Scalar loss; a function of the weights and the batch alone."""

    def save(self, path: str) -> None:
        """Write the weights as one file."""


@dataclass(frozen=True)
class Record:
    """How a training stood after a step."""

    step: int
    """Steps done."""
    progress: float
    """Share of the training that is done, 0..1."""
    loss: float
    """Mean training loss since the record before."""
    held_out: float | None
    """Loss of the averaged weights on clips that are not trained on; None without such clips."""
    learning_rate: float
    seconds: float
    """Wall-clock time spent training, interruptions left out [s]."""


@dataclass
class Training:
    """AdamW (Loshchilov & Hutter 2019), warm-up and decay, an exponential average of the weights."""

    steps: int = 2000
    minutes: float = 0.0
    """Ends the training early, with the learning rate decayed by then [min]; 0: no limit. With a limit, what comes
    out depends on the machine's speed and no longer on the seed alone."""
    batch: int = 8
    """Windows per step, per process."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    window: int = 7
    """Frames per window, the model's context included."""
    opening: float = 0.3
    """Share of windows that begin with their clip, as every prompt does; the others follow what moves."""
    crop: int = 96
    """Side of the square that is cut out of the clips [px]; a multiple of 16."""
    curriculum: float = 0.0
    """Share of the training over which the clips come in one after another, by curation's `position`; 0: all are there
    from the start."""
    rehearsal: str = ""
    """Folder of another run (outputs/NAME) whose training set is shown again, lest it be forgotten; empty: none."""
    rehearsal_share: float = 0.3
    """Share of the windows that come from it, < 1."""
    augment: bool = True
    """Windows are zoomed, mirrored and recoloured; captions do not know of it."""
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    """How the learning rate decays: cosine, linear or constant."""
    warmup: int = 50
    """Steps until the learning rate is reached."""
    weight_decay: float = 0.01
    clip_norm: float = 0.1
    """Longest gradient that is followed in full."""
    average: float = 0.998
    """Share of the averaged weights that one step keeps; the averaged ones are saved."""
    precision: str = "no"
    """Mixed precision: no, bf16 or fp16; through accelerate (extra hub)."""
    record_every: int = 25
    """Steps between records; each is logged and leaves a checkpoint."""
    held_out_batches: int = 4
    judge_every: int = 0
    """Steps between validations by the judge, on scenes that are not trained on; 0: never."""
    judged: str = ""
    """Run whose scenes the judge sees; empty: this run's own of the validation split."""
    tracker: str = ""
    """Board that shows the records too: tensorboard, wandb or mlflow; empty: none."""
    threads: int = 1
    """CPU threads."""
    device: str = "cpu"
    """cpu or cuda."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "accumulate", "window", "crop", "record_every", "held_out_batches", "threads")
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"training: {name} must be at least 1, got {getattr(self, name)}")
        for name in ("minutes", "warmup", "weight_decay", "judge_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"training: {name} must not be negative, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.clip_norm <= 0:
            got = f"{self.learning_rate} and {self.clip_norm}"
            raise ValueError(f"training: expected learning_rate > 0 and clip_norm > 0, got {got}")
        if not 0 <= self.average < 1:
            raise ValueError(f"training: expected 0 <= average < 1, got {self.average}")
        if self.rehearsal_share == 1:
            raise ValueError("training: rehearsal_share must be below 1, got 1: nothing new would be learnt")
        for name in ("opening", "curriculum", "rehearsal_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"training: {name} must be a share in 0..1, got {getattr(self, name)}")
        known: dict[str, Sequence[str]] = {
            "schedule": list(SCHEDULES),
            "precision": PRECISIONS,
            "tracker": ["", *BOARDS],
        }
        for name, words in known.items():
            if getattr(self, name) not in words:
                raise ValueError(f"training: {name} must be one of {', '.join(words)}, got '{getattr(self, name)}'")

    def fit(
        self,
        model: Trainable,
        clips: Sequence[Footage],
        folder: Path,
        seed: int,
        held_out: Sequence[Footage] = (),
        origin: str = "",
    ) -> Iterator[Record]:
        """Train `model` on clips and report now and then.

        `origin` stands for the model's settings and the clips, e.g. their hash: a training with another one is another
        training. Writes CHECKPOINT, LOG and at the end WEIGHTS into `folder`, and every `judge_every` steps the weights
        so far (`weights_at`). If it holds a checkpoint of the same training this one goes on from there; on one machine
        the result is the uninterrupted training's, to the bit. Afterwards the network holds the averaged weights.
        Under `accelerate launch` the first process writes. Raises ValueError for clips that are too short or too
        small and for a folder that holds another training, FloatingPointError if the loss is no longer finite.
        """
        for kind, some in (("training", clips), ("held-out", held_out)):
            self._check(kind, some)
        if not clips:
            raise ValueError("training: expected clips to train on, got none")
        outside = Windows(held_out, self) if held_out else None
        return self._fit(model, Windows(clips, self), outside, folder, seed, origin)

    def judges(self, step: int) -> bool:
        """Whether the judge sees the weights after this step."""
        return bool(self.judge_every) and step % self.judge_every == 0

    def _check(self, kind: str, clips: Sequence[Footage]) -> None:
        for index, clip in enumerate(clips):
            frames, height, width = clip.frames.shape[:3]
            if clip.flow is not None and clip.flow.shape != (frames, height, width, 2):
                raise ValueError(
                    f"training: {kind} clip {index} must have flow of shape {(frames, height, width, 2)}, "
                    f"got {clip.flow.shape}"
                )
            if frames < self.window or min(height, width) < self.crop:
                raise ValueError(
                    f"training: {kind} clip {index} must have at least {self.window} frames (window) of "
                    f"{self.crop} px (crop), got {frames} of {height}x{width}"
                )

    def _fit(
        self, model: Trainable, windows: Windows, held_out: Windows | None, folder: Path, seed: int, origin: str
    ) -> Iterator[Record]:
        folder.mkdir(parents=True, exist_ok=True)
        with threads(self.threads):
            state = State(self, model, seed, origin)
            state.resume(folder)
            losses = []
            while state.progress < 1:
                started = time.monotonic()
                losses.append(state.advance(windows))
                state.seconds += time.monotonic() - started
                if state.step % self.record_every and not self.judges(state.step) and state.progress < 1:
                    continue
                record = _record(state, float(np.mean(losses)), held_out)
                losses = []
                if self.judges(state.step) and not state.hands.rank:
                    with state.as_averaged():  # before the checkpoint: a kill in between makes them again
                        model.save(str(weights_at(folder, state.step)))
                state.keep(folder)
                yield record
            state.put(state.averaged)
            if not state.hands.rank:
                model.save(str(folder / WEIGHTS))
            state.hands.finish()


def weights_at(folder: Path, step: int) -> Path:
    """Where a training leaves the averaged weights that the judge sees after a step."""
    return folder / f"weights-{step:06d}.safetensors"


def _record(state: State, loss: float, held_out: Windows | None) -> Record:
    """Note how the training stands."""
    outside = state.held_out_loss(held_out) if held_out else None
    record = Record(state.step, state.progress, loss, outside, state.learning_rate, state.seconds)
    state.records.append(asdict(record))
    return record
