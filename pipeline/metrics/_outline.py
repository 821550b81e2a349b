"""The upper outline of a medium in two clips of the same event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.metrics._appearance import Sight
from pipeline.types import Bool, Float64

_LEAST = 0.25
"""Share of the medium's columns in the truth's first frame that must be known for an outline to mean anything."""


@dataclass(frozen=True)
class Outline:
    """How high a medium stands in each column of the picture, both (T, W) [px]; NaN where it is not known in both."""

    expected: Float64
    got: Float64


def outline(sight: Sight, kind: str) -> Outline | None:
    """Of all media of a kind together, told by colour in both clips alike; None if the truth has none.

    Columns in which a body hides the outline, or the medium is not seen at all, are not known. A medium that is nowhere
    to be seen in the other clip, where the truth shows it, stands at height 0.
    """
    media = [index for index, each in enumerate(sight.kinds, start=1) if each == kind]
    bodies = [index for index, each in enumerate(sight.kinds, start=1) if each == "rigid"]
    if not media:
        return None
    expected, got = (_heights(np.isin(told, media), np.isin(told, bodies)) for told in (sight.truth, sight.other))
    least = max(_LEAST * np.isfinite(expected[0]).sum(), 1)
    told = np.isfinite(expected).sum(axis=1) >= least
    both = np.isfinite(expected) & np.isfinite(got)
    gone = told & (both.sum(axis=1) < least)
    got = np.where(gone[:, None] & np.isfinite(expected), 0.0, got)
    known = np.isfinite(expected) & np.isfinite(got) & told[:, None]
    return Outline(np.where(known, expected, np.nan), np.where(known, got, np.nan))


def mean_over_columns(values: Float64) -> Float64:
    """Of each frame, without the unknown ones, shape (T,); NaN where none is known."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.asarray(np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan))


def _heights(medium: Bool, bodies: Bool) -> Float64:
    """Height of the topmost pixel of the medium over the picture's lower edge, (T, W) [px]; NaN where unknown."""
    import cv2

    height = medium.shape[1]
    # Drops and flying grains are no outline.
    solid = np.stack([cv2.morphologyEx(m, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) for m in medium.astype(np.uint8)])
    top = solid.argmax(axis=1)
    # A body above the topmost pixel hides what would be higher; three rows forgive a rim told wrongly.
    rows = np.arange(height)[None, :, None]
    hidden = (bodies & (rows < top[:, None]) & (rows >= top[:, None] - 3)).any(axis=1)
    return np.where(solid.any(axis=1) & ~hidden, height - top, np.nan)
