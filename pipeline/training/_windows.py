"""Windows of clips to learn from, each drawn from a seed alone and changed in ways that physics does not mind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bool, Float32, Float64, UInt8

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Footage:
    """One clip to learn from."""

    frames: UInt8
    """sRGB, shape (T, H, W, 3)."""
    flow: NDArray[np.floating[Any]] | None = None
    """Motion of what is seen back to the frame before [px], shape (T, H, W, 2) = (u right, v down); zero in the first
    frame. Exact from the layers of a truth clip, or estimated; None: not known, and no batch says it."""
    bodies: Bool | None = None
    """Pixels of what is rigid and moves, shape (T, H, W); None: not known, and no batch says it."""
    captions: tuple[str, ...] = ()
    """What is to be seen, in several wordings."""
    weight: float = 1.0
    """How often it is drawn, relative to the others."""
    position: int = 0
    """When it comes in, among the others, if they come in one after another."""


class Cut(Protocol):
    """How windows are cut: `Training`, as far as it matters here."""

    batch: int
    window: int
    crop: int
    opening: float
    augment: bool


class Windows:
    """Random windows of clips."""

    def __init__(self, clips: Sequence[Footage], cut: Cut) -> None:
        self._clips = clips
        self._cut = cut
        self._starts = [_start_probabilities(clip.frames, cut.window, cut.opening) for clip in clips]
        self._moves = all(clip.flow is not None for clip in clips)
        self._bodies = all(clip.bodies is not None for clip in clips)
        self._order = sorted(range(len(clips)), key=lambda index: clips[index].position)

    def batch(self, seed: list[int], augment: bool = True, share: float = 1.0) -> dict[str, Any]:
        """What `Trainable.loss` takes, drawn from the seed alone: a step needs no memory of those before.

        Of the clips, in the order of their positions, the first `share` (0..1, one at least) are drawn from.
        """
        import torch

        rng, words = np.random.default_rng(seed), np.random.default_rng([*seed, 1])
        likely = self._likely(share)
        drawn = [self._window(rng, likely, augment and self._cut.augment) for _ in range(self._cut.batch)]
        captions = [self._clips[index].captions or ("",) for index, _, _ in drawn]
        told: dict[str, torch.Tensor | list[str]] = {
            "frames": torch.from_numpy(np.stack([frames[1:] for _, frames, _ in drawn])),
            "first": torch.from_numpy(np.stack([frames[0] for _, frames, _ in drawn])),
            "text": [wordings[int(words.integers(len(wordings)))] for wordings in captions],
            "seed": torch.tensor(int(rng.integers(2**62))),
        }
        layers = torch.from_numpy(np.stack([layers for _, _, layers in drawn]))
        if self._moves:
            told["flow"] = layers[..., :2]
        if self._bodies:
            told["bodies"] = layers[..., 2] > 0
        return told

    def _likely(self, share: float) -> Float64 | None:
        """How likely each clip is drawn, (N,); None: all alike."""
        there = self._order[: max(1, math.ceil(share * len(self._order)))]
        weights = np.zeros(len(self._clips))
        weights[there] = [self._clips[index].weight for index in there]
        if not weights.any():
            raise ValueError(f"training: expected a clip of positive weight among the first {len(there)}, got none")
        return None if np.ptp(weights) == 0 else np.asarray(weights / weights.sum())

    def _window(self, rng: np.random.Generator, likely: Float64 | None, augment: bool) -> tuple[int, UInt8, Float32]:
        """Which clip; its first frame and a window of it, (1 + T, crop, crop, 3); flow and bodies there, of the same
        shape but the first frame."""
        count = len(self._clips)
        index = int(rng.integers(count) if likely is None else rng.choice(count, p=likely))
        clip = self._clips[index]
        start = int(rng.choice(len(self._starts[index]), p=self._starts[index]))
        end = start + self._cut.window
        frames = np.concatenate([clip.frames[:1], clip.frames[start:end]])
        frames, layers = _cut(frames, _layers(clip, start, end), self._cut.crop, rng, zoom=augment)
        if augment:
            frames = _recoloured(frames, rng)
            if rng.random() < 0.5:  # sideways only: upside down, gravity would point up
                frames, layers = frames[:, :, ::-1], layers[:, :, ::-1] * np.array([-1, 1, 1], np.float32)
        return index, frames, layers


def _layers(clip: Footage, start: int, end: int) -> Float32:
    """Flow and bodies of some frames in one, (T, H, W, 3); what is not known is 0."""
    layers = np.zeros((*clip.frames[start:end].shape[:3], 3), np.float32)
    if clip.flow is not None:
        layers[..., :2] = clip.flow[start:end]
    if clip.bodies is not None:
        layers[..., 2] = clip.bodies[start:end]
    return layers


def _start_probabilities(clip: UInt8, window: int, opening: float) -> Float64:
    """How likely a window starts at each frame: in proportion to what moves in it, and never not at all."""
    moved = np.abs(np.diff(clip[:, ::2, ::2].astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    motion = np.convolve(moved, np.ones(window - 1) / (window - 1), mode="valid") if window > 1 else np.ones(len(clip))
    weight = motion + 0.25 * motion.mean() + 1e-6
    probability = (1 - opening) * weight / weight.sum()
    probability[0] += opening
    return np.asarray(probability, np.float64)


def _cut(frames: UInt8, layers: Float32, crop: int, rng: np.random.Generator, zoom: bool) -> tuple[UInt8, Float32]:
    """A square anywhere in frames and layers, of side `crop` or, zoomed, shrunk to it from a larger one."""
    import cv2

    height, width = frames.shape[1:3]
    side = int(rng.integers(crop, min(height, width) + 1)) if zoom and rng.random() < 0.5 else crop
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = np.s_[:, top : top + side, left : left + side]
    frames, layers = frames[square], layers[square]
    if side == crop:
        return frames, layers
    size = (crop, crop)
    smaller = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    nearest = np.stack([cv2.resize(layer, size, interpolation=cv2.INTER_NEAREST) for layer in layers])
    nearest[..., :2] *= crop / side
    return np.stack(smaller).astype(np.uint8), nearest.astype(np.float32)


def _recoloured(frames: UInt8, rng: np.random.Generator) -> UInt8:
    """The frames with another gamma, gain and order of the colour channels, the same for all frames."""
    levels = np.linspace(0, 1, 256)[:, None]
    curve = rng.uniform(0.7, 1.1, 3) * levels ** rng.uniform(0.7, 1.4, 3)
    table = np.rint(255 * np.clip(curve, 0, 1)).astype(np.uint8)
    order = rng.permutation(3)
    return np.stack([table[frames[..., order[channel]], channel] for channel in range(3)], axis=-1)
