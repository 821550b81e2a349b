"""What a training carries from step to step, and its checkpoints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline._files import replacing
from pipeline.training._hands import hands

if TYPE_CHECKING:
    import torch

    from pipeline.training import Trainable, Training
    from pipeline.training._windows import Windows

CHECKPOINT, LOG, WEIGHTS = "checkpoint.pt", "log.jsonl", "weights.safetensors"
"""What a training leaves in its folder; the weights come last."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)),
    "linear": lambda progress: 0.01 + 0.99 * (1 - progress),
    "constant": lambda progress: 1.0,
}
"""Share of the learning rate at each progress 0..1; what decays, decays to a hundredth."""


class State:
    """Weights, their average, the optimiser and the records. Everything random is drawn from (seed, step)."""

    def __init__(self, training: Training, model: Trainable, seed: int, origin: str) -> None:
        import torch

        self.training, self.model, self.seed, self.origin = training, model, seed, origin
        self.hands = hands(training.precision, training.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = model.network().to(training.device).train()
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        frozen = {name for name, parameter in self.network.named_parameters() if not parameter.requires_grad}
        self.weights = {name: value for name, value in self.network.state_dict().items() if name not in frozen}
        self.averaged = {name: value.detach().clone() for name, value in self.weights.items()}
        self.optimiser = torch.optim.AdamW(learning, betas=(0.9, 0.98), weight_decay=training.weight_decay)
        self.step = 0
        self.seconds = 0.0
        self.records: list[dict[str, Any]] = []

    @property
    def progress(self) -> float:
        """Share of the training that is done: of its steps or of its time, whichever is further."""
        minutes = self.training.minutes
        return min(1.0, max(self.step / self.training.steps, self.seconds / (60 * minutes) if minutes else 0.0))

    @property
    def shown(self) -> float:
        """Share of the clips that have come in."""
        over = self.training.curriculum
        return min(1.0, self.progress / over) if over else 1.0

    @property
    def learning_rate(self) -> float:
        """Linear warm-up, then the schedule."""
        warmup = min(1.0, (self.step + 1) / max(1, self.training.warmup))
        return self.training.learning_rate * warmup * SCHEDULES[self.training.schedule](self.progress)

    def advance(self, windows: Windows) -> float:
        """One step down the gradient of `accumulate` batches; returns their mean loss before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate
        self.optimiser.zero_grad(set_to_none=True)
        losses = []
        for part in range(self.training.accumulate):
            which = [self.hands.rank, part] if self.hands.rank or part else []
            losses.append(self._descend(windows.batch([self.seed, self.step, *which], share=self.shown)))
        self.hands.step(self.optimiser, self.training.clip_norm)
        keep = min(self.training.average, (1 + self.step) / (10 + self.step))  # the first weights are soon forgotten
        for name, value in self.weights.items():
            average = self.averaged[name]
            average.lerp_(value, 1 - keep) if value.is_floating_point() else average.copy_(value)
        self.step += 1
        return float(np.mean(losses))

    def _descend(self, batch: dict[str, Any]) -> float:
        """Add the gradient of one batch."""
        with self.hands.autocast():
            loss = self.model.loss(self._moved(batch))
        if not math.isfinite(loss.item()):
            raise FloatingPointError(
                f"training: loss is {loss.item()} at step {self.step}, lr {self.learning_rate:.2g}; "
                "lower training.learning_rate or training.clip_norm and start in a fresh folder"
            )
        self.hands.backward(loss / self.training.accumulate)
        return loss.item()

    def held_out_loss(self, windows: Windows) -> float:
        """Mean loss of the averaged weights over the same few batches every time."""
        import torch

        with self.as_averaged(), torch.no_grad(), self.hands.autocast():
            batches = (windows.batch([0, index], augment=False) for index in range(self.training.held_out_batches))
            losses = [self.model.loss(self._moved(batch)).item() for batch in batches]
        return float(np.mean(losses))

    @contextmanager
    def as_averaged(self) -> Iterator[None]:
        """The network has the averaged weights inside."""
        trained = {name: value.detach().clone() for name, value in self.weights.items()}
        self.put(self.averaged)
        try:
            yield
        finally:
            self.put(trained)

    def put(self, weights: dict[str, torch.Tensor]) -> None:
        """Give the network these weights."""
        for name, value in self.weights.items():
            value.copy_(weights[name])

    def keep(self, folder: Path) -> None:
        """Write checkpoint and log, each whole or not at all."""
        import torch

        if self.hands.rank:
            return
        kept = {
            "training": asdict(self.training),
            "seed": self.seed,
            "origin": self.origin,
            "step": self.step,
            "seconds": self.seconds,
            "network": self.weights,
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
            "hands": self.hands.state(),
            "records": self.records,
        }
        with replacing(folder / CHECKPOINT) as unfinished:
            torch.save(kept, unfinished)
        with replacing(folder / LOG) as unfinished:
            unfinished.write_text("".join(json.dumps(record) + "\n" for record in self.records))

    def resume(self, folder: Path) -> None:
        """Go on from the folder's checkpoint, if it holds one."""
        import torch

        file = folder / CHECKPOINT
        if not file.exists():
            return
        kept = torch.load(file, map_location=self.training.device, weights_only=True)
        self._check(file, kept)
        self.put(kept["network"])
        self.averaged = kept["averaged"]
        self.optimiser.load_state_dict(kept["optimiser"])
        self.hands.resume(kept["hands"])
        self.step, self.seconds, self.records = kept["step"], kept["seconds"], kept["records"]

    def _check(self, file: Path, kept: dict[str, Any]) -> None:
        """Raises ValueError if the checkpoint is another training's."""
        expected = {"seed": self.seed, "model and clips": self.origin, **asdict(self.training)}
        got = {"seed": kept["seed"], "model and clips": kept.get("origin", ""), **kept["training"]}
        changed = [f"{name} {got.get(name)} -> {value}" for name, value in expected.items() if got.get(name) != value]
        if changed:
            raise ValueError(
                f"training: {file} belongs to a training with other settings ({', '.join(changed)}); "
                "restore them or choose another folder"
            )

    def _moved(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch with its tensors on the device."""
        device = self.training.device
        return {name: value.to(device) if hasattr(value, "to") else value for name, value in batch.items()}
