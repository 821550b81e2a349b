"""Videos as they come from elsewhere: every container, codec, rate, size and damage that a judge may be handed."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.types import UInt8


def write(
    path: Path,
    frames: UInt8,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: int = 24,
    container: str | None = None,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> None:
    """Encode frames (T, H, W, 3) or (T, H, W, 4), at an even rate or shown at `times` [s]."""
    with av.open(str(path), "w", format=container) as sink:
        stream = sink.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.codec_context.thread_count = pixels, 1
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[-1] == 4 else "rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(1000 * times[number]), Fraction(1, 1000)
            sink.mux(stream.encode(frame.reformat(format=pixels)))
        sink.mux(stream.encode(None))


def write_sound(path: Path, container: str) -> None:
    """A second of silence, without any picture."""
    with av.open(str(path), "w", format=container) as sink:
        stream = sink.add_stream("aac", rate=8000, layout="mono")
        for _ in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 8000
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))


def write_wave(path: Path) -> None:
    """The same as WAV."""
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))


def damaged(path: Path, frames: UInt8, how: Callable[[bytes], bytes], **settings: Any) -> None:
    """A video after something happened to its bytes."""
    write(path, frames, **settings)
    path.write_bytes(how(path.read_bytes()))
