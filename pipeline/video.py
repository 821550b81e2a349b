"""Video files: pixels in, pixels out. FFV1 for keeping, H.264 for looking, anything for reading."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pipeline.types import Float64, UInt8

if TYPE_CHECKING:
    import av

LOSSLESS = "FFV1 level 3, bgr0, every frame a key frame, in Matroska"
"""What `write_lossless` writes, for provenance."""
PREVIEW = "H.264 (libx264), yuv420p, BT.709 limited range, crf 10, g 8, no mbtree, in MP4"
"""What `write_preview` writes, for provenance."""

Add = Callable[[UInt8], None]
"""Takes one frame more, sRGB of shape (H, W, 3)."""

_NOT_VIDEO = ("tty", "image2")
"""Demuxers that make 'video' out of text and single pictures; so do all whose name ends in _pipe."""


class VideoError(ValueError):
    """A file that is not, or no longer, a video."""

    def __init__(self, path: Path, got: str) -> None:
        super().__init__(f"{path}: expected a complete video file, got {got}; make the file again")


@dataclass(frozen=True)
class Beginning:
    """As much of a video as was asked for."""

    frames: UInt8
    """sRGB, turned upright as the file asks for, shape (T, H, W, 3)."""
    time: Float64
    """When each of them is shown, the first at 0 [s], shape (T,)."""
    fps: float
    """Mean rate of the file [1/s]; NaN where a single frame has none."""
    total: int
    """How many frames the whole file has, as far as can be told without decoding the rest."""


def read(path: Path | str) -> tuple[UInt8, float]:
    """All frames of the first video stream and their mean rate.

    Returns:
        sRGB frames, uint8 of shape (T, H, W, 3), turned upright as the file asks for; frames per second [1/s].

    Raises:
        VideoError: the file is missing, cut short, damaged, no video at all, or holds no frame.

    """
    whole = read_beginning(path)
    if not whole.fps > 0:
        raise VideoError(Path(path), "no frame rate")
    return whole.frames, whole.fps


def read_beginning(
    path: Path | str, seconds: float = math.inf, step: float = 0.0, fit: Callable[[UInt8], UInt8] | None = None
) -> Beginning:
    """Frames up to the first one at `seconds` or later, each through `fit` (such as a change of size) at once.

    A frame that is shown less than `step` [s] after the last one kept is passed over. So neither a long, nor a large,
    nor a very fast video fills the memory. Raises VideoError as `read` does.
    """
    import av

    path = Path(path)
    frames: list[UInt8] = []
    times: list[float] = []
    seen = 0
    try:
        with av.open(str(_whole(path))) as container:
            stream = _video_stream(path, container)
            rate = float(stream.average_rate or stream.guessed_rate or 0)
            packets = _Counted(container.demux(stream))
            for frame in _decode(packets, stream):
                time = _time(path, frame, seen, rate)
                seen += 1
                if not times or not step or time - times[-1] >= step:
                    image = _upright(frame)
                    frames.append(fit(image) if fit else image)
                    times.append(time)
                if time - times[0] >= seconds:
                    break
            total = max(packets.to_the_end(), seen) if seconds < math.inf else seen
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(path, f"'{error.strerror}' after {len(frames)} frames") from error
    if not frames:
        raise VideoError(path, "a video stream without frames")
    if len({frame.shape for frame in frames}) > 1:
        raise VideoError(path, "frames of several sizes")
    shown = np.maximum.accumulate(np.array(times) - times[0])
    return Beginning(np.stack(frames), shown, rate or _mean_rate(shown), total)


def _time(path: Path, frame: av.VideoFrame, number: int, rate: float) -> float:
    """When a sound frame is shown [s]: as it says, else by its number and the rate [1/s]."""
    if frame.is_corrupt:
        raise VideoError(path, f"damaged data in frame {number}")
    if frame.time is not None:
        return float(frame.time)
    if number and not rate:
        raise VideoError(path, "no frame rate")
    return number / rate if number else 0.0


def _mean_rate(time: Float64) -> float:
    return (len(time) - 1) / float(time[-1]) if time[-1] > 0 else math.nan


def _whole(path: Path) -> Path:
    """The path itself, if a file lies there that is as long as its headers say."""
    if not path.is_file():
        raise VideoError(path, "a folder" if path.is_dir() else "no such file")
    size, announced = path.stat().st_size, _announced_size(path)
    if not size:
        raise VideoError(path, "an empty one of 0 bytes")
    if size < announced:
        raise VideoError(path, f"a truncated one: {size} of {announced} bytes")
    return path


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    """The first stream that moves: neither sound nor the cover picture of a piece of music."""
    from av.stream import Disposition

    name = container.format.name
    if name in _NOT_VIDEO or name.endswith("_pipe"):
        raise VideoError(path, f"a text or a single picture ('{name}')")
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    held = ", ".join(stream.type for stream in container.streams) or "nothing"
    raise VideoError(path, f"a file without a video stream (it holds: {held})")


class _Counted:
    """The packets of a stream; those that hold something are counted as they pass."""

    def __init__(self, packets: Iterator[av.Packet]) -> None:
        self.number = 0
        self._packets = packets

    def __iter__(self) -> Iterator[av.Packet]:
        for packet in self._packets:
            self.number += packet.size > 0
            yield packet

    def to_the_end(self) -> int:
        """How many there are, without decoding those that have not passed yet."""
        for _ in self:
            pass
        return self.number


def _decode(packets: _Counted, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    stream.codec_context.thread_count = 1  # many clips are read at once, each by a process of its own
    for packet in packets:  # the last one is empty, and makes the decoder give what it still holds back
        yield from packet.decode()


def _upright(frame: av.VideoFrame) -> UInt8:
    # The conversion obeys the colour matrix and range that the stream is tagged with; it ignores transparency.
    # One thread: starting more for every frame takes longer than the conversion, and a worker has one core.
    image = frame.to_ndarray(format="rgb24", threads=1)
    return np.rot90(image, k=round(frame.rotation / 90)) if frame.rotation else image


def write_lossless(path: Path | str, frames: UInt8, fps: float) -> None:
    """Write FFV1 in Matroska: every pixel comes back as it was, and the same clip gives the same bytes.

    `frames` are sRGB, uint8 of shape (T, H, W, 3); `fps` in [1/s]. Raises ValueError for anything else, OSError if
    the file cannot be written.
    """
    with lossless(path, _checked(path, frames, fps).shape[1:3], fps) as add:
        for image in frames:
            add(image)


def write_preview(path: Path | str, frames: UInt8, fps: float) -> None:
    """Write H.264 that every browser plays; odd heights and widths repeat their last row or column.

    `frames` are sRGB, uint8 of shape (T, H, W, 3); `fps` in [1/s]. Same clip, same bytes. Raises ValueError for
    anything else, OSError if the file cannot be written.
    """
    with preview(path, _checked(path, frames, fps).shape[1:3], fps) as add:
        for image in frames:
            add(image)


@contextmanager
def lossless(path: Path | str, size: tuple[int, int], fps: float) -> Iterator[Add]:
    """Yield what takes the frames of a `write_lossless` one by one; `size` is their (height, width) [px]."""
    # The number of slices must not follow the number of cores.
    slices = "4" if min(size) >= 16 else "1"
    options = {"level": "3", "slices": slices, "slicecrc": "1", "g": "1"}
    with _encoder(path, size, fps, "matroska", "ffv1", "bgr0", options) as add:
        yield add


@contextmanager
def preview(path: Path | str, size: tuple[int, int], fps: float) -> Iterator[Add]:
    """Yield what takes the frames of a `write_preview` one by one; `size` is their (height, width) [px]."""
    height, width = size
    even = (height + height % 2, width + width % 2)
    # x264's macroblock tree reads memory that nobody wrote: with it, one file in a hundred comes out differently.
    options = {"crf": "10", "g": "8", "mbtree": "0"}
    with _encoder(path, even, fps, "mp4", "libx264", "yuv420p", options) as add:
        yield lambda image: add(np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))


def _checked(path: Path | str, frames: UInt8, fps: float) -> UInt8:
    if not (frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3 and frames.size):
        raise ValueError(
            f"{path}: frames must be uint8 of shape (T, H, W, 3) with at least one pixel, "
            f"got {frames.dtype} of shape {frames.shape}"
        )
    return frames


class _Sink:
    """A file that keeps its first fault to itself, which FFmpeg would answer with silence or a riddle."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file
        self._fault: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except OSError as error:
            self._fault = self._fault or error
        return len(data)

    def check(self) -> None:
        """Say what went wrong, such as a full disk."""
        if self._fault:
            raise self._fault


@contextmanager
def _encoder(
    path: Path | str,
    size: tuple[int, int],
    fps: float,
    container: str,
    codec: str,
    pixels: str,
    options: dict[str, str],
) -> Iterator[Add]:
    """Yield what encodes one frame more; the file is written meanwhile, and gone again if the block raises."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"{path}: fps must be positive and finite [1/s], got {fps}")
    with _gone_if_unfinished(Path(path)), Path(path).open("wb") as file:
        target = _Sink(file)
        # bitexact leaves out random ids, dates and version strings; one thread: x264 with more is not repeatable.
        with av.open(target, "w", format=container, options={"fflags": "+bitexact"}) as sink:
            rate = Fraction(fps).limit_denominator(65535)
            stream = sink.add_stream(codec, rate=rate, options={"flags": "+bitexact", **options})
            context = stream.codec_context
            context.height, context.width = size
            context.pix_fmt, context.thread_count = pixels, 1
            colours: dict[str, int] = {}
            if pixels == "yuv420p":  # tag the stream with the matrix in use, or players guess
                colours = {"dst_colorspace": Colorspace.ITU709, "dst_color_range": ColorRange.MPEG}
                context.colorspace = context.color_primaries = context.color_trc = int(Colorspace.ITU709)
                context.color_range = int(ColorRange.MPEG)

            def add(image: UInt8) -> None:
                if image.dtype != np.uint8 or image.shape != (*size, 3):
                    raise ValueError(f"{path}: expected a frame of uint8 {(*size, 3)}, got {image.dtype} {image.shape}")
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                sink.mux(stream.encode(frame.reformat(format=pixels, threads=1, **colours)))
                target.check()

            yield add
            sink.mux(stream.encode(None))
        target.check()


@contextmanager
def _gone_if_unfinished(path: Path) -> Iterator[None]:
    """Leave no half file behind."""
    try:
        yield
    except BaseException:
        if path.is_file():
            path.unlink()
        raise


def _announced_size(path: Path) -> int:
    """Bytes that the file's own headers say it has; 0 where they say nothing.

    FFmpeg reads a truncated file as far as it goes and calls that its end.
    """
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        if head[4:8] == b"ftyp":
            return _size_of_boxes(file, path.stat().st_size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _size_of_elements(file)
        if head[:4] == b"RIFF":  # AVI: the length of the rest follows
            return 8 + int.from_bytes(head[4:8], "little")
    return 0


def _size_of_boxes(file: BinaryIO, size: int) -> int:
    """End of the last top-level box of an MP4 or MOV file (ISO/IEC 14496-12, section 4.2)."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        length = int.from_bytes(file.read(4), "big")
        kind = file.read(4)
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8 or not kind.isascii():  # 0: up to the end of the file; else not a box
            return size
        end += length
    return end


def _size_of_elements(file: BinaryIO) -> int:
    """End of the first segment of a Matroska or WebM file (RFC 8794, section 6; RFC 9559, section 4.5)."""
    for identifier in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):
        if file.read(4) != identifier:
            return 0
        first = file.read(1)
        if not first or not first[0]:
            return 0
        extra = 8 - first[0].bit_length()
        length = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + file.read(extra), "big")
        if length == (1 << 7 * (extra + 1)) - 1:  # all ones: unknown, as in live streams
            return 0
        file.seek(length, io.SEEK_CUR)
    return file.tell()
