"""What stands beside the clips: card, pictures, Croissant, and that all of it tells the truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from training_examples import ABOUT, COUNTS, HOSTILE, SPLITS, assert_same_film, assert_same_row, attempt, examples

from pipeline import exporters, shelf
from pipeline.exporters import Exporter
from pipeline.exporters.parquet import Parquet
from pipeline.exporters.videofolder import Videofolder
from pipeline.types import Example

TABLED = ("videofolder", "webdataset", "parquet", "pairs", "preferences", "kitti_flow", "flo", "kubric")
"""Layouts with tables of rows, which Croissant describes."""


def given() -> Iterator[Example]:
    """Captions that break careless tables, and an attempt at every scene."""
    for number, one in enumerate(examples()):
        yield replace(one, captions=(HOSTILE[number % 3], *one.captions), attempts=(attempt(one),))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in TABLED}
    for name, folder in folders.items():
        shelf.find(exporters, Exporter, name)().export(ABOUT, given(), folder)  # type: ignore[type-abstract]
    return folders


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")


def front(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_hub_accepts_the_front_matter(written: dict[str, Path]) -> None:
    from huggingface_hub import DatasetCard

    for name, folder in written.items():
        told = DatasetCard.load(folder / "README.md").data.to_dict()
        assert told["license"] == "apache-2.0"
        assert told["size_categories"] == ["n<1K"]
        assert set(told["task_categories"]) == {"text-to-video", "image-to-video"}
        (config,) = told["configs"]
        assert [one["split"] for one in config["data_files"]] == ["train", "validation", "test"]
        assert all(list(folder.glob(one["path"])) for one in config["data_files"]), name


@pytest.mark.parametrize("name", ["1.0", "yes", "no", "run: 7", "2026-11-21", "'", "null", "- x", "first"])
def test_any_name_of_a_run_is_a_name_on_the_card(name: str, tmp_path: Path) -> None:
    Videofolder(layers=[]).export(replace(ABOUT, name=name), examples(), tmp_path)
    assert front((tmp_path / "README.md").read_text())["pretty_name"] == name


def test_the_card_tells_what_vouches_for_the_solvers(written: dict[str, Path]) -> None:
    card = (written["videofolder"] / "README.md").read_text(encoding="utf-8")
    assert "| dam break | water | 1 | 1 |" in card
    assert "dam break, water, 16 cells: front 1.5 where 1 ± 0.2 is expected" in card
    assert "Not validated" not in card
    assert "## Licence" in card


def test_the_card_counts_grade_scenario_material_and_split(written: dict[str, Path]) -> None:
    card = (written["videofolder"] / "README.md").read_text(encoding="utf-8")
    counted = {
        (cells[1], split): int(number)
        for line in card.splitlines()
        if line.startswith("| kindergarten | drop |")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")][1:]]
        for split, number in zip(("train", "validation", "test"), cells[2:], strict=True)
    }
    materials = [("sand", "water", "none")[number % 3] for number in range(6)]
    for (material, split), number in counted.items():
        assert number == sum(one == (material, split) for one in zip(materials, SPLITS, strict=True))
    assert sum(counted.values()) == 6


def test_a_set_that_is_not_validated_says_so_first_and_everywhere(tmp_path: Path) -> None:
    about = replace(ABOUT, validation=(), unvalidated="2 of water: no law has measured it")
    Videofolder(layers=[]).export(about, examples(), tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "> **Not validated** (allow_unvalidated=true): 2 of water: no law has measured it." in card
    assert card.index("Not validated") < card.index("## What lies where")
    assert "Nothing: no measurement of these materials came with this set." in card
    assert "2 of water: no law has measured it" in json.loads((tmp_path / "croissant.json").read_text())["description"]
    assert not (tmp_path / "plots" / "laws.png").exists()


def test_a_law_that_measured_nothing_is_a_limit_too(tmp_path: Path) -> None:
    nothing = {**ABOUT.validation[0], "measured": None, "passed": False, "tolerance": 0.0}
    Videofolder(layers=[]).export(replace(ABOUT, validation=(nothing,)), examples(), tmp_path)
    assert "front nothing where 1 ± 0 is expected" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_the_pictures_of_the_card_are_there_and_small(written: dict[str, Path]) -> None:
    for folder in written.values():
        card = (folder / "README.md").read_text(encoding="utf-8")
        for name in ("plots/clips.png", "plots/laws.png"):
            assert f"]({name})" in card
            assert cv2.imread(str(folder / name)).std() > 5
            assert (folder / name).stat().st_size < 100_000


@pytest.mark.parametrize("name", TABLED)
def test_croissant_validates_without_a_word_and_gives_the_rows(
    name: str, written: dict[str, Path], capfd: pytest.CaptureFixture
) -> None:
    import mlcroissant

    folder = written[name]
    data = mlcroissant.Dataset(folder / "croissant.json")
    issues = data.metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])
    expected = {one.clip.clip_id: one for one in given()}
    for split, count in COUNTS.items():
        rows = [_plain(record, split) for record in data.records(split)]
        assert len(rows) == count
        for row in rows:
            one = expected.pop(row["clip_id"])
            assert_same_row(row, one, split)
            assert row["text"] == one.captions[0]
            if name == "videofolder":
                video = (folder / split / row["file_name"]).read_bytes()
                assert hashlib.sha256(video).hexdigest() == row["video_sha256"]
    assert not expected


def _plain(record: dict[str, Any], split: str) -> dict[str, Any]:
    """mlcroissant gives bytes for text, and names every field after its record set."""
    return {name.removeprefix(f"{split}/"): _text(value) for name, value in record.items()}


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return [_text(one) for one in value] if isinstance(value, list) else value


def test_croissant_notices_a_table_that_was_changed(written: dict[str, Path], tmp_path: Path) -> None:
    import mlcroissant

    Videofolder(layers=[]).export(ABOUT, examples(), tmp_path)
    with open(tmp_path / "train" / "metadata.jsonl", "a") as table:
        table.write("{}\n")
    with pytest.raises(Exception, match=r"during the operation Download\(train/metadata.jsonl\)"):
        list(mlcroissant.Dataset(tmp_path / "croissant.json").records("train"))


def test_hostile_captions_come_back_from_videofolder_parquet_and_webdataset(
    written: dict[str, Path], tmp_path: Path
) -> None:
    import webdataset
    from datasets import Video, load_dataset

    expected = {one.clip.clip_id: one for one in given()}
    for name in ("videofolder", "parquet"):
        data = load_dataset(str(written[name]), cache_dir=str(tmp_path / name))
        assert {split: rows.num_rows for split, rows in data.items()} == COUNTS
        for split, rows in data.items():
            assert rows.features["video"] == Video()
            for row in rows.cast_column("video", Video(decode=False)):
                one = expected[row["clip_id"]]
                assert_same_row(row, one, split)
                video = row["video"]["bytes"] or Path(row["video"]["path"]).read_bytes()
                assert hashlib.sha256(video).hexdigest() == row["video_sha256"]
                assert_same_film(video, one, tmp_path)
    for split in COUNTS:
        shard = str(written["webdataset"] / f"{split}-000000.tar")
        rows = [json.loads(line) for line in (written["webdataset"] / f"{split}.jsonl").open(encoding="utf-8")]
        hashes = {row["clip_id"]: row["video_sha256"] for row in rows}
        for sample in webdataset.WebDataset(shard, shardshuffle=False):
            assert sample["txt"].decode() == expected[sample["__key__"]].captions[0]
            assert hashlib.sha256(sample["mp4"]).hexdigest() == hashes[sample["__key__"]]


def test_parquet_shards_are_closed_when_full_and_hold_everything(tmp_path: Path) -> None:
    from datasets import load_dataset

    for folder, megabytes in (("one", 500.0), ("many", 1e-6)):
        (tmp_path / folder).mkdir()
        Parquet(max_megabytes=megabytes).export(ABOUT, examples(), tmp_path / folder)
    assert len(list((tmp_path / "one").glob("train-*.parquet"))) == 1
    assert len(list((tmp_path / "many").glob("train-*.parquet"))) == 3
    loaded = [
        load_dataset(str(tmp_path / folder), split="train", cache_dir=str(tmp_path / "cache"))["video_sha256"]
        for folder in ("one", "many")
    ]
    assert list(loaded[0]) == list(loaded[1])


def test_parquet_wants_a_size() -> None:
    with pytest.raises(ValueError, match="parquet: max_megabytes must be positive, got 0"):
        Parquet(max_megabytes=0)
