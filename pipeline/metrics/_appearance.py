"""What is visible where, told from colour alone, the same for truth and generated frames.

A Bayes classifier of colour is learned from the truth's own RGB and layers: p(colour | thing) is half a smoothed Lab
histogram of the thing, half what it looks like at that place. It is then applied to the truth's frames and to the
other clip's frames, so that what it confuses it confuses in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

import numpy as np

from pipeline.types import BACKGROUND, Bool, Clip, Float32, Instance, UInt8

_BINS = (16, 64, 64)
"""Bins of L, a and b. Lightness is told coarsely: shading and shadows change it, the thing stays."""
_NOISE = 6.0
"""Standard deviation of a place's colour from shadows, noise and codec [Lab levels of 0..255]."""
_SHADOW = 0.4
"""Share of its lightness that a background pixel may lose in a shadow."""
_BLUR = 1.0
"""[px]"""
_VOTERS = 5
"""Side of the square whose pixels tell together what stands in its middle [px]. With 3, seven grey levels of noise or a
JPEG of quality 60 made other bodies of some (14 and 16 points for harmless clips)."""
_BLOCK = 5
"""Edge of the neighbourhood from which a pixel may come [px]: a shaking camera, a codec."""


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
    truth_lab: UInt8
    """The truth's frames as the classifier sees them, 8-bit CIE Lab, (T, H, W, 3)."""
    other_lab: UInt8
    """The other clip's, in the truth's light."""


_recent: list[tuple[ref[Clip], ref[Clip], Sight]] = []
"""The last answer of `look`: several metrics ask about the same two clips in turn, and clips never change."""


def look(truth: Clip, other: Clip) -> Sight:
    """See every body and medium of the truth in both clips; they must have the same size and length."""
    for known_truth, known_other, sight in _recent:
        if known_truth() is truth and known_other() is other:
            return sight
    sight = _look(truth, other)
    _recent[:] = [(ref(truth), ref(other), sight)]
    return sight


_learned: list[tuple[ref[Clip], UInt8, UInt8, _Appearance, UInt8]] = []
"""What was learned of the last truth: all clips of a scene are compared with it in turn."""


def _learn(truth: Clip) -> tuple[UInt8, UInt8, _Appearance, UInt8]:
    """Exact things, Lab colours, the classifier learned from both, and what it sees in the truth itself."""
    for known, *_ in _learned:
        if known() is truth:
            return _learned[0][1:]
    assert truth.layers is not None
    exact = np.zeros(truth.frames.shape[:3], np.uint8)
    things = _things(truth)
    for index, thing in enumerate(things, start=1):
        exact[truth.layers.segmentation == thing.id] = index
    lab = _to_lab(truth.frames)
    model = _Appearance.learn(lab, exact, len(things) + 1)
    told = model.tell(lab)
    _learned[:] = [(ref(truth), exact, lab, model, told)]
    return exact, lab, model, told


def _things(truth: Clip) -> list[Instance]:
    """Bodies and media by their id."""
    return sorted((i for i in truth.instances if i.kind != "static"), key=lambda i: i.id)


def _look(truth: Clip, other: Clip) -> Sight:
    exact, lab, model, told = _learn(truth)
    things = _things(truth)
    other_lab = _to_lab(_in_the_light_of(truth.frames, other.frames, exact == BACKGROUND))
    return Sight(
        tuple(thing.id for thing in things),
        tuple(thing.name for thing in things),
        tuple(thing.kind for thing in things),
        told,
        model.tell(other_lab),
        exact,
        lab,
        other_lab,
    )


@dataclass(frozen=True)
class _Appearance:
    """p(colour | thing), anywhere and at each place; thing 0 is the background."""

    colours: Float32
    """Probability of each colour bin, shape (things, bins)."""
    low: Float32
    """Lower end of each thing's mean Lab around each pixel, shape (things, H, W, 3); NaN where it is never seen."""
    high: Float32
    """Upper end."""

    @classmethod
    def learn(cls, lab: UInt8, exact: UInt8, count: int) -> _Appearance:
        """From the truth's frames and their exact instances."""
        from scipy.ndimage import gaussian_filter

        bins = int(np.prod(_BINS))
        joint = np.bincount(exact.ravel().astype(np.int64) * bins + _bin(lab).ravel(), minlength=count * bins)
        seen = joint.reshape(count, *_BINS).astype(np.float32)
        # The narrow kernel tells like things apart; the wide one names colours that the truth never showed.
        near, far = (gaussian_filter(seen, (0, width / 2, width, width), mode="constant") for width in (1.0, 5.0))
        total = np.maximum(seen.sum(axis=(1, 2, 3)), 1.0)[:, None]
        colours = ((0.9 * near + 0.1 * far).reshape(count, bins) / total + 1e-9).astype(np.float32)
        places = [_place(lab, exact == thing) for thing in range(count)]
        return cls(colours, np.stack([low for low, _ in places]), np.stack([high for _, high in places]))

    def tell(self, lab: UInt8) -> UInt8:
        """The likeliest thing at each pixel, shape (T, H, W), all things held equally likely beforehand."""
        return np.stack([self._tell(frame) for frame in lab])  # frame by frame: what is at work stays in the cache

    def _tell(self, lab: UInt8) -> UInt8:
        """One frame (H, W, 3)."""
        import cv2

        bins = _bin(lab)
        evidence = np.empty((len(self.colours), *lab.shape[:2]), np.float32)
        for thing, (colours, low, high) in enumerate(zip(self.colours, self.low, self.high, strict=True)):
            here = _density(lab, low, high)
            if thing == BACKGROUND:
                # A shadow passes over the background: the same colour there, darker, by an unknown share.
                dark = low * np.array([1 - _SHADOW, 1, 1], np.float32)
                depth = _SHADOW * low[..., 0] / (np.sqrt(2 * np.pi) * _NOISE)
                here = 0.7 * here + 0.3 * _density(lab, dark, high) / (1 + depth)
            # Neighbours vote: a codec's block or a single noisy pixel is no thing of its own.
            evidence[thing] = cv2.blur(np.log(0.5 * colours[bins] + 0.5 * np.nan_to_num(here)), (_VOTERS, _VOTERS))
        return np.asarray(evidence.argmax(axis=0), np.uint8)


def _density(lab: UInt8, low: Float32, high: Float32) -> Float32:
    """Normal density of colours outside the range from `low` to `high`, per histogram bin, shape (H, W)."""
    outside = np.maximum(low - lab, lab - high).clip(0) / np.float32(_NOISE)
    peak = np.prod([256 / n for n in _BINS]) / (np.sqrt(2 * np.pi) * _NOISE) ** 3
    distance = np.einsum("hwc,hwc->hw", outside, outside)
    return np.asarray(peak * np.exp(-0.5 * distance), np.float32)


def _place(lab: UInt8, here: Bool) -> tuple[Float32, Float32]:
    """Range of a thing's mean colours over the block around each pixel, twice (H, W, 3)."""
    import cv2

    shown = here.sum(axis=0)[..., None]
    mean = (lab * here[..., None]).sum(axis=0, dtype=np.float32) / np.maximum(shown, 1)
    block = np.ones((_BLOCK, _BLOCK), np.uint8)
    low = cv2.erode(np.where(shown > 0, mean, 255).astype(np.float32), block)
    high = cv2.dilate(np.where(shown > 0, mean, 0).astype(np.float32), block)
    never = cv2.dilate((shown[..., 0] > 0).astype(np.uint8), block) == 0
    low[never], high[never] = np.nan, np.nan
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def _in_the_light_of(truth: UInt8, other: UInt8, background: Bool) -> UInt8:
    """`other` with the truth's colours: lamp, white balance and hue are not physics.

    One quadratic map of colour is fitted on the first frame, which shows the same moment in both, and one gain per
    channel and frame on the background, which follows a lamp that drifts.
    """
    design, aim = _colour_terms(other[0]).reshape(-1, 10), truth[0].reshape(-1, 3) / 255.0
    # The ridge holds the identity in directions of colour that the first frame does not show.
    ridge = 1e-4 * len(design) * np.eye(10)
    colour_map = np.linalg.solve(design.T @ design + ridge, design.T @ aim + ridge @ np.eye(10, 3))
    lit = np.empty_like(other)
    for t, frame in enumerate(other):
        mapped = _colour_terms(frame) @ colour_map.astype(np.float32)
        if t > 0 and background[t].mean() > 0.05:
            ratio = (truth[t][background[t]] / 255.0 + 0.02) / (mapped[background[t]] + 0.02).clip(0.02)
            mapped *= np.median(ratio, axis=0).clip(0.5, 2.0)
        lit[t] = (mapped * 255 + 0.5).clip(0, 255).astype(np.uint8)
    return lit


def _colour_terms(frames: UInt8) -> Float32:
    """Red, green, blue, their squares and products, and one, shape (..., 10)."""
    red, green, blue = np.moveaxis(frames / np.float32(255), -1, 0)
    squares = (red * red, green * green, blue * blue, red * green, green * blue, blue * red)
    return np.stack([red, green, blue, *squares, np.ones_like(red)], axis=-1)


def _to_lab(frames: UInt8) -> UInt8:
    """8-bit CIE Lab, the same shape, slightly blurred: a codec or a soft lens must not change the colours told."""
    import cv2

    return np.stack([cv2.cvtColor(cv2.GaussianBlur(frame, (0, 0), _BLUR), cv2.COLOR_RGB2LAB) for frame in frames])


def _bin(lab: UInt8) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Index of each pixel's colour bin, shape (..., H, W)."""
    low, mid, high = (lab[..., channel].astype(np.int64) * n // 256 for channel, n in enumerate(_BINS))
    return (low * _BINS[1] + mid) * _BINS[2] + high
