"""The layouts of single pictures: KITTI, Middlebury's .flo in Sintel's folders, Kubric."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image
from training_examples import ABOUT, SPLITS, example, examples

from pipeline import _torchvision
from pipeline.exporters.flo import Flo
from pipeline.exporters.kitti_flow import KittiFlow
from pipeline.exporters.kubric import Kubric
from pipeline.types import Camera, Example, Layers, Trajectory


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
    return replace(one, clip=replace(one.clip, layers=layers, camera=camera), trajectory=flight(rng))


def flight(rng: np.random.Generator) -> Trajectory:
    """Of the one body, all numbers different, 9 frames."""
    states = [rng.normal(size=(9, 1, width)) for width in (3, 4, 3, 3, 6)]
    none = np.zeros((9, 0, 3), np.float32)
    return Trajectory(np.arange(9) / 24.0, *states, none, none, 0.0, np.zeros((9, 3)))


def rgb(path: Path) -> np.ndarray:
    """The picture in a PNG as it was stored, channels red first."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]


def test_kitti_flow_is_what_the_development_kit_reads(tmp_path: Path) -> None:
    KittiFlow().export(ABOUT, (moving(number) for number in range(6)), tmp_path)
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


def test_torchvision_finds_the_pairs_of_kitti_flow(tmp_path: Path) -> None:
    (tmp_path / "KittiFlow").mkdir()
    KittiFlow().export(ABOUT, examples(), tmp_path / "KittiFlow")
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
    Flo().export(ABOUT, (moving(number) for number in range(6)), tmp_path)
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


def test_flo_loads_with_torchvision(tmp_path: Path) -> None:
    (tmp_path / "Sintel").mkdir()
    Flo().export(ABOUT, examples(), tmp_path / "Sintel")
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


def in_kubric(folder: Path) -> tuple[Example, Layers, Camera, Path]:
    """One of the exported examples, its layers and camera, and the folder that Kubric's layout gives it."""
    Kubric().export(ABOUT, (moving(number) for number in range(6)), folder)
    one = moving(1)
    layers, camera = one.clip.layers, one.clip.camera
    assert layers is not None
    assert camera is not None
    return one, layers, camera, folder / "train" / one.clip.clip_id


def test_kubric_pictures_come_back_by_kubrics_formulas(tmp_path: Path) -> None:
    one, layers, _camera, folder = in_kubric(tmp_path)
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
    _one, layers, camera, folder = in_kubric(tmp_path)
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


def test_kubric_metadata_tells_the_bodies_motion_as_get_instance_info_does(tmp_path: Path) -> None:
    one, _, _camera, folder = in_kubric(tmp_path)
    happened = one.trajectory
    assert happened is not None
    told = json.loads((folder / "metadata.json").read_text())
    ball, water = told["instances"]
    assert np.array_equal(ball["positions"], happened.body_position[:, 0])
    assert np.array_equal(np.roll(ball["quaternions"], -1, axis=1), happened.body_orientation[:, 0])
    assert np.array_equal(ball["velocities"], happened.body_velocity[:, 0])
    assert np.array_equal(ball["angular_velocities"], happened.body_angular_velocity[:, 0])
    for t, place in enumerate(ball["positions"]):
        # kubric/core/cameras.py, project_point, by the camera that metadata.json tells
        world = trimesh.transformations.quaternion_matrix(told["camera"]["quaternions"][t])
        world[:3, 3] = told["camera"]["positions"][t]
        shown = np.array(told["camera"]["K"]) @ (np.linalg.inv(world) @ [*place, 1.0])[:3]
        assert np.allclose(ball["image_positions"][t], shown[:2] / shown[2], rtol=1e-6)
    assert "positions" not in water


def test_kubric_without_a_trajectory_says_nothing_of_motion(tmp_path: Path) -> None:
    Kubric().export(ABOUT, iter([example(0)]), tmp_path)
    told = json.loads((tmp_path / "train" / "drop-sand-00000" / "metadata.json").read_text())
    assert "positions" not in told["instances"][0]


def test_kubric_holds_255_instances_and_no_particles(tmp_path: Path) -> None:
    one = example(0)
    assert one.clip.layers is not None
    many = replace(one.clip.layers, segmentation=one.clip.layers.segmentation + np.uint16(255))
    with pytest.raises(ValueError, match="drop-sand-00000: kubric holds at most 255 instances, got number 257"):
        Kubric().export(ABOUT, iter([replace(one, clip=replace(one.clip, layers=many))]), tmp_path)
    with pytest.raises(ValueError, match="kubric: there is no place for particle, choose among depth, normal"):
        Kubric(layers=["particle"])
