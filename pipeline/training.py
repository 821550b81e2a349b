"""Training: clips -> weights. Knows nothing of a model but `network()`, `loss(batch)` and `save(path)`."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline._threads import threads
from pipeline.types import Float32, Float64, UInt8

if TYPE_CHECKING:
    import torch

CHECKPOINT, LOG, WEIGHTS = "checkpoint.pt", "log.jsonl", "weights.safetensors"
"""What a training leaves in its folder; the weights come last."""


class Trainable(Protocol):
    """`pipeline.models.Learner`, seen from a room that has no door to the models."""

    def network(self) -> torch.nn.Module:
        """The module whose parameters are trained."""

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Scalar loss; a function of the weights and the batch alone."""

    def save(self, path: str) -> None:
        """Write the weights as one file."""


@dataclass(frozen=True)
class Footage:
    """One clip to learn from."""

    frames: UInt8
    """sRGB, shape (T, H, W, 3)."""
    flow: NDArray[np.floating[Any]]
    """Motion of what is seen back to the frame before [px], shape (T, H, W, 2) = (u right, v down); zero in the first
    frame. Exact from the layers of a truth clip, or estimated."""


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
    """AdamW (Loshchilov & Hutter 2019), warm-up and cosine decay, an exponential average of the weights."""

    steps: int = 2000
    minutes: float = 0.0
    """Ends the training early, with the learning rate decayed by then [min]; 0: no limit. With a limit, what comes
    out depends on the machine's speed and no longer on the seed alone."""
    batch: int = 8
    """Windows per step."""
    window: int = 7
    """Frames per window, the model's context included."""
    opening: float = 0.3
    """Share of windows that begin with their clip, as every prompt does; the others follow what moves."""
    crop: int = 96
    """Side of the square that is cut out of the clips [px]; a multiple of 16."""
    learning_rate: float = 1e-3
    warmup: int = 50
    """Steps until the learning rate is reached."""
    weight_decay: float = 0.01
    clip_norm: float = 0.1
    """Longest gradient that is followed in full."""
    average: float = 0.998
    """Share of the averaged weights that one step keeps; the averaged ones are saved."""
    record_every: int = 25
    """Steps between records; each is logged and leaves a checkpoint."""
    held_out_batches: int = 4
    threads: int = 1
    """CPU threads."""
    device: str = "cpu"
    """cpu or cuda."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "window", "crop", "record_every", "held_out_batches", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"training: {name} must be at least 1, got {getattr(self, name)}")
        for name in ("minutes", "warmup", "weight_decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"training: {name} must not be negative, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.clip_norm <= 0:
            got = f"{self.learning_rate} and {self.clip_norm}"
            raise ValueError(f"training: expected learning_rate > 0 and clip_norm > 0, got {got}")
        if not (0 <= self.average < 1 and 0 <= self.opening <= 1):
            got = f"{self.average} and {self.opening}"
            raise ValueError(f"training: expected 0 <= average < 1 and 0 <= opening <= 1, got {got}")

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
        training. Writes CHECKPOINT, LOG and at the end WEIGHTS into `folder`. If it holds a checkpoint of the same
        training this one goes on from there; on one machine the result is the uninterrupted training's, to the bit.
        Afterwards the network holds the averaged weights. Raises ValueError for clips that are too short or too
        small and for a folder that holds another training, FloatingPointError if the loss is no longer finite.
        """
        for kind, some in (("training", clips), ("held-out", held_out)):
            self._check(kind, some)
        if not clips:
            raise ValueError("training: expected clips to train on, got none")
        outside = Windows(held_out, self) if held_out else None
        return self._fit(model, Windows(clips, self), outside, folder, seed, origin)

    def _check(self, kind: str, clips: Sequence[Footage]) -> None:
        for index, clip in enumerate(clips):
            frames, height, width = clip.frames.shape[:3]
            if clip.flow.shape != (frames, height, width, 2):
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
            state = _State(self, model, seed, origin)
            state.resume(folder)
            losses = []
            while state.progress < 1:
                started = time.monotonic()
                losses.append(state.advance(windows.batch([seed, state.step])))
                state.seconds += time.monotonic() - started
                if state.step % self.record_every == 0 or state.progress >= 1:
                    state.record(float(np.mean(losses)), held_out)
                    losses = []
                    state.keep(folder)
                    yield state.records[-1]
            state.network.load_state_dict(state.averaged)
            model.save(str(folder / WEIGHTS))


class Windows:
    """Random windows of clips, changed in ways that physics does not mind."""

    def __init__(self, clips: Sequence[Footage], training: Training) -> None:
        self._clips = clips
        self._training = training
        self._starts = [_start_probabilities(clip.frames, training.window, training.opening) for clip in clips]

    def batch(self, seed: list[int], augment: bool = True) -> dict[str, torch.Tensor]:
        """What `Trainable.loss` takes, drawn from the seed alone: a step needs no memory of those before."""
        import torch

        rng = np.random.default_rng(seed)
        drawn = [self._window(rng, augment) for _ in range(self._training.batch)]
        return {
            "frames": torch.from_numpy(np.stack([frames[1:] for frames, _ in drawn])),
            "first": torch.from_numpy(np.stack([frames[0] for frames, _ in drawn])),
            "flow": torch.from_numpy(np.stack([flow for _, flow in drawn])),
            "seed": torch.tensor(int(rng.integers(2**62))),
        }

    def _window(self, rng: np.random.Generator, augment: bool) -> tuple[UInt8, Float32]:
        """A clip's first frame and a window of it, (1 + T, crop, crop, 3), and the window's flow (T, crop, crop, 2)."""
        index = int(rng.integers(len(self._clips)))
        clip = self._clips[index]
        start = int(rng.choice(len(self._starts[index]), p=self._starts[index]))
        end = start + self._training.window
        frames = np.concatenate([clip.frames[:1], clip.frames[start:end]])
        frames, flow = _cut(frames, clip.flow[start:end].astype(np.float32), self._training.crop, rng, zoom=augment)
        if augment:
            frames = _recoloured(frames, rng)
            if rng.random() < 0.5:  # sideways only: upside down, gravity would point up
                frames, flow = frames[:, :, ::-1], flow[:, :, ::-1] * np.array([-1, 1], np.float32)
        return frames, flow


def _start_probabilities(clip: UInt8, window: int, opening: float) -> Float64:
    """How likely a window starts at each frame: in proportion to what moves in it, and never not at all."""
    moved = np.abs(np.diff(clip[:, ::2, ::2].astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    motion = np.convolve(moved, np.ones(window - 1) / (window - 1), mode="valid") if window > 1 else np.ones(len(clip))
    weight = motion + 0.25 * motion.mean() + 1e-6
    probability = (1 - opening) * weight / weight.sum()
    probability[0] += opening
    return np.asarray(probability, np.float64)


def _cut(frames: UInt8, flow: Float32, crop: int, rng: np.random.Generator, zoom: bool) -> tuple[UInt8, Float32]:
    """A square anywhere in frames and flow, of side `crop` or, zoomed, shrunk to it from a larger one."""
    import cv2

    height, width = frames.shape[1:3]
    side = int(rng.integers(crop, min(height, width) + 1)) if zoom and rng.random() < 0.5 else crop
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = np.s_[:, top : top + side, left : left + side]
    frames, flow = frames[square], flow[square]
    if side == crop:
        return frames, flow
    size = (crop, crop)
    smaller = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    shorter = [cv2.resize(motion, size, interpolation=cv2.INTER_NEAREST) * (crop / side) for motion in flow]
    return np.stack(smaller).astype(np.uint8), np.stack(shorter).astype(np.float32)


def _recoloured(frames: UInt8, rng: np.random.Generator) -> UInt8:
    """The frames with another gamma, gain and order of the colour channels, the same for all frames."""
    levels = np.linspace(0, 1, 256)[:, None]
    curve = rng.uniform(0.7, 1.1, 3) * levels ** rng.uniform(0.7, 1.4, 3)
    table = np.rint(255 * np.clip(curve, 0, 1)).astype(np.uint8)
    order = rng.permutation(3)
    return np.stack([table[frames[..., order[channel]], channel] for channel in range(3)], axis=-1)


class _State:
    """All that a training carries from step to step; everything random is drawn from (seed, step)."""

    def __init__(self, training: Training, model: Trainable, seed: int, origin: str) -> None:
        import torch

        self.training, self.model, self.seed, self.origin = training, model, seed, origin
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = model.network().to(training.device).train()
        self.averaged = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), betas=(0.9, 0.98), weight_decay=training.weight_decay
        )
        self.step = 0
        self.seconds = 0.0
        self.records: list[Record] = []

    @property
    def progress(self) -> float:
        """Share of the training that is done: of its steps or of its time, whichever is further."""
        minutes = self.training.minutes
        return min(1.0, max(self.step / self.training.steps, self.seconds / (60 * minutes) if minutes else 0.0))

    @property
    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to a hundredth."""
        warmup = min(1.0, (self.step + 1) / max(1, self.training.warmup))
        return self.training.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.progress)))

    def advance(self, batch: Mapping[str, torch.Tensor]) -> float:
        """One step down the gradient; returns the loss before it."""
        import torch

        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate
        loss = self.model.loss(self._moved(batch))
        if not math.isfinite(loss.item()):
            raise FloatingPointError(
                f"training: loss is {loss.item()} at step {self.step}, lr {self.learning_rate:.2g}; "
                "lower training.learning_rate or training.clip_norm and start in a fresh folder"
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip_norm)
        self.optimiser.step()
        keep = min(self.training.average, (1 + self.step) / (10 + self.step))  # the first weights are soon forgotten
        for name, value in self.network.state_dict().items():
            self.averaged[name].lerp_(value, 1 - keep)
        self.step += 1
        return loss.item()

    def record(self, loss: float, held_out: Windows | None) -> None:
        """Note how the training stands."""
        outside = self.held_out_loss(held_out) if held_out else None
        self.records.append(Record(self.step, self.progress, loss, outside, self.learning_rate, self.seconds))

    def held_out_loss(self, windows: Windows) -> float:
        """Mean loss of the averaged weights over the same few batches every time."""
        import torch

        trained = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.averaged)
        with torch.no_grad():
            batches = (windows.batch([0, index], augment=False) for index in range(self.training.held_out_batches))
            losses = [self.model.loss(self._moved(batch)).item() for batch in batches]
        self.network.load_state_dict(trained)
        return float(np.mean(losses))

    def keep(self, folder: Path) -> None:
        """Write checkpoint and log, each whole or not at all."""
        import torch

        unfinished = folder / f"{CHECKPOINT}.part"
        torch.save(
            {
                "training": asdict(self.training),
                "seed": self.seed,
                "origin": self.origin,
                "step": self.step,
                "seconds": self.seconds,
                "network": self.network.state_dict(),
                "averaged": self.averaged,
                "optimiser": self.optimiser.state_dict(),
                "records": [asdict(record) for record in self.records],
            },
            unfinished,
        )
        unfinished.replace(folder / CHECKPOINT)
        unfinished = folder / f"{LOG}.part"
        unfinished.write_text("".join(json.dumps(asdict(record)) + "\n" for record in self.records))
        unfinished.replace(folder / LOG)

    def resume(self, folder: Path) -> None:
        """Go on from the folder's checkpoint, if it holds one."""
        import torch

        file = folder / CHECKPOINT
        if not file.exists():
            return
        kept = torch.load(file, map_location=self.training.device, weights_only=True)
        expected = {"seed": self.seed, "model and clips": self.origin, **asdict(self.training)}
        got = {"seed": kept["seed"], "model and clips": kept.get("origin", ""), **kept["training"]}
        changed = [f"{name} {got.get(name)} -> {value}" for name, value in expected.items() if got.get(name) != value]
        if changed:
            raise ValueError(
                f"training: {file} belongs to a training with other settings ({', '.join(changed)}); "
                "restore them or choose another folder"
            )
        self.network.load_state_dict(kept["network"])
        self.averaged = kept["averaged"]
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self.seconds = kept["step"], kept["seconds"]
        self.records = [Record(**record) for record in kept["records"]]

    def _moved(self, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value.to(self.training.device) for name, value in batch.items()}
