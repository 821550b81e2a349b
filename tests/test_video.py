from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import video
from pipeline.types import UInt8

WRITERS = {"rgb.mkv": video.write_lossless, "preview.mp4": video.write_preview}


def noise(*shape: int) -> UInt8:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def drifting_hills(length: int = 16, size: int = 48) -> UInt8:
    t, y, x = np.ogrid[:length, :size, :size]
    waves = [np.sin((x + t) / 9 + 0 * y), np.cos((y - t) / 7 + 0 * x), np.sin((x + y + t) / 11)]
    return (127 + 100 * np.stack(waves, -1)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (2, 33, 47), (5, 64, 64)])
@pytest.mark.parametrize("fps", [24.0, 30000 / 1001, 0.5, 2000.0])
def test_lossless_files_give_back_every_pixel(shape: tuple[int, ...], fps: float, tmp_path: Path) -> None:
    frames = noise(*shape)
    video.write_lossless(tmp_path / "rgb.mkv", frames, fps)
    read, rate = video.read(tmp_path / "rgb.mkv")
    np.testing.assert_array_equal(read, frames)
    assert rate == pytest.approx(fps, rel=1e-6)


def test_the_same_clip_gives_the_same_bytes_whatever_is_in_memory(tmp_path: Path) -> None:
    script = (
        "import sys, test_video\n"
        "from pathlib import Path\n"
        "for name, write in test_video.WRITERS.items():\n"
        "    write(Path(sys.argv[1]) / name, test_video.drifting_hills(12, 64), 24.0)\n"
    )
    root = Path(__file__).parents[1]
    paths = os.pathsep.join([str(root), str(root / "tests")])
    written = set()
    for filling in ("0", "85", "255"):  # glibc fills fresh memory with this; x264's mbtree was caught so
        environment = {**os.environ, "PYTHONPATH": paths, "MALLOC_PERTURB_": filling}
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=True)
        written.add(tuple((tmp_path / name).read_bytes() for name in WRITERS))
    assert len(written) == 1


def test_a_view_of_an_array_is_written_as_it_looks(tmp_path: Path) -> None:
    frames = noise(2, 8, 10)[:, ::-1, ::2]
    video.write_lossless(tmp_path / "rgb.mkv", frames, 24.0)
    np.testing.assert_array_equal(video.read(tmp_path / "rgb.mkv")[0], frames)


def test_previews_keep_colours_and_pad_odd_sizes(tmp_path: Path) -> None:
    frames = drifting_hills()[:, :47, :45]
    video.write_preview(tmp_path / "preview.mp4", frames, 24.0)
    read, rate = video.read(tmp_path / "preview.mp4")
    assert (read.shape, rate) == ((16, 48, 46, 3), 24.0)
    error = read[:, :47, :45].astype(float) - frames
    assert np.abs(error).mean() < 4
    assert np.abs(error.mean((0, 1, 2))).max() < 2, "the colour matrix is not the one the stream is tagged with"
    with av.open(str(tmp_path / "preview.mp4")) as container:
        context = container.streams.video[0].codec_context
        keys = [number for number, frame in enumerate(container.decode(video=0)) if frame.key_frame]
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert keys[0] == 0
        assert max(np.diff([*keys, 16])) <= 8


def test_other_codecs_are_read(tmp_path: Path) -> None:
    frames = drifting_hills()
    with av.open(str(tmp_path / "clip.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=15)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 48, 48, "yuv420p", 4_000_000
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    read, rate = video.read(tmp_path / "clip.avi")
    assert (read.shape, rate) == (frames.shape, 15.0)
    assert np.abs(read.astype(float) - frames).mean() < 8


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.9999])
def test_a_truncated_file_is_an_error_and_not_a_short_clip(name: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path, drifting_hills(), 24.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(video.VideoError, match=f"{name}: expected a complete video file, got .*; make the file again"):
        video.read(path)


def test_a_truncated_mp4_with_its_index_in_front_says_how_much_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "fast.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width, stream.pix_fmt = 48, 48, "yuv420p"
        for image in drifting_hills():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    assert len(video.read(path)[0]) == 16
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(video.VideoError, match=rf"{len(whole) * 2 // 3} of {len(whole)} bytes"):
        video.read(path)


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello world\n" * 200)
    (tmp_path / "page.mp4").write_text("<html>404</html>")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    expected = {
        "missing.mp4": "no such file",
        "folder.mp4": "a folder",
        "empty.mp4": "an empty one of 0 bytes",
        "page.mp4": "'Invalid data found when processing input' after 0 frames",
        "text.txt": r"a text or a single picture \('tty'\)",
        "sound.wav": r"a file without a video stream \(it holds: audio\)",
    }
    for name, got in expected.items():
        with pytest.raises(video.VideoError, match=f"{name}: expected a complete video file, got {got}"):
            video.read(tmp_path / name)


def test_a_stream_without_frames_is_an_error(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "none.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.height, stream.width, stream.pix_fmt = 48, 48, "bgr0"
        container.start_encoding()
    with pytest.raises(video.VideoError, match=r"none\.mkv: expected a complete video file, got"):
        video.read(tmp_path / "none.mkv")


@pytest.mark.parametrize("write", WRITERS.values())
def test_writers_refuse_what_is_no_clip(write: object, tmp_path: Path) -> None:
    for frames in (noise(2, 4, 4) / 255, noise(2, 4, 4)[..., 0], noise(0, 4, 4)):
        with pytest.raises(ValueError, match=r"frames must be uint8 of shape \(T, H, W, 3\) .* got"):
            write(tmp_path / "clip", frames, 24.0)  # type: ignore[operator]
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="fps must be positive and finite"):
            write(tmp_path / "clip", noise(2, 4, 4), fps)  # type: ignore[operator]
    assert not (tmp_path / "clip").exists()
