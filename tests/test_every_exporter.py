from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_examples import (
    ABOUT,
    COUNTS,
    SPLITS,
    assert_same_film,
    assert_same_row,
    attempt,
    example,
    examples,
    fingerprints,
)

from pipeline import exporters, shelf
from pipeline.app import compose
from pipeline.exporters import Exporter
from pipeline.exporters.videofolder import Videofolder
from pipeline.exporters.webdataset import Webdataset
from pipeline.types import Example

EVERY = sorted(shelf.everything(exporters, Exporter).items())  # type: ignore[type-abstract]
ANNOTATED = [(name, exporter) for name, exporter in EVERY if exporter.annotated]


def given(exporter: type[Exporter]) -> Iterator[Example]:
    """The examples as stage=export hands them over."""
    return (replace(one, attempts=(attempt(one),)) if exporter.compares else one for one in examples())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name, _ in EVERY}
    for name, exporter in EVERY:
        exporter().export(ABOUT, given(exporter), folders[name])
    return folders


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")


def assert_same_layers(stored: Any, one: Example) -> None:
    layers, camera = one.clip.layers, one.clip.camera
    assert layers is not None
    assert camera is not None
    for name in ("depth", "segmentation", "material", "normal", "particle", "valid", "forward_occluded"):
        assert stored[name].dtype == getattr(layers, name).dtype
        assert np.array_equal(stored[name], getattr(layers, name))
    assert float(stored["flow_step"]) == 1 / 64
    assert np.abs(stored["forward_flow"] - layers.forward_flow).max() <= 1 / 128
    assert np.array_equal(stored["world_to_camera"], camera.world_to_camera)
    assert np.array_equal(stored["intrinsics"], camera.intrinsics)


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_the_same_examples_give_the_same_bytes(
    name: str, exporter: type[Exporter], written: dict[str, Path], tmp_path: Path
) -> None:
    exporter().export(ABOUT, given(exporter), tmp_path)
    assert fingerprints(tmp_path) == fingerprints(written[name])


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_one_example_in_memory_at_a_time(name: str, exporter: type[Exporter], tmp_path: Path) -> None:
    import gc
    import weakref

    held: list[weakref.ref[Any]] = []

    def watched() -> Iterator[Example]:
        for one in given(exporter):
            gc.collect()
            assert sum(ref() is not None for ref in held) <= 1
            held.append(weakref.ref(one.clip.layers))
            yield one

    exporter().export(ABOUT, watched(), tmp_path)
    assert len(held) == len(SPLITS)


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_the_card_counts_what_is_there(name: str, exporter: type[Exporter], written: dict[str, Path]) -> None:
    card = (written[name] / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\npretty_name: falling-discs\n")
    assert "| drop | water | 2 | 0 | 0 |" in card
    assert "| drop | sand | 1 | 0 | 1 |" in card
    assert "6 of 9 frames, 48 x 48 px, 24 fps" in card


@pytest.mark.parametrize(("name", "exporter"), EVERY)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "holdout"}, "split must be one of train, validation, test, got 'holdout'"),
        ({"captions": ()}, "at least one caption"),
        ({"clip": "drop.sand"}, "without dots and slashes"),
        ({"clip": "../escape"}, "without dots and slashes"),
        ({"clip": ""}, "plain name"),
        ({"clip": "two\nlines"}, "plain name"),
        ({"clip": "a b"}, "plain name"),
        ({"clip": "nul\0"}, "plain name"),
        ({"clip": "x" * 201}, "at most 200 bytes"),
        ({"clip": "沙" * 70}, "at most 200 bytes"),
        ({"clip": "drop-sand-00000"}, "stands twice"),
    ],
)
def test_unusable_examples_are_refused_by_name(
    name: str, exporter: type[Exporter], wrong: dict[str, Any], message: str, tmp_path: Path
) -> None:
    one = example(1)
    one = replace(one, clip=replace(one.clip, clip_id=wrong["clip"])) if "clip" in wrong else replace(one, **wrong)
    with pytest.raises(ValueError, match=message):
        exporter().export(ABOUT, iter([example(0), one]), tmp_path)


@pytest.mark.parametrize(("name", "exporter"), ANNOTATED)
def test_a_clip_without_layers_is_refused_where_they_belong(
    name: str, exporter: type[Exporter], tmp_path: Path
) -> None:
    bare = replace(example(1), clip=replace(example(1).clip, layers=None))
    with pytest.raises(ValueError, match="truth clip with layers and camera"):
        exporter().export(ABOUT, iter([example(0), bare]), tmp_path)


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_nothing_to_export_is_said(name: str, exporter: type[Exporter], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clip was accepted"):
        exporter().export(ABOUT, iter(()), tmp_path)


@pytest.mark.parametrize(("name", "exporter"), [one for one in EVERY if "layers" in vars(one[1]())])
def test_wrong_settings_are_named(name: str, exporter: type[Exporter]) -> None:
    with pytest.raises(ValueError, match="there is no colour, choose among depth"):
        exporter(layers=["colour"])  # type: ignore[call-arg]


def test_videofolder_loads_with_datasets(written: dict[str, Path], tmp_path: Path) -> None:
    from datasets import Video, load_dataset

    folder = written["videofolder"]
    data = load_dataset("videofolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == COUNTS
    expected = {one.clip.clip_id: one for one in examples()}
    for split, rows in data.items():
        for row in rows.cast_column("video", Video(decode=False)):
            one = expected.pop(row["clip_id"])
            assert_same_row(row, one, split)
            data_of_row = row["video"]["bytes"] or Path(row["video"]["path"]).read_bytes()
            assert hashlib.sha256(data_of_row).hexdigest() == row["video_sha256"]
            assert_same_film(data_of_row, one, tmp_path)
            with np.load(folder / row["layers"]) as stored:
                assert_same_layers(stored, one)
    assert not expected


def test_videofolder_loads_by_its_card(written: dict[str, Path], tmp_path: Path) -> None:
    from datasets import load_dataset

    data = load_dataset(str(written["videofolder"]), cache_dir=str(tmp_path))
    assert {split: rows.num_rows for split, rows in data.items()} == COUNTS


def test_videofolder_wants_the_same_columns_everywhere(tmp_path: Path) -> None:
    odd = replace(example(1), provenance={"key": "k"})
    with pytest.raises(ValueError, match=r"drop-water-00001.*differs in provenance_code, provenance_verdict"):
        Videofolder().export(ABOUT, iter([example(0), odd]), tmp_path)


def test_annotations_stand_beside_the_layers(written: dict[str, Path]) -> None:
    facts = json.loads((written["videofolder"] / "layers" / "drop-sand-00000.json").read_text())
    assert facts["instances"][0] == {"id": 1, "name": "red ball", "kind": "rigid", "mesh": "sphere", "density": 2500.0}
    assert facts["scene"]["bodies"][0]["mesh"] == {"vertices": 3, "faces": 1}
    assert np.array(facts["camera"]["world_to_camera"]).shape == (9, 4, 4)
    assert facts["provenance"]["code"] == "8a1b2c3"


def test_webdataset_loads_with_webdataset(written: dict[str, Path], tmp_path: Path) -> None:
    import webdataset

    expected = {one.clip.clip_id: one for one in examples()}
    for split in ("train", "validation", "test"):
        samples = webdataset.WebDataset(str(written["webdataset"] / f"{split}-000000.tar"), shardshuffle=False)
        for sample in samples:
            one = expected.pop(sample["__key__"])
            facts = json.loads(sample["json"])
            assert facts["split"] == split == one.split
            assert sample["txt"].decode() == one.captions[0]
            assert (facts["fps"], facts["num_frames"]) == (one.clip.fps, len(one.clip.frames))
            assert facts["captions"] == list(one.captions)
            assert facts["provenance"] == dict(one.provenance)
            assert np.array(facts["camera"]["intrinsics"]).shape == (3, 3)
            assert_same_film(sample["mp4"], one, tmp_path)
            assert_same_layers(np.load(io.BytesIO(sample["layers.npz"])), one)
    assert not expected


def test_webdataset_decodes_layers_by_itself(written: dict[str, Path]) -> None:
    import webdataset

    samples = webdataset.WebDataset(str(written["webdataset"] / "test-000000.tar"), shardshuffle=False).decode()
    sample = next(iter(samples))
    assert sample["layers.npz"]["depth"].shape == (9, 48, 48)
    assert sample["json"]["material"] == "sand"


@pytest.mark.parametrize(("setting", "shards"), [({"max_clips": 2}, 2), ({"max_megabytes": 1e-6}, 3), ({}, 1)])
def test_shards_are_closed_when_full(setting: dict[str, Any], shards: int, tmp_path: Path) -> None:
    Webdataset(layers=[], **setting).export(ABOUT, (example(number) for number in range(3)), tmp_path)
    assert len(list(tmp_path.glob("train-*.tar"))) == shards


def test_layers_can_be_chosen_and_exact(tmp_path: Path) -> None:
    Videofolder(layers=["forward_flow"], flow_step=0).export(ABOUT, iter([example(0)]), tmp_path)
    with np.load(tmp_path / "layers" / "drop-sand-00000.npz") as stored:
        assert set(stored.files) == {"forward_flow", "intrinsics", "world_to_camera", "flow_step"}
        assert np.array_equal(stored["forward_flow"], example(0).clip.layers.forward_flow)  # type: ignore[union-attr]


def test_a_run_writes_the_large_layouts_only_when_they_are_named() -> None:
    assert sorted(compose([]).exporters) == ["videofolder", "webdataset"]
    assert sorted(compose(["exporters=[kitti_flow,videofolder]"]).exporters) == ["kitti_flow", "videofolder"]
