"""What every model that continues a prompt shares: the prompt is brought to its spec, its answer to what was asked."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from pipeline.models import Model, Spec
from pipeline.models._resampling import SAME_RATE, resized, retimed
from pipeline.types import Clip, Prompt, UInt8
from pipeline.video import Beginning


@dataclass
class Continuing(Model):
    """A model that goes on from the last frames that it is shown."""

    def generate(self, prompt: Prompt, seed: int, sample: int = 0) -> Clip:
        """The prompt's frames as they are, then what the model makes of them, at the prompt's fps, size and length."""
        asked = checked(prompt, self.called)
        wanted = asked.num_frames - len(asked.frames)
        if not wanted:
            return Clip(asked.clip_id, self.called, sample, asked.frames.copy(), asked.fps)
        suited, notes = suit(asked, self.spec)
        new = self.continued(suited, seed)
        frames = np.concatenate([_beside(suited.frames[-1], new), new])
        made = Beginning(frames, np.arange(len(frames)) / suited.fps, suited.fps, len(frames))
        frames, how = retimed(made, asked.fps, 1 + wanted, linear=True)
        frames, size = resized(frames[1:], *asked.frames.shape[1:3])
        whole = np.concatenate([asked.frames, frames])
        return Clip(asked.clip_id, self.called, sample, whole, asked.fps, notes={**notes, **how, **size})

    @abstractmethod
    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """The frames that follow those shown, uint8 (T, H, W, 3), at the prompt's fps; the prompt fits the `spec`.

        `prompt.num_frames - len(prompt.frames)` of them, in the prompt's size; others are brought there and noted.
        """


def checked(prompt: Prompt, model: str) -> Prompt:
    """The prompt itself, or a ValueError that says what is wrong with it."""
    frames = prompt.frames
    who = f"model={model}, prompt of {prompt.clip_id}"
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or len(frames) == 0:
        raise ValueError(f"{who}: expected frames of uint8 (k >= 1, H, W, 3), got {frames.dtype} {frames.shape}")
    if prompt.num_frames < len(frames):
        raise ValueError(f"{who}: asks for {prompt.num_frames} frames, fewer than the {len(frames)} it shows")
    return prompt


def suit(prompt: Prompt, spec: Spec) -> tuple[Prompt, dict[str, str]]:
    """The prompt that asks for as much time as this one, in a size, rate and length that the spec allows; and notes on
    what of it is not shown.

    The last frame is always the last one shown, so that the answer goes on from there.
    """
    fps = spec.fps or prompt.fps
    given = _before(prompt.frames, prompt.fps, fps)
    step, rest = spec.frames
    shown = min(len(given), spec.shown or len(given))
    shown = max(1, (shown - rest) // step * step + rest)
    new = math.ceil((prompt.num_frames - len(prompt.frames)) * fps / prompt.fps * (1 - SAME_RATE))
    length = math.ceil((shown + new - rest) / step) * step + rest
    length = min(length, spec.longest) if spec.longest else length
    height, width = prompt.frames.shape[1:3]
    frames, _ = resized(given[-shown:], *fitting(height, width, spec))
    notes = {} if shown == len(prompt.frames) else {"shown": f"the last {shown} of {len(given)} frames at {fps:g} fps"}
    return replace(prompt, frames=frames, fps=fps, num_frames=length), notes


def fitting(height: int, width: int, spec: Spec) -> tuple[int, int]:
    """The size that the spec allows [px], in nearly these proportions unless it knows one size only."""
    if spec.size:
        return spec.size
    scale = spec.side / min(height, width) if spec.side else 1.0
    up = math.ceil if not spec.side else round
    tall, wide = (max(1, up(scale * length / spec.multiple)) * spec.multiple for length in (height, width))
    return tall, wide


def _before(frames: UInt8, had: float, fps: float) -> UInt8:
    """The frames shown at another rate, nearest ones, the last one kept in its place."""
    if abs(had / fps - 1) <= SAME_RATE:
        return frames
    count = 1 + int((len(frames) - 1) * fps / had + SAME_RATE)
    back = np.rint(np.arange(count)[::-1] * had / fps).astype(int)
    return np.asarray(frames[len(frames) - 1 - back], np.uint8)


def _beside(last: UInt8, new: UInt8) -> UInt8:
    """The last frame shown, in the size of the new ones, (1, H, W, 3)."""
    return resized(last[None], *new.shape[1:3])[0] if len(new) else last[None]
