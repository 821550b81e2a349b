"""What the small models cost on one CPU thread: parameters, CPU seconds of a clip and of a training step.

    PYTHONPATH=. python benchmarks/models.py [SIDE] [FRAMES]        # 64 px and 16 frames unless given

Weights are fresh: how long a network computes does not depend on them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pipeline.models import Learner, Model
from pipeline.models.dit import Dit
from pipeline.models.next_frame import NextFrame
from pipeline.training import Footage, Training
from pipeline.types import Prompt

SHOWN, STEPS = 2, 4


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of the second of two calls [s]."""
    work()
    started = time.process_time()
    work()
    return time.process_time() - started


def of_a_clip(model: Model, frames: np.ndarray) -> float:
    prompt = Prompt("clip", "", frames[:SHOWN], 24.0, len(frames))
    return cpu_seconds(lambda: model.generate(prompt, 0))


def of_a_step(model: Learner, frames: np.ndarray, folder: Path) -> float:
    """Batch 8 of whole clips, forwards and backwards, windows drawn and the optimiser included."""
    clips = [Footage(frames, np.zeros((*frames.shape[:3], 2), np.float16), np.zeros(frames.shape[:3], bool))]
    training = Training(steps=STEPS, batch=8, window=len(frames), crop=frames.shape[1], record_every=1)
    records = training.fit(model, clips, folder, 0)  # type: ignore[arg-type]
    next(records)
    started = time.process_time()
    list(records)
    return (time.process_time() - started) / (STEPS - 1)


def main(side: int = 64, count: int = 16) -> None:
    torch.set_num_threads(1)
    frames = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    print(f"{count} frames of {side} x {side} px, {SHOWN} given, one thread")
    for name, model in (
        ("next_frame", NextFrame()),
        ("dit", Dit(side=side)),
        ("dit, 2 steps", Dit(side=side, steps=2)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            weights = str(Path(folder) / "fresh.safetensors")
            millions = sum(one.numel() for one in model.network().parameters()) / 1e6
            model.save(weights)
            clip = of_a_clip(model.taught(weights), frames)
            step = of_a_step(model, frames, Path(folder) / "training")
        print(f"{name:13s} {millions:.2f} M parameters, clip {clip:.2f} CPU-s, step of 8 windows {step:.2f} CPU-s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
