"""What every model that answers frame by frame shares: from continued frames to a clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.types import Clip, Prompt, UInt8


def checked(prompt: Prompt, model: str) -> Prompt:
    """The prompt itself, or a ValueError that says what is wrong with it."""
    frames = prompt.frames
    who = f"model={model}, prompt of {prompt.clip_id}"
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or len(frames) == 0:
        raise ValueError(f"{who}: expected frames of uint8 (k >= 1, H, W, 3), got {frames.dtype} {frames.shape}")
    if prompt.num_frames < len(frames):
        raise ValueError(f"{who}: asks for {prompt.num_frames} frames, fewer than the {len(frames)} it shows")
    return prompt


def answer(prompt: Prompt, model: str, sample: int, new: UInt8, notes: Mapping[str, str] | None = None) -> Clip:
    """The clip that shows the prompt's frames and then the `new` ones, uint8 (num_frames - k, H, W, 3)."""
    frames = np.concatenate([prompt.frames, new]) if len(new) else prompt.frames.copy()
    return Clip(prompt.clip_id, model, sample, frames, prompt.fps, notes=dict(notes or {}))
