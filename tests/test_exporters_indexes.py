"""Trainers' indexes, read as the trainers read them; one media folder, many indexes."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from training_examples import ABOUT, COUNTS, HOSTILE, assert_same_film, examples

from pipeline import shelf, video
from pipeline.exporters import Exporter
from pipeline.exporters.cosmos import Cosmos
from pipeline.exporters.diffsynth import Diffsynth
from pipeline.exporters.finetrainers import Finetrainers
from pipeline.exporters.ltx import Ltx
from pipeline.exporters.musubi import Musubi
from pipeline.types import Example

Read = Callable[[Path, str], list[tuple[Path, str]]]
"""Folder of a layout, split -> the videos and captions that its trainer finds."""


def hostile(media: Path) -> Iterator[Example]:
    """The examples with captions that break careless tables, their videos in one folder."""
    for number, one in enumerate(examples()):
        path = media / f"{one.clip.clip_id}.mp4"
        if not path.exists():
            video.write_preview(path, one.clip.frames, one.clip.fps)
        yield replace(one, captions=(HOSTILE[number % len(HOSTILE)],), video=path)


def read_diffsynth(folder: Path, split: str) -> list[tuple[Path, str]]:
    """UnifiedDataset: pandas.read_csv, then paths joined to the base path."""
    rows = pandas.read_csv(folder / f"metadata_{split}.csv")
    assert list(rows.columns) == ["video", "prompt"]
    return [(folder / row.video, row.prompt) for row in rows.itertuples()]


def read_musubi(folder: Path, split: str) -> list[tuple[Path, str]]:
    """The TOML's paths hold from the working directory, here the folder; `caption` and `video_path` are the schema."""
    told = tomllib.loads((folder / f"{split}.toml").read_text())
    assert told["general"] == {"batch_size": 1, "enable_bucket": True, "bucket_no_upscale": True}
    found, caches = [], set()
    for one in told["datasets"]:
        assert one["resolution"] == [48, 48]
        assert (one["frame_extraction"], one["max_frames"], one["source_fps"]) == ("full", 9, 24.0)
        assert isinstance(one["source_fps"], float)
        caches.add(one["cache_directory"])
        for line in (folder / one["video_jsonl_file"]).read_text(encoding="utf-8").split("\n")[:-1]:
            row = json.loads(line)
            assert set(row) == {"video_path", "caption"}
            found.append((folder / row["video_path"], row["caption"]))
    assert len(caches) == len(told["datasets"])
    return found


def read_finetrainers(folder: Path, split: str) -> list[tuple[Path, str]]:
    """VideoFileCaptionFileListDataset: both files by str.splitlines, as many of the one as of the other."""
    root = folder / split
    captions = (root / "prompts.txt").read_text(encoding="utf-8").splitlines()
    videos = (root / "videos.txt").read_text(encoding="utf-8").splitlines()
    assert len(captions) == len(videos)
    return [(root / one, caption) for one, caption in zip(videos, captions, strict=True)]


def read_ltx(folder: Path, split: str) -> list[tuple[Path, str]]:
    """MediaDataset and CaptionsDataset: one object a line; what is computed lies at the video's path, elsewhere."""
    found = []
    with open(folder / f"dataset_{split}.jsonl", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            path = folder / Path(row["video"].strip())
            assert ".." not in path.relative_to(folder).with_suffix(".pt").parts
            found.append((path, row["caption"]))
    return found


def read_cosmos(folder: Path, split: str) -> list[tuple[Path, str]]:
    """Every *.mp4 of videos/ that has a caption of its name in metas/, stripped, as get_t5_embeddings reads it."""
    root = folder / split
    videos = sorted(name for name in os.listdir(root / "videos") if name.endswith(".mp4"))
    metas = sorted(name for name in os.listdir(root / "metas") if name.endswith(".txt"))
    assert [Path(name).stem for name in videos] == [Path(name).stem for name in metas]
    with_captions = [(root / "videos" / name, root / "metas" / name.replace(".mp4", ".txt")) for name in videos]
    return [(path, meta.open(encoding="utf-8", newline="").read().strip()) for path, meta in with_captions]


INDEXES: list[tuple[type[Exporter], Read]] = [
    (Diffsynth, read_diffsynth),
    (Musubi, read_musubi),
    (Finetrainers, read_finetrainers),
    (Ltx, read_ltx),
    (Cosmos, read_cosmos),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """media/ and all indexes, written in one place and moved as a whole to another."""
    made = tmp_path_factory.mktemp("made") / "dataset"
    (made / "media").mkdir(parents=True)
    for kind, _ in INDEXES:
        folder = made / shelf.name(kind())
        folder.mkdir()
        kind().export(ABOUT, hostile(made / "media"), folder)
    moved = made.parent / "elsewhere"
    shutil.move(made, moved)
    return moved


@pytest.mark.parametrize(("kind", "read"), INDEXES)
def test_the_trainer_finds_every_video_with_its_caption(
    kind: type[Exporter], read: Read, dataset: Path, tmp_path: Path
) -> None:
    expected = {one.clip.clip_id: one for one in hostile(dataset / "media")}
    for split, count in COUNTS.items():
        found = read(dataset / shelf.name(kind()), split)
        assert len(found) == count
        for path, caption in found:
            one = expected.pop(path.stem)
            whole = one.captions[0]
            assert caption == (" ".join(whole.split()) if kind is Finetrainers else whole)
            assert one.split == split
            assert_same_film(path.read_bytes(), one, tmp_path)
    assert not expected


def test_the_videos_lie_there_once(dataset: Path) -> None:
    files = list(dataset.rglob("*.mp4"))
    assert len(files) == 3 * 6
    assert len({path.stat().st_ino for path in files}) == 6


@pytest.mark.parametrize(("kind", "read"), INDEXES)
def test_an_index_without_a_media_folder_brings_its_own_videos(
    kind: type[Exporter], read: Read, tmp_path: Path
) -> None:
    kind().export(ABOUT, examples(), tmp_path)
    for split, count in COUNTS.items():
        paths = [path.resolve() for path, _ in read(tmp_path, split)]
        assert len(paths) == count
        assert all(path.is_file() and path.is_relative_to(tmp_path) for path in paths)


def test_where_links_fail_the_videos_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    media, folder = tmp_path / "media", tmp_path / "ltx"
    media.mkdir()
    folder.mkdir()
    monkeypatch.setattr(os, "link", refuse)
    Ltx().export(ABOUT, hostile(media), folder)
    for path in media.iterdir():
        assert (folder / "videos" / path.name).read_bytes() == path.read_bytes()
        assert not (folder / "videos" / path.name).samefile(path)


def test_musubi_keeps_frame_rates_apart(tmp_path: Path) -> None:
    one, other = (one for _, one in zip(range(2), examples(), strict=False))
    slow = replace(other, clip=replace(other.clip, fps=15.0, frames=other.clip.frames[:8]))
    Musubi().export(ABOUT, iter([one, slow]), tmp_path)
    told = tomllib.loads((tmp_path / "train.toml").read_text())["datasets"]
    assert [(one["source_fps"], one["max_frames"]) for one in told] == [(15.0, 5), (24.0, 9)]
