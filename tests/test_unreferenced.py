"""What laws alone say of clips without a scene, and how it is kept apart from scores against a truth."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_takes import FRAMES, event, take

from pipeline import video
from pipeline.types import Clip, Judgement, Take
from pipeline.unreferenced import Unreferenced


def judged(other: Take) -> Judgement:
    return Unreferenced().judge(replace(other.clip, layers=None), other.flow)[1]


def edited(frames: np.ndarray) -> Clip:
    return replace(event().truth.clip, frames=frames, layers=None)


def test_what_happens_lawfully_is_lawful() -> None:
    for one in (event().truth, *event().redraws):
        told = judged(one)
        assert told.gate == ""
        assert told.plausibility > 70, told.parts


def test_what_vanishes_or_is_shuffled_is_not() -> None:
    least = min(judged(one).plausibility for one in event().redraws)
    for name in ("vanish_at_half", "teleport", "shuffle"):
        assert judged(event().broken[name]).plausibility < 0.6 * least, name
    assert judged(event().broken["vanish_at_half"]).parts["permanence"] < 30


def test_the_frame_in_which_it_vanishes_is_shown() -> None:
    frames = judged(event().broken["vanish_at_half"]).per_frame
    assert int(frames.argmin()) == 15


def test_motion_that_begins_without_a_cause_is_not() -> None:
    backwards = take(edited(event().truth.clip.frames[::-1].copy()))
    assert judged(backwards).parts["energy_growth"] < 0.6 * judged(event().truth).parts["energy_growth"]


def test_degenerate_clips_are_named() -> None:
    frames, laws = event().truth.clip.frames, Unreferenced()
    black, cut = frames.copy(), frames.copy()
    black[18:] = 0
    cut[15:] = 255 - np.roll(frames[15:, ::-1], 40, axis=2)
    assert laws.gate(edited(frames)) == ""
    assert laws.gate(edited(np.repeat(frames[:1], FRAMES, axis=0))) == "static: nothing moves"
    assert laws.gate(edited(frames[np.minimum(np.arange(FRAMES), 15)])).startswith("frozen: from frame 15")
    assert laws.gate(edited(frames[np.arange(FRAMES) // 2 * 2])).startswith("stutter")
    assert laws.gate(edited(black)).startswith("blank: 7 frames, the first is 18")
    assert laws.gate(edited(cut)) == "scene_cut: at frame 15"
    assert judged(take(edited(black))).plausibility == 0


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match=r"6 to 600 frames, got 3"):
        Unreferenced().check(edited(event().truth.clip.frames[:3]))
    with pytest.raises(ValueError, match="arrow must be positive"):
        Unreferenced(arrow=0)


def test_a_folder_of_videos_is_scored_without_any_scene(command, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    video.write_preview(made / "fine.mp4", event().truth.clip.frames, 24.0)
    video.write_preview(made / "gone.mp4", event().broken["vanish_at_half"].clip.frames, 24.0)
    (made / "broken.mp4").write_bytes(b"nothing")
    asked = ("stage=score", "reference=none", "model=folder", f"outputs={tmp_path}", "run=alone")
    done = command(*asked, f"model.path={made}")
    assert done.returncode == 1, done.stderr
    summary = json.loads((tmp_path / "alone" / "summary.json").read_text())
    assert "models" not in summary, "never among the scores against a truth"
    assert "without a truth" in summary["unreferenced"]["note"]
    assert summary["unreferenced"]["models"]["folder"]["lawfulness"]["n"] == 2
    assert list(summary["stages"]["score"]["failures"]) == ["folder/broken.mp4"]
    rows = {row["clip"]: row for row in json.loads((tmp_path / "alone" / "unreferenced.json").read_text())}
    assert rows["gone.mp4"]["lawfulness"] < rows["fine.mp4"]["lawfulness"]
    page = (tmp_path / "alone" / "unreferenced.html").read_text()
    assert "NO REFERENCE" in page
    assert "broken.mp4" in page
    assert not (tmp_path / "alone" / "scores.parquet").exists()


def test_what_is_asked_for_wrongly_is_told(command, tmp_path: Path) -> None:
    for words, expected in (
        (("stage=score", "reference=nothing"), "redraws, take, none"),
        (("stage=exam", "reference=none"), "expected stage=score"),
        (("stage=score", "reference=none", "model=folder"), "model.path"),
        (("stage=score", "reference=none", "run=empty"), "stage=generate"),
    ):
        done = command(*words, f"outputs={tmp_path}")
        assert done.returncode == 2, words
        assert expected in done.stderr, words


def test_a_second_take_stands_in_for_redraws(command, outputs: Path, tmp_path: Path) -> None:
    """In a copy, because other tests share the run and what it has been asked for."""
    shutil.copytree(outputs / "walk", tmp_path / "walk")
    words = ("quick=true", f"outputs={tmp_path}", "run=walk")
    assert command(*words, "stage=generate").returncode == 0
    done = command(*words, "stage=score", "reference=take")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "walk" / "summary.json").read_text())
    assert summary["reference"] == "take"
    assert summary["models"]["copy_last"]["plausibility"]["mean"] == 0
