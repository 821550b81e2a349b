"""What is visible where, told from colour alone, the same for truth and generated frames.

A Bayes classifier of colour is learned from the truth's own RGB and layers: p(colour | thing) is a smoothed Lab
histogram per thing, and the background is known at each place besides. It is then applied to the truth's frames and
to the other clip's frames, so that what it confuses it confuses in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import BACKGROUND, Bool, Clip, Float32, UInt8

_BINS = (16, 64, 64)
"""Bins of L, a and b. Lightness is told coarsely: shading and shadows change it, the thing stays."""
_PICTURE_NOISE = 6.0
"""Standard deviation of a background pixel's colour from shadows, noise and codec [Lab levels of 0..255]."""
_BLUR = 1.0
"""[px]"""
_BLOCK = 5
"""Edge of the neighbourhood from which a background pixel may come [px]: a shaking camera, a codec."""


@dataclass(frozen=True)
class Sight:
    """Where each thing is seen in two clips of the same event."""

    ids: tuple[int, ...]
    """Instance ids of the bodies and media, ascending."""
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    truth: UInt8
    """(T, H, W): 0 background, else 1 + index into `ids`, as the classifier sees the truth's frames."""
    other: UInt8
    """The same for the other clip."""
    exact: UInt8
    """The same from the truth's layers."""


def look(truth: Clip, other: Clip) -> Sight:
    """See every body and medium of the truth in both clips; they must have the same size and length."""
    assert truth.layers is not None
    things = sorted((i for i in truth.instances if i.kind != "static"), key=lambda i: i.id)
    exact = np.zeros(truth.frames.shape[:3], np.uint8)
    for index, thing in enumerate(things, start=1):
        exact[truth.layers.segmentation == thing.id] = index
    lab = _to_lab(truth.frames)
    model = _Appearance.learn(lab, exact, len(things) + 1)
    return Sight(
        tuple(thing.id for thing in things),
        tuple(thing.name for thing in things),
        tuple(thing.kind for thing in things),
        model.tell(lab),
        model.tell(_to_lab(_in_the_light_of(truth.frames, other.frames, exact == BACKGROUND))),
        exact,
    )


@dataclass(frozen=True)
class _Appearance:
    """p(colour | thing) and how often each thing is seen."""

    colours: Float32
    """Probability of each colour bin, shape (things, bins)."""
    prior: Float32
    """(things,)"""
    wall_low: Float32
    """Darkest background Lab around each pixel, shape (H, W, 3); NaN where the truth never shows background."""
    wall_high: Float32

    @classmethod
    def learn(cls, lab: UInt8, exact: UInt8, count: int) -> _Appearance:
        """From the truth's frames and their exact instances."""
        from scipy.ndimage import gaussian_filter

        bins = int(np.prod(_BINS))
        joint = np.bincount(exact.ravel().astype(np.int64) * bins + _bin(lab).ravel(), minlength=count * bins)
        seen = joint.reshape(count, *_BINS).astype(np.float32)
        prior = np.maximum(seen.sum(axis=(1, 2, 3)), 1.0)
        # The narrow kernel tells like things apart; the wide one names colours that the truth never showed.
        near, far = (gaussian_filter(seen, (0, width / 2, width, width), mode="constant") for width in (1.0, 5.0))
        colours = ((0.9 * near + 0.1 * far).reshape(count, bins) / prior[:, None] + 1e-9).astype(np.float32)
        low, high = _wall(lab, exact == BACKGROUND)
        return cls(colours, (prior / prior.sum()).astype(np.float32), low, high)

    def tell(self, lab: UInt8) -> UInt8:
        """The likeliest thing at each pixel, shape (T, H, W)."""
        likelihood = self.colours[:, _bin(lab)]
        outside = np.maximum(self.wall_low - lab, lab - self.wall_high).clip(0)
        distance = np.square(outside / np.float32(_PICTURE_NOISE)).sum(axis=-1)
        # A normal density in units of one histogram bin, so that it can stand beside the histogram.
        bin_volume = np.prod([256 / n for n in _BINS])
        here = np.exp(-0.5 * distance) * np.float32(bin_volume / (np.sqrt(2 * np.pi) * _PICTURE_NOISE) ** 3)
        likelihood[BACKGROUND] = 0.5 * likelihood[BACKGROUND] + 0.5 * np.nan_to_num(here)
        likelihood *= self.prior[:, None, None, None]
        return np.asarray(likelihood.argmax(axis=0), np.uint8)


def _wall(lab: UInt8, background: Bool) -> tuple[Float32, Float32]:
    """Range of the mean background colour over the block around each pixel, twice (H, W, 3)."""
    import cv2

    shown = background.sum(axis=0)[..., None]
    mean = (lab * background[..., None]).sum(axis=0, dtype=np.float32) / np.maximum(shown, 1)
    block = np.ones((_BLOCK, _BLOCK), np.uint8)
    low = cv2.erode(np.where(shown > 0, mean, 255).astype(np.float32), block)
    high = cv2.dilate(np.where(shown > 0, mean, 0).astype(np.float32), block)
    never = cv2.dilate((shown[..., 0] > 0).astype(np.uint8), block) == 0
    low[never], high[never] = np.nan, np.nan
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def _in_the_light_of(truth: UInt8, other: UInt8, background: Bool) -> UInt8:
    """`other` with the truth's colours: lamp, white balance and hue are not physics.

    One affine map of colour is fitted on the first frame, which shows the same moment in both, and one gain per
    channel and frame on the background, which follows a lamp that drifts.
    """
    first, aim = other[0].reshape(-1, 3) / 255.0, truth[0].reshape(-1, 3) / 255.0
    design = np.concatenate([first, np.ones((len(first), 1))], axis=1)
    # The ridge holds the identity in directions of colour that the first frame does not show.
    ridge = 1e-3 * len(first) * np.diag([1.0, 1.0, 1.0, 1.0])
    identity = np.eye(4, 3)
    colour_map = np.linalg.solve(design.T @ design + ridge, design.T @ aim + ridge @ identity).astype(np.float32)
    mapped = (other / np.float32(255)) @ colour_map[:3] + colour_map[3]
    for t in range(1, len(mapped)):
        if background[t].mean() > 0.05:
            ratio = (truth[t][background[t]] / 255.0 + 0.02) / (mapped[t][background[t]] + 0.02).clip(0.02)
            mapped[t] *= np.median(ratio, axis=0).clip(0.5, 2.0)
    return np.asarray((mapped * 255 + 0.5).clip(0, 255), np.uint8)


def _to_lab(frames: UInt8) -> UInt8:
    """8-bit CIE Lab, the same shape, slightly blurred: a codec or a soft lens must not change the colours told."""
    import cv2

    return np.stack([cv2.cvtColor(cv2.GaussianBlur(frame, (0, 0), _BLUR), cv2.COLOR_RGB2LAB) for frame in frames])


def _bin(lab: UInt8) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Index of each pixel's colour bin, shape (T, H, W)."""
    low, mid, high = (lab[..., channel].astype(np.int64) * n // 256 for channel, n in enumerate(_BINS))
    return (low * _BINS[1] + mid) * _BINS[2] + high
