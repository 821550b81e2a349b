"""Other people's videos: every kind becomes a clip or one clear error, and the rest of the batch goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from other_videos import damaged, write, write_sound, write_wave

from pipeline import store, video
from pipeline.app import compose
from pipeline.models.folder import Folder
from pipeline.stages._walk import walk
from pipeline.types import Clip, Prompt, UInt8

SIZE, COUNT, FPS = 32, 9, 24.0
Make = Callable[[Path], None]


def hills(count: int = COUNT, height: int = SIZE, width: int = SIZE) -> UInt8:
    """Waves that drift, (count, height, width, 3), the same whatever the size."""
    t, y, x = np.ogrid[:count, :height, :width]
    y, x = y * SIZE / height, x * SIZE / width
    waves = [np.sin((x + t) / 9 + 0 * y), np.cos((y - t) / 7 + 0 * x), np.sin((x + y + t) / 11)]
    return (127 + 100 * np.stack(waves, -1)).astype(np.uint8)


def ramp(count: int, per_second: float = 96.0, rate: float = FPS) -> UInt8:
    """A clip that brightens evenly, so that its colour tells the time."""
    levels = np.rint(20 + per_second * np.arange(count) / rate).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, SIZE, SIZE, 3)).copy()


def shown_in(folder: Path) -> Clip:
    return Folder(path=str(folder)).generate(Prompt("clip", "", hills()[:2], FPS, COUNT), 0)


def see_through(frames: UInt8) -> UInt8:
    return np.concatenate([frames, np.full((*frames.shape[:3], 1), 128, np.uint8)], axis=-1)


def hole(coded: bytes) -> bytes:
    third = len(coded) // 3
    return coded[:third] + bytes(400) + coded[third + 400 :]


GOOD: dict[str, tuple[str, Make, float]] = {
    "plain": ("mp4", lambda path: write(path, hills(), options={"crf": "10"}), 4),
    "capitals": ("MP4", lambda path: write(path, hills(), options={"crf": "10"}, container="mp4"), 4),
    "10 bit H.264": ("mp4", lambda path: write(path, hills(), pixels="yuv420p10le", options={"crf": "10"}), 4),
    "10 bit ProRes": ("mov", lambda path: write(path, hills(), "prores_ks", "yuv422p10le"), 4),
    "VP9": ("webm", lambda path: write(path, hills(), "libvpx-vp9", options={"crf": "10", "b": "0"}), 4),
    "alpha, lossless": ("mkv", lambda path: write(path, see_through(hills()), "ffv1", "bgra"), 0.01),
    "alpha, ProRes": ("mov", lambda path: write(path, see_through(hills()), "prores_ks", "yuva444p10le"), 4),
    "odd size": ("mkv", lambda path: write(path, hills(COUNT, 33, 35), "ffv1", "bgr0"), 4),
    "odd size, chroma halved": ("mkv", lambda path: write(path, hills(COUNT, 33, 35), "ffv1"), 5),
    "starts late": ("mkv", lambda path: write(path, hills(), times=[5 + k / FPS for k in range(COUNT)]), 5),
    "Matroska called .mp4": ("mp4", lambda path: write(path, hills(), "ffv1", "bgr0", container="matroska"), 0.01),
    "MP4 called .avi": ("avi", lambda path: write(path, hills(), container="mp4"), 5),
    "transport stream called .mp4": ("mp4", lambda path: write(path, hills(), container="mpegts"), 5),
}
"""Name -> ending, how to make it, mean difference from `hills()` that its codec or size excuses [of 255]."""

BAD: dict[str, tuple[str, Make, str]] = {
    "zero bytes": ("mp4", lambda path: path.touch(), "an empty one of 0 bytes"),
    "text": ("mp4", lambda path: path.write_text("hello\n" * 99) and None, "Invalid data found"),
    "noise": (
        "mkv",
        lambda path: path.write_bytes(np.random.default_rng(0).bytes(4096)) and None,
        "expected a complete video file, got",
    ),
    "sound": ("mp4", lambda path: write_sound(path, "mp4"), r"without a video stream \(it holds: audio\)"),
    "sound, Matroska": ("mkv", lambda path: write_sound(path, "matroska"), "without a video stream"),
    "sound, WAV": ("avi", write_wave, "without a video stream"),
    "picture": ("mp4", lambda path: write(path, hills(1), "png", "rgb24", container="image2pipe"), "single picture"),
    "cut short": ("mp4", lambda path: damaged(path, hills(40), lambda coded: coded[: len(coded) // 2]), "truncated"),
    "cut short, lossless": (
        "mkv",
        lambda path: damaged(path, hills(), lambda coded: coded[: len(coded) // 2], codec="ffv1", pixels="bgr0"),
        "truncated",
    ),
    "hole": ("mp4", lambda path: damaged(path, hills(40, 64, 64), hole), r"Invalid data found .* after \d+ frames"),
    "not there": (
        "txt",
        lambda path: path.write_text("no video") and None,
        r"no clip for .*; got clip__s0\.txt, which",
    ),
}
"""Name -> ending, how to make it, what the error says."""


@pytest.mark.parametrize("name", GOOD)
def test_what_any_player_shows_is_read(name: str, tmp_path: Path) -> None:
    ending, make, excused = GOOD[name]
    make(tmp_path / f"clip__s0.{ending}")
    clip = shown_in(tmp_path)
    assert clip.frames.shape == (COUNT, SIZE, SIZE, 3)
    assert np.abs(clip.frames.astype(float) - hills()).mean() < excused
    assert not {"fps", "length"} & set(clip.notes)
    assert ("size" in clip.notes) == name.startswith("odd")


@pytest.mark.parametrize("name", BAD)
def test_what_no_player_shows_is_one_clear_error_that_names_the_file(name: str, tmp_path: Path) -> None:
    ending, make, words = BAD[name]
    make(tmp_path / f"clip__s0.{ending}")
    with pytest.raises((video.VideoError, FileNotFoundError), match=words) as raised:
        shown_in(tmp_path)
    assert f"clip__s0.{ending}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("turn", "quarters"), [(90, 1), (180, 2), (-90, 3)])
def test_a_rotated_video_is_turned_upright(turn: int, quarters: int, tmp_path: Path) -> None:
    upright = hills(COUNT, SIZE, SIZE)
    write(tmp_path / "clip__s0.mp4", np.rot90(upright, -quarters, (1, 2)), rotation=turn, options={"crf": "10"})
    assert np.abs(shown_in(tmp_path).frames.astype(float) - upright).mean() < 4


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_variable_rate_is_followed_by_time_and_not_by_number(ending: str, tmp_path: Path) -> None:
    times = [0, 0.02, 0.1, 0.12, 0.2, 0.22, 0.3, 0.32, 0.5]
    levels = np.array([round(20 + 96 * time) for time in times], np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (9, SIZE, SIZE, 3))
    write(tmp_path / f"clip__s0.{ending}", frames, times=times, options={"crf": "5"})
    clip = shown_in(tmp_path)
    assert np.abs(clip.frames.astype(float) - ramp(COUNT)).max() <= 3
    assert clip.notes["fps"] == "resampled from a variable rate, 16 on average, to 24 fps (linear)"


def test_a_single_frame_stands_still(tmp_path: Path) -> None:
    for ending, codec, pixels in (("mp4", "libx264", "yuv420p"), ("mkv", "ffv1", "bgr0"), ("gif", "gif", "rgb8")):
        file = tmp_path / f"clip__s0.{ending}"
        write(file, hills(1), codec, pixels)
        clip = shown_in(tmp_path)
        assert clip.notes["length"] == "too short: 1 of 9 frames, the last one repeated"
        assert np.ptp(clip.frames, axis=0).max() == 0
        file.unlink()


def test_of_ten_thousand_frames_those_that_are_needed_are_decoded_and_the_rest_is_counted(tmp_path: Path) -> None:
    frames = np.broadcast_to(ramp(1), (10_000, SIZE, SIZE, 3))
    write(tmp_path / "clip__s0.mp4", frames, options={"preset": "ultrafast"})
    assert shown_in(tmp_path).notes["length"] == "cut from 10000 frames to the first 9"
    kept = video.read_beginning(tmp_path / "clip__s0.mp4", COUNT / FPS)
    assert (len(kept.frames), kept.total) == (10, 10_000)


def test_a_very_fast_video_is_thinned_and_not_slowed_down(tmp_path: Path) -> None:
    write(tmp_path / "clip__s0.mkv", ramp(900, rate=2000), "ffv1", "bgr0", rate=2000)
    clip = shown_in(tmp_path)
    assert np.abs(clip.frames.astype(float) - ramp(COUNT)).max() <= 1
    assert clip.notes["fps"] == "resampled from 2000 to 24 fps (linear)"
    assert clip.notes["length"] == "cut from 900 frames to the first 668"
    fast = video.read_beginning(tmp_path / "clip__s0.mkv", COUNT / FPS, 1 / 192)
    assert len(fast.frames) < 80


def test_a_large_video_is_made_small_frame_by_frame(tmp_path: Path) -> None:
    write(tmp_path / "large.mkv", hills(3, 64, 96), "ffv1", "bgr0")
    sizes = []

    def fit(image: UInt8) -> UInt8:
        sizes.append(image.shape)
        return image[::8, ::8]

    assert video.read_beginning(tmp_path / "large.mkv", fit=fit).frames.shape == (3, 8, 12, 3)
    assert sizes == [(64, 96, 3)] * 3


def test_a_single_sample_needs_no_number_and_the_numbered_file_goes_first(tmp_path: Path) -> None:
    write(tmp_path / "clip.mkv", hills(), "ffv1", "bgr0")
    assert shown_in(tmp_path).notes["file"] == "clip.mkv"
    write(tmp_path / "clip__s0.mp4", hills())
    assert shown_in(tmp_path).notes["file"] == "clip__s0.mp4"


def test_every_file_of_a_batch_gets_a_score_or_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`stage=score model=folder` on one scene, each kind of video as one more sample."""
    size = ("num_frames=9", "height=32", "width=32", "clips=1", "redraws=2", "material=none", "quick=true")
    common = [f"outputs={tmp_path}", "run=batch", "engine=serial", "baselines=[]", *size]
    assert walk(compose([*common, "stage=simulate"]), "") == 0
    run, made = tmp_path / "batch", tmp_path / "videos"
    made.mkdir()
    (clip_id,) = (clip.name for clip in (run / "clips").iterdir())
    kinds = {**{name: (one[0], one[1]) for name, one in {**GOOD, **BAD}.items()}}
    for sample, (ending, make) in enumerate(kinds.values()):
        make(made / f"{clip_id}__s{sample}.{ending}")
    truth = store.load_clip(run / "clips" / clip_id, layers=False)
    video.write_lossless(made / f"{clip_id}__s{len(kinds)}.mkv", truth.frames, truth.fps)
    capsys.readouterr()
    asked = [*common, "stage=score", "model=folder", f"model.path={made}", f"samples={len(kinds) + 1}"]
    assert walk(compose(asked), "") == 1
    rows = pq.read_table(run / "scores.parquet").to_pylist()
    scored = {row["sample"]: row["value"] for row in rows if row["metric"] == "plausibility"}
    names = list(kinds)
    assert {names[sample] for sample in scored if sample < len(kinds)} == set(GOOD)
    assert all(np.isfinite(value) for value in scored.values())
    assert scored[len(kinds)] == max(scored.values()) > 90
    failures = json.loads((run / "summary.json").read_text())["stages"]["score"]["failures"]
    assert {names[int(unit.rsplit("__s", 1)[1])] for unit in failures} == set(BAD)
    said = capsys.readouterr().err
    assert all(f"score {unit}: " in said for unit in failures)
