"""Clips made elsewhere arrive as the prompt asks for them, and the notes say what was done to them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline import video
from pipeline.models.folder import Between, Folder
from pipeline.types import Prompt, UInt8


def ramp(count: int, height: int = 32, width: int = 32, per_frame: int = 4) -> UInt8:
    """A clip that brightens evenly, so that its colour tells the time."""
    levels = (20 + per_frame * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def prompt(count: int = 9, shown: int = 2) -> Prompt:
    return Prompt("clip", "", ramp(shown), 24.0, count)


def test_a_clip_as_asked_for_is_left_alone(tmp_path: Path) -> None:
    video.write_lossless(tmp_path / "clip__s0.mkv", ramp(9), 24.0)
    clip = Folder(path=str(tmp_path)).generate(prompt(), 0)
    np.testing.assert_array_equal(clip.frames, ramp(9))
    assert dict(clip.notes) == {"file": "clip__s0.mkv"}


def test_the_sample_picks_the_file(tmp_path: Path) -> None:
    for sample in range(2):
        video.write_lossless(tmp_path / f"clip__s{sample}.mkv", ramp(9) + np.uint8(sample), 24.0)
    clip = Folder(path=str(tmp_path)).generate(prompt(), 0, sample=1)
    assert clip.sample == 1
    assert clip.frames[0, 0, 0, 0] == 21
    assert clip.notes["prompt"] == "first 2 frames differ from the prompt by 1.00 of 255 on average"


@pytest.mark.parametrize(("between", "third"), [(Between.LINEAR, 20 + 2 * 8 / 2 - 2), (Between.NEAREST, 28)])
def test_another_rate_is_resampled_in_time(between: Between, third: int, tmp_path: Path) -> None:
    video.write_lossless(tmp_path / "clip__s0.mkv", ramp(8, per_frame=8), 12.0)
    clip = Folder(path=str(tmp_path), between=between).generate(prompt(), 0)
    levels = clip.frames[:, 0, 0, 0]
    assert clip.fps == 24.0
    np.testing.assert_array_equal(levels[::2], ramp(9)[::2, 0, 0, 0])
    if between is Between.LINEAR:
        np.testing.assert_array_equal(levels, ramp(9)[:, 0, 0, 0])
    else:
        assert set(levels) <= set(ramp(8, per_frame=8)[:, 0, 0, 0])
    assert clip.notes["fps"] == f"resampled from 12 to 24 fps ({between.value})"


def test_another_size_is_resampled(tmp_path: Path) -> None:
    video.write_lossless(tmp_path / "clip__s0.mkv", ramp(9, 64, 96), 24.0)
    clip = Folder(path=str(tmp_path)).generate(prompt(), 0)
    np.testing.assert_array_equal(clip.frames, ramp(9))
    assert clip.notes["size"] == "resampled from 96x64 to 32x32 (area), proportions changed"


def test_a_short_clip_is_seen_to_stand_still(tmp_path: Path) -> None:
    video.write_lossless(tmp_path / "clip__s0.mkv", ramp(6), 24.0)
    clip = Folder(path=str(tmp_path)).generate(prompt(), 0)
    np.testing.assert_array_equal(clip.frames[5:], np.repeat(ramp(6)[-1:], 4, axis=0))
    assert clip.notes["length"] == "too short: 6 of 9 frames, the last one repeated"


def test_a_long_clip_is_cut(tmp_path: Path) -> None:
    video.write_lossless(tmp_path / "clip__s0.mkv", ramp(15), 24.0)
    clip = Folder(path=str(tmp_path)).generate(prompt(), 0)
    np.testing.assert_array_equal(clip.frames, ramp(9))
    assert clip.notes["length"] == "cut from 15 frames to the first 9"


def test_mp4_is_read(tmp_path: Path) -> None:
    video.write_preview(tmp_path / "clip__s0.mp4", ramp(9), 24.0)
    clip = Folder(path=str(tmp_path)).generate(prompt(), 0)
    assert np.abs(clip.frames.astype(int) - ramp(9)).max() <= 3


def test_a_truncated_mp4_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "clip__s0.mp4"
    video.write_preview(file, ramp(9), 24.0)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"clip__s0\.mp4"):
        Folder(path=str(tmp_path)).generate(prompt(), 0)


def test_a_missing_file_is_an_error_that_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"clip, sample 3; looked in .* for clip__s3\.mkv, clip__s3\.mp4"):
        Folder(path=str(tmp_path)).generate(prompt(), 0, sample=3)


def test_a_missing_folder_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"set model\.path"):
        Folder().fingerprint()
    with pytest.raises(FileNotFoundError, match="no folder"):
        Folder(path="/nowhere/at/all").generate(prompt(), 0)


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    folder = Folder(path=str(tmp_path))
    seen = {folder.fingerprint()}
    file = tmp_path / "clip__s0.mkv"
    video.write_lossless(file, ramp(9), 24.0)
    seen.add(folder.fingerprint())
    os.utime(file, (1, 1))
    seen.add(folder.fingerprint())
    (tmp_path / "notes.txt").write_text("no video")
    seen.add(folder.fingerprint())
    assert len(seen) == 3
