"""Clips and flow as pictures that stand inside the page."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float32, Float64, UInt8

TILE = 160
"""Largest width of a picture in a strip [px]."""
CELL = 192
"""Largest width of one clip in the side-by-side film [px]."""
GAP = 4
"""Between pictures [px]."""
GREY = 128


def strip(pictures: Sequence[UInt8], quality: int = 80) -> str:
    """Pictures of shape (H, W, 3) in one row, as a data URI (WebP)."""
    return webp(np.concatenate([_shrunk(picture, TILE) for picture in pictures], axis=1), quality)


def pair(left: UInt8, right: UInt8) -> str:
    """Two pictures beside each other with a gap, as a data URI."""
    left, right = _shrunk(left, TILE), _shrunk(right, TILE)
    gap = np.full((len(left), GAP, 3), GREY, np.uint8)
    return webp(np.concatenate([left, gap, right], axis=1), 80)


def film(clips: Sequence[UInt8], fps: float) -> tuple[str, int, int]:
    """Clips of shape (T, H, W, 3), playing together on a grid: (data URI of an mp4, columns, rows of the grid).

    Shorter clips stand still at their end; an odd cell stays grey.
    """
    from pipeline.video import write_preview

    columns = min(len(clips), 2 if len(clips) <= 4 else 3)
    rows = -(-len(clips) // columns)
    length = max(len(clip) for clip in clips)
    cells = [_lengthened(np.stack([_even(_shrunk(frame, CELL)) for frame in clip]), length) for clip in clips]
    cells += [np.full_like(cells[0], GREY)] * (columns * rows - len(cells))
    lines = [np.concatenate(cells[row * columns : (row + 1) * columns], axis=2) for row in range(rows)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_preview(path, np.ascontiguousarray(np.concatenate(lines, axis=1)), fps)
        return _uri("video/mp4", path.read_bytes()), columns, rows


def flow_scale(flow: Float32) -> float:
    """Speed that gets full colour [px per frame]: nearly the largest of a clip, and at least half a pixel."""
    return max(0.5, float(np.percentile(np.hypot(flow[..., 0], flow[..., 1]), 99.8)))


def flow_picture(flow: Float32, scale: float) -> UInt8:
    """Direction as hue, speed as saturation, rest is white: the colour wheel of Baker et al. (2007, IJCV 2011).

    `flow` (H, W, 2) = (u right, v down) [px], `scale` [px] gets full colour; faster is darkened.
    """
    u, v = flow[..., 0] / scale, flow[..., 1] / scale
    radius = np.hypot(u, v)
    wheel = _wheel()
    at = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(wheel) - 1)
    low = np.floor(at).astype(int)
    share = (at - low)[..., None]
    hue = (1 - share) * wheel[low] + share * wheel[(low + 1) % len(wheel)]
    inside = 1 - radius[..., None] * (1 - hue)
    colour = np.where(radius[..., None] <= 1, inside, 0.75 * hue)
    picture: UInt8 = (255 * np.clip(colour, 0, 1)).astype(np.uint8)
    return picture


def depth_picture(depth: Float32) -> UInt8:
    """Near is light, far is dark, the sky black; `depth` (H, W) [m]."""
    near, far = float(depth.min()), float(np.max(depth, initial=0.0, where=np.isfinite(depth)))
    share = np.where(np.isfinite(depth), 1 - 0.8 * (depth - near) / max(far - near, 1e-6), 0.0)
    grey: UInt8 = (255 * share).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def instance_picture(segmentation: NDArray[np.uint16]) -> UInt8:
    """Every thing in a colour of its own, the background grey; `segmentation` (H, W) holds instance ids."""
    wheel = _wheel()
    hues = wheel[(np.arange(1, int(segmentation.max()) + 1) * 21) % len(wheel)]
    palette = np.concatenate([np.full((1, 3), 0.25), hues])
    picture: UInt8 = (255 * palette[segmentation]).astype(np.uint8)
    return picture


def legend(size: int = 96) -> str:
    """The colour wheel itself, as a data URI; outside of the disc it is transparent."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    u, v = np.meshgrid(axis, axis)
    picture = flow_picture(np.stack([u, v], -1).astype(np.float32), 1.0)
    alpha = np.clip((1 - np.hypot(u, v)) * size / 2, 0, 1)
    return webp(np.concatenate([picture, (255 * alpha[..., None]).astype(np.uint8)], axis=-1), 90)


def webp(picture: UInt8, quality: int) -> str:
    """A picture of shape (H, W, 3 or 4), sRGB, as a data URI."""
    import cv2

    swapped = picture[..., [2, 1, 0, 3][: picture.shape[2]]]
    done, data = cv2.imencode(".webp", np.ascontiguousarray(swapped), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise RuntimeError(f"report: OpenCV could not write a WebP of shape {picture.shape}; is it built without WebP?")
    return _uri("image/webp", data.tobytes())


def _wheel() -> Float64:
    """55 hues, red over yellow, green, cyan, blue and magenta to red, (55, 3) in 0..1, with the paper's step counts."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], dtype=np.float64)
    steps = (15, 6, 4, 11, 13, 6)
    return np.concatenate(
        [
            one + (two - one) * np.arange(count)[:, None] / count
            for one, two, count in zip(corners[:-1], corners[1:], steps, strict=True)
        ]
    )


def _shrunk(picture: UInt8, width: int) -> UInt8:
    import cv2

    if picture.shape[1] <= width:
        return picture
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _even(picture: UInt8) -> UInt8:
    """Even height and width, which yuv420p needs, by repeating the last line."""
    return np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")


def _lengthened(clip: UInt8, length: int) -> UInt8:
    return np.concatenate([clip, np.repeat(clip[-1:], length - len(clip), axis=0)])


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
