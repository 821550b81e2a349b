from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import falling_disc
import numpy as np
import pytest
import trimesh
from PIL import Image

from pipeline import _torchvision, exporters, shelf, video
from pipeline.app import compose
from pipeline.exporters import Exporter
from pipeline.exporters.flo import Flo
from pipeline.exporters.kitti_flow import KittiFlow
from pipeline.exporters.kubric import Kubric
from pipeline.exporters.videofolder import Videofolder
from pipeline.exporters.webdataset import Webdataset
from pipeline.types import Example

EVERY = sorted(shelf.everything(exporters, Exporter).items())  # type: ignore[type-abstract]
SPLITS = ("train", "train", "validation", "test", "train", "test")


def example(number: int, split: str = "train") -> Example:
    material = ("sand", "water", "none")[number % 3]
    shown = falling_disc.clip(f"drop-{material}-{number:05d}", material, number, num_frames=9)
    scene = falling_disc.scene(shown, material, seed=100 + number)
    provenance = {"key": f"key{number}", "code": "8a1b2c3", "verdict": 'rule: "instructive" & sound'}
    return Example(shown, scene, (*scene.captions, "Ein Ball fällt."), split, provenance)


def examples() -> Iterator[Example]:
    return (example(number, split) for number, split in enumerate(SPLITS))


def fingerprints(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name, _ in EVERY}
    for name, exporter in EVERY:
        exporter().export("falling-discs", examples(), folders[name])
    return folders


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")


def assert_same_film(data: bytes, one: Example, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(data)
    frames, fps = video.read(tmp_path / "film.mp4")
    assert frames.shape == one.clip.frames.shape
    assert fps == one.clip.fps
    assert np.abs(frames.astype(float) - one.clip.frames).mean() < 6


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
    exporter().export("falling-discs", examples(), tmp_path)
    assert fingerprints(tmp_path) == fingerprints(written[name])


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_one_example_in_memory_at_a_time(name: str, exporter: type[Exporter], tmp_path: Path) -> None:
    import gc
    import weakref

    held: list[weakref.ref[Any]] = []

    def watched() -> Iterator[Example]:
        for one in examples():
            gc.collect()
            assert sum(ref() is not None for ref in held) <= 1
            held.append(weakref.ref(one.clip.layers))
            yield one

    exporter().export("falling-discs", watched(), tmp_path)
    assert len(held) == len(SPLITS)


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_the_card_counts_what_is_there(name: str, exporter: type[Exporter], written: dict[str, Path]) -> None:
    card = (written[name] / "README.md").read_text()
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
        ({"layers": None}, "truth clip with layers and camera"),
        ({"clip": "drop-sand-00000"}, "stands twice"),
    ],
)
def test_unusable_examples_are_refused_by_name(
    name: str, exporter: type[Exporter], wrong: dict[str, Any], message: str, tmp_path: Path
) -> None:
    one = example(1)
    if "clip" in wrong:
        one = replace(one, clip=replace(one.clip, clip_id=wrong["clip"]))
    elif "layers" in wrong:
        one = replace(one, clip=replace(one.clip, layers=None))
    else:
        one = replace(one, **wrong)
    with pytest.raises(ValueError, match=message):
        exporter().export("wrong", iter([example(0), one]), tmp_path)


@pytest.mark.parametrize(("name", "exporter"), EVERY)
def test_nothing_to_export_is_said(name: str, exporter: type[Exporter], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clip was accepted"):
        exporter().export("empty", iter(()), tmp_path)


@pytest.mark.parametrize(("name", "exporter"), [one for one in EVERY if "layers" in vars(one[1]())])
def test_wrong_settings_are_named(name: str, exporter: type[Exporter]) -> None:
    with pytest.raises(ValueError, match="there is no colour, choose among depth"):
        exporter(layers=["colour"])  # type: ignore[call-arg]


def test_videofolder_loads_with_datasets(written: dict[str, Path], tmp_path: Path) -> None:
    from datasets import Video, load_dataset

    folder = written["videofolder"]
    data = load_dataset("videofolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": 3, "validation": 1, "test": 2}
    expected = {one.clip.clip_id: one for one in examples()}
    for split, rows in data.items():
        for row in rows.cast_column("video", Video(decode=False)):
            one = expected.pop(row["clip_id"])
            assert row["split"] == split == one.split
            assert row["text"] == one.captions[0]
            assert row["captions"] == list(one.captions)
            assert (row["scenario"], row["material"], row["seed"]) == ("drop", one.scene.material, one.scene.seed)
            assert (row["fps"], row["num_frames"], row["height"], row["width"]) == (24.0, 9, 48, 48)
            assert row["provenance_verdict"] == one.provenance["verdict"]
            data_of_row = row["video"]["bytes"] or Path(row["video"]["path"]).read_bytes()
            assert_same_film(data_of_row, one, tmp_path)
            with np.load(folder / row["layers"]) as stored:
                assert_same_layers(stored, one)
    assert not expected


def test_videofolder_loads_by_its_card(written: dict[str, Path], tmp_path: Path) -> None:
    from datasets import load_dataset

    data = load_dataset(str(written["videofolder"]), cache_dir=str(tmp_path))
    assert {split: rows.num_rows for split, rows in data.items()} == {"train": 3, "validation": 1, "test": 2}


def test_videofolder_wants_the_same_columns_everywhere(tmp_path: Path) -> None:
    odd = replace(example(1), provenance={"key": "k"})
    with pytest.raises(ValueError, match=r"drop-water-00001.*differs in provenance_code, provenance_verdict"):
        Videofolder().export("odd", iter([example(0), odd]), tmp_path)


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
    Webdataset(layers=[], **setting).export("discs", (example(number) for number in range(3)), tmp_path)
    assert len(list(tmp_path.glob("train-*.tar"))) == shards


def test_layers_can_be_chosen_and_exact(tmp_path: Path) -> None:
    Videofolder(layers=["forward_flow"], flow_step=0).export("discs", iter([example(0)]), tmp_path)
    with np.load(tmp_path / "layers" / "drop-sand-00000.npz") as stored:
        assert set(stored.files) == {"forward_flow", "intrinsics", "world_to_camera", "flow_step"}
        assert np.array_equal(stored["forward_flow"], example(0).clip.layers.forward_flow)  # type: ignore[union-attr]


def moving(number: int) -> Example:
    """An example whose layers all say something, with pixels that nothing is known about and fast ones."""
    one, rng = example(number, SPLITS[number]), np.random.default_rng(number)
    assert one.clip.layers is not None
    shape = one.clip.frames.shape[:3]
    flow = rng.normal(0.0, 4.0, (*shape, 2)).astype(np.float32)
    hidden = rng.random(shape) < 0.2
    layers = replace(
        one.clip.layers,
        depth=np.where(rng.random(shape) < 0.1, np.inf, rng.uniform(0.5, 3.0, shape)).astype(np.float32),
        normal=rng.uniform(-1.0, 1.0, (*shape, 3)).astype(np.float16),
        object_coordinates=rng.random((*shape, 3)).astype(np.float16),
        forward_flow=flow,
        backward_flow=flow[::-1] * np.float32(0.5),
        forward_occluded=hidden,
        backward_occluded=hidden[::-1],
        valid=rng.random(shape) > 0.1,
    )
    layers.forward_flow[0, 3, 4] = 600.0
    poses = np.tile(np.eye(4), (len(one.clip.frames), 1, 1))
    poses[:, :3, :3] = trimesh.transformations.euler_matrix(2.0, 0.3, -0.7)[:3, :3]
    poses[:, :3, 3] = rng.normal(size=(len(poses), 3))
    camera = replace(one.clip.camera, world_to_camera=poses)
    return replace(one, clip=replace(one.clip, layers=layers, camera=camera))


def rgb(path: Path) -> np.ndarray:
    """The picture in a PNG as it was stored, channels red first."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]


def test_kitti_flow_is_what_the_development_kit_reads(tmp_path: Path) -> None:
    KittiFlow().export("discs", (moving(number) for number in range(6)), tmp_path)
    counted = {"training": 3, "validation": 1, "testing": 2}
    for split, clips in counted.items():
        for kind, last in (("image_2", "_10"), ("image_2", "_11"), ("flow_occ", "_10"), ("flow_noc", "_10")):
            names = [f"{pair:06d}{last}.png" for pair in range(8 * clips)]
            assert sorted(path.name for path in (tmp_path / split / kind).glob(f"*{last}.png")) == names
    tables = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [(row["first_pair"], row["pairs"]) for row in tables] == [(0, 8), (8, 8), (16, 8)]
    one = moving(1)
    layers = one.clip.layers
    assert layers is not None
    for t in range(8):
        pair = f"{tables[1]['first_pair'] + t:06d}"
        assert np.array_equal(rgb(tmp_path / "training" / "image_2" / f"{pair}_10.png"), one.clip.frames[t])
        assert np.array_equal(rgb(tmp_path / "training" / "image_2" / f"{pair}_11.png"), one.clip.frames[t + 1])
        slow = layers.valid[t] & (np.abs(layers.forward_flow[t]) < 511).all(axis=-1)
        for kind, known in (("flow_occ", slow), ("flow_noc", slow & ~layers.forward_occluded[t])):
            coded = rgb(tmp_path / "training" / kind / f"{pair}_10.png")
            assert coded.dtype == np.uint16
            assert np.array_equal(coded[..., 2], known)
            assert not coded[~known].any()
            flow = (coded[..., :2].astype(float) - 2**15) / 64
            assert np.abs(flow - layers.forward_flow[t])[known].max() <= 1 / 128


def test_torchvision_finds_the_pairs_of_kitti_flow(written: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "KittiFlow").symlink_to(written["kitti_flow"])
    pairs = _torchvision.load("torchvision.datasets").KittiFlow(tmp_path)
    assert len(pairs) == 24
    found = zip(pairs._image_list, pairs._flow_list, strict=True)  # to read the flow it needs its C++ library
    for pair, ((first, second), flow) in enumerate(found):
        assert [Path(one).name for one in (first, second, flow)] == [f"{pair:06d}_{one}.png" for one in (10, 11, 10)]


def read_flo(path: Path) -> np.ndarray:
    """As the format is published: a magic number, width, height, then u and v row by row."""
    assert np.fromfile(path, "<f4", 1)[0] == np.float32(202021.25)
    width, height = np.fromfile(path, "<i4", 2, offset=4)
    return np.fromfile(path, "<f4", offset=12).reshape(height, width, 2)


def test_flo_is_exact_both_ways(tmp_path: Path) -> None:
    Flo().export("discs", (moving(number) for number in range(6)), tmp_path)
    one = moving(2)
    layers = one.clip.layers
    assert layers is not None
    folder, name = tmp_path / "validation", one.clip.clip_id
    ways = {
        "flow": ("occlusions", layers.forward_flow, layers.forward_occluded, range(8)),
        "flow_backward": ("occlusions_backward", layers.backward_flow, layers.backward_occluded, range(1, 9)),
    }
    for way, (hides, flow, hidden, times) in ways.items():
        files = [f"frame_{t + 1:04d}" for t in times]
        assert sorted(path.stem for path in (folder / way / name).iterdir()) == files
        for t, file in zip(times, files, strict=True):
            found, known = read_flo(folder / way / name / f"{file}.flo"), layers.valid[t]
            assert np.array_equal(found[known], flow[t][known])
            assert (found[~known] == 1e10).all()
            assert np.array_equal(rgb(folder / hides / name / f"{file}.png"), np.where(hidden[t], 255, 0))
    for t, frame in enumerate(one.clip.frames):
        assert np.array_equal(rgb(folder / "clean" / name / f"frame_{t + 1:04d}.png"), frame)


def test_flo_loads_with_torchvision(written: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "Sintel").symlink_to(written["flo"])
    pairs = _torchvision.load("torchvision.datasets").Sintel(tmp_path, pass_name="clean")
    assert len(pairs) == 24
    films = {number: example(number).clip for number in (0, 1, 4)}
    for first, second, flow in pairs:
        (film, t) = next(
            (film, t) for film in films.values() for t in range(8) if np.array_equal(np.array(first), film.frames[t])
        )
        assert film.layers is not None
        assert np.array_equal(np.array(second), film.frames[t + 1])
        assert np.array_equal(flow.transpose(1, 2, 0), film.layers.forward_flow[t])


def test_kubric_pictures_come_back_by_kubrics_formulas(tmp_path: Path) -> None:
    Kubric().export("discs", (moving(number) for number in range(6)), tmp_path)
    one = moving(1)
    layers, camera = one.clip.layers, one.clip.camera
    assert layers is not None
    assert camera is not None
    folder = tmp_path / "train" / one.clip.clip_id
    ranges = json.loads((folder / "data_ranges.json").read_text())
    told = json.loads((folder / "metadata.json").read_text())["camera"]
    # kubric/core/cameras.py, z_to_depth
    across = [(np.arange(-24.0, 24.0) + 0.5) / 48 * told["sensor_width"]] * 2
    away = np.sqrt(1 + (np.stack(np.meshgrid(*across)) ** 2).sum(axis=0) / told["focal_length"] ** 2)
    for t in range(9):
        rgba = rgb(folder / f"rgba_{t:05d}.png")
        assert np.array_equal(rgba[..., :3], one.clip.frames[t])
        assert (rgba[..., 3] == 255).all()
        assert np.array_equal(np.array(Image.open(folder / f"segmentation_{t:05d}.png")), layers.segmentation[t])
        depth = cv2.imread(str(folder / f"depth_{t:05d}.tiff"), cv2.IMREAD_UNCHANGED)
        assert depth.dtype == np.float32
        assert np.allclose(depth, np.where(np.isinf(layers.depth[t]), 1e10, layers.depth[t] * away), rtol=1e-6)
        normal = rgb(folder / f"normal_{t:05d}.png") / 65535 * 2 - 1
        assert np.abs(normal - layers.normal[t]).max() <= 1.01 / 65535
        place = rgb(folder / f"object_coordinates_{t:05d}.png") / 65535
        assert np.abs(place - layers.object_coordinates[t]).max() <= 0.51 / 65535
        for name in ("forward_flow", "backward_flow"):
            low, high = ranges[name]["min"], ranges[name]["max"]
            delta_row, delta_column, _ = np.moveaxis(
                rgb(folder / f"{name}_{t:05d}.png") / 65535 * (high - low) + low, 2, 0
            )
            error = np.stack([delta_column, delta_row], axis=-1) - getattr(layers, name)[t]
            assert np.abs(error).max() <= 0.51 * (high - low) / 65535


def test_kubric_metadata_describes_the_camera_and_what_is_seen(tmp_path: Path) -> None:
    Kubric().export("discs", (moving(number) for number in range(6)), tmp_path)
    one = moving(1)
    layers, camera = one.clip.layers, one.clip.camera
    assert layers is not None
    assert camera is not None
    folder = tmp_path / "train" / one.clip.clip_id
    told = json.loads((folder / "metadata.json").read_text())
    assert (told["metadata"]["resolution"], told["metadata"]["num_frames"]) == ([48, 48], 9)
    for t in (0, 5):
        # kubric/core/cameras.py, project_point: a point in the world as 0..1 over the picture
        world = trimesh.transformations.quaternion_matrix(told["camera"]["quaternions"][t])
        world[:3, 3] = told["camera"]["positions"][t]
        seen = np.linalg.inv(camera.world_to_camera[t]) @ [0.2, -0.3, 2.0, 1.0]
        shown = np.array(told["camera"]["K"]) @ (np.linalg.inv(world) @ seen)[:3]
        expected = camera.intrinsics @ [0.2, -0.3, 2.0]
        assert np.allclose(shown[:2] / shown[2], expected[:2] / expected[2] / 48, atol=1e-9)
    ball, water = told["instances"]
    assert (ball["name"], ball["mass"], water["kind"]) == ("red ball", 1.3, "liquid")
    for number, instance in enumerate((ball, water), start=1):
        assert instance["visibility"] == (layers.segmentation == number).sum(axis=(1, 2)).tolist()
        for t, (top, left, bottom, right) in zip(instance["bbox_frames"], instance["bboxes"], strict=True):
            inside = np.zeros((48, 48), bool)
            inside[round(top * 48) : round(bottom * 48), round(left * 48) : round(right * 48)] = True
            assert not (layers.segmentation[t] == number)[~inside].any()
            assert inside.sum() <= (2 * 0.12 * 48 + 2) ** 2 or number == 2


def test_kubric_holds_255_instances_and_no_particles(tmp_path: Path) -> None:
    one = example(0)
    assert one.clip.layers is not None
    many = replace(one.clip.layers, segmentation=one.clip.layers.segmentation + np.uint16(255))
    with pytest.raises(ValueError, match="drop-sand-00000: kubric holds at most 255 instances, got number 257"):
        Kubric().export("many", iter([replace(one, clip=replace(one.clip, layers=many))]), tmp_path)
    with pytest.raises(ValueError, match="kubric: there is no place for particle, choose among depth, normal"):
        Kubric(layers=["particle"])


def test_a_run_writes_the_large_layouts_only_when_they_are_named() -> None:
    assert sorted(compose([]).exporters) == ["videofolder", "webdataset"]
    assert sorted(compose(["exporters=[kitti_flow,videofolder]"]).exporters) == ["kitti_flow", "videofolder"]
