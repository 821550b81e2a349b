"""Pairs of truth and answer: matched, judged, worse by a margin; what is left out is counted and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_examples import ABOUT, COUNTS, assert_same_film, attempt, example, examples

from pipeline import video
from pipeline.exporters.pairs import Pairs
from pipeline.exporters.preferences import Preferences
from pipeline.types import Attempt, Clip, Example


def tried() -> Iterator[Example]:
    """Each scene: one clip that is clearly worse, one that is nearly as good, one of another model."""
    for one in examples():
        attempts = (
            attempt(one),
            attempt(one, sample=1, plausibility=95.0),
            attempt(one, model="copy_last", plausibility=0.0),
        )
        yield replace(one, attempts=attempts)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for split in ("train", "validation", "test")
        for line in (folder / split / "metadata.jsonl").read_text().splitlines()
    ]


def left_out(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "left_out.jsonl").read_text().splitlines()]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")


@pytest.mark.parametrize(
    ("exporter", "truth", "made", "each"),
    [(Pairs(), "reference_video", "video", 3), (Preferences(), "chosen", "rejected", 2)],
)
def test_both_videos_of_a_pair_are_video_columns_of_datasets(
    exporter: Pairs | Preferences, truth: str, made: str, each: int, tmp_path: Path
) -> None:
    from datasets import Video, load_dataset

    folder = tmp_path / "dataset"
    folder.mkdir()
    exporter.export(ABOUT, tried(), folder)
    expected = {one.clip.clip_id: one for one in tried()}
    for data in (
        load_dataset("videofolder", data_dir=str(folder), cache_dir=str(tmp_path / "a")),
        load_dataset(str(folder), cache_dir=str(tmp_path / "b")),
    ):
        assert {split: len(pairs) for split, pairs in data.items()} == {
            split: each * count for split, count in COUNTS.items()
        }
        for split, pairs in data.items():
            assert pairs.features[truth] == pairs.features[made] == Video()
            for row in pairs.cast_column(truth, Video(decode=False)).cast_column(made, Video(decode=False)):
                one = expected[row["clip_id"]]
                assert one.split == split
                (answer,) = (
                    each.clip
                    for each in one.attempts
                    if (each.clip.source, each.clip.sample) == (row["model"], row["sample"])
                )
                assert_same_film(Path(row[truth]["path"]).read_bytes(), one, tmp_path)
                assert_same_film(Path(row[made]["path"]).read_bytes(), replace(one, clip=answer), tmp_path)
                assert (row["prompt"], row["prompt_frames"]) == (one.captions[0], 4)


def test_only_what_is_worse_by_the_margin_is_rejected(tmp_path: Path) -> None:
    Preferences(margin=10.0).export(ABOUT, tried(), tmp_path)
    assert {(row["model"], row["sample"]) for row in rows(tmp_path)} == {("next_frame", 0), ("copy_last", 0)}
    reasons = {(row["model"], row["sample"], row["reason"]) for row in left_out(tmp_path)}
    assert reasons == {("next_frame", 1, "less than 10 points worse than the truth")}
    card = (tmp_path / "README.md").read_text()
    assert "12 pairs. Left out: 6 less than 10 points worse than the truth (`left_out.jsonl`)." in card


def test_a_smaller_margin_keeps_more_and_a_larger_one_less(tmp_path: Path) -> None:
    counts = []
    for margin in (1.0, 10.0, 80.0):
        folder = tmp_path / str(margin)
        folder.mkdir()
        Preferences(margin=margin).export(ABOUT, tried(), folder)
        counts.append(len(rows(folder)))
    assert counts == [18, 12, 6]


def test_models_can_be_chosen(tmp_path: Path) -> None:
    Preferences(models=["next_frame"]).export(ABOUT, tried(), tmp_path)
    assert {row["model"] for row in rows(tmp_path)} == {"next_frame"}
    assert "6 of other models than next_frame" in (tmp_path / "README.md").read_text()


def changed(one: Attempt, **changes: Any) -> Attempt:
    clip = one.clip
    return replace(one, clip=Clip(**{**vars(clip), **changes}))


def test_pairs_are_of_one_size_length_and_rate_and_judged(tmp_path: Path) -> None:
    one = example(0)
    good = attempt(one)
    wrong = (
        changed(good, frames=good.clip.frames[:, :32], sample=1),
        changed(good, frames=good.clip.frames[:8], sample=2),
        changed(good, fps=12.0, sample=3),
        attempt(one, sample=4, plausibility=None),
    )
    for exporter in (Pairs(), Preferences()):
        folder = tmp_path / type(exporter).__name__
        folder.mkdir()
        exporter.export(ABOUT, iter([replace(one, attempts=(*wrong, good))]), folder)
        (row,) = [json.loads(line) for line in (folder / "train" / "metadata.jsonl").read_text().splitlines()]
        assert row["sample"] == 0
        reasons = [row["reason"] for row in left_out(folder)]
        assert reasons == 3 * ["of another size, length or rate than the truth"] + ["not judged: run stage=score"]


def test_a_set_without_pairs_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pair to export, left out: none; run stage=generate and stage=score first"):
        Preferences().export(ABOUT, examples(), tmp_path)
    equal = (replace(one, attempts=(attempt(one, plausibility=99.0),)) for one in examples())
    with pytest.raises(ValueError, match="left out: 6 less than 10 points worse"):
        Preferences().export(ABOUT, equal, tmp_path)


def test_a_split_without_pairs_is_not_announced(tmp_path: Path) -> None:
    only_train = (replace(one, attempts=(attempt(one),) * (one.split == "train")) for one in examples())
    Pairs().export(ABOUT, only_train, tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "split: train" in card
    assert "split: test" not in card
    assert not (tmp_path / "test").exists()


@pytest.mark.parametrize("name", ["../escape", "a/b", "truth", ""])
def test_a_model_cannot_write_elsewhere(name: str, tmp_path: Path) -> None:
    one = example(0)
    evil = replace(one, attempts=(attempt(one, model=name),))
    with pytest.raises(ValueError, match="a model's name must be a plain one"):
        Pairs().export(ABOUT, iter([evil]), tmp_path)


@pytest.mark.parametrize("margin", [0.0, -1.0, 101.0, float("nan")])
def test_a_margin_is_a_number_of_points(margin: float) -> None:
    with pytest.raises(ValueError, match="preferences: margin must be above 0"):
        Preferences(margin=margin)


def test_the_truth_lies_there_once_for_all_its_pairs(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    one = next(tried())
    video.write_preview(media / "a.mp4", one.clip.frames, one.clip.fps)
    (tmp_path / "pairs").mkdir()
    Pairs().export(ABOUT, iter([replace(one, video=media / "a.mp4")]), tmp_path / "pairs")
    (truth,) = (tmp_path / "pairs" / "train" / "truth").iterdir()
    assert truth.samefile(media / "a.mp4")
