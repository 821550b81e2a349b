"""Kubric's folders of pictures (Greff et al. 2022), as its workers write them and the MOVi builders read them.

https://github.com/google-research/kubric: kubric/file_io.py (files and scaling), kubric/renderer/blender_utils.py (what
the channels mean), challenges/movi/movi_a.py (how they are read), kubric/core/cameras.py (the camera), kubric/utils.py
(get_instance_info).
"""

from __future__ import annotations

import colorsys
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pipeline.exporters import About, Exporter
from pipeline.exporters._describe import annotated, check_layers, plain, row
from pipeline.exporters._pictures import export_pictures
from pipeline.exporters._png import write_png
from pipeline.types import Bool, Camera, Example, Float32, Float64, Layers, Trajectory

LAYERS = ["depth", "normal", "segmentation", "object_coordinates", "forward_flow", "backward_flow"]
"""Those that Kubric has a place for."""
NOTHING = 1e10
"""Depth of the sky in Kubric [m]."""
SENSOR = 36.0
"""Width of the sensor in Kubric's cameras [mm]; only its ratio to the focal length means something."""
CONTENTS = """## What lies where

`<split>/<clip_id>/` is a folder as Kubric writes it, t from 00000 on:

- `rgba_<t>.png`, alpha 255; `segmentation_<t>.png`: a palette, whose index is the instance, 0 the background.
- `depth_<t>.tiff`: float32 distance from the camera's centre [m] (not the planar depth), 1e10 for the sky.
- `forward_flow_<t>.png`, `backward_flow_<t>.png`: 16 bits, (down, right, 0), Kubric's order (delta_row, delta_column);
  value / 65535 * (max - min) + min is in px, with the clip's `min` and `max` in `data_ranges.json`; zero flow where
  there is no next or no former frame.
- `normal_<t>.png`: (n + 1) / 2 * 65535 in world axes; `object_coordinates_<t>.png`: 0..1 * 65535.
- `metadata.json`: `metadata`, `camera` (Blender's axes, quaternions w, x, y, z) and `instances` with their boxes and
  visible pixels; bodies also with their `positions` [m], `quaternions`, `velocities` [m/s], `angular_velocities`
  [rad/s] and `image_positions` (0..1, right and down) in every frame. `events.json` lists no collisions.

`train.jsonl`, `validation.jsonl`, `test.jsonl`: one row a clip with its captions, provenance and `folder`."""


@dataclass
class Kubric(Exporter):
    """Writes one folder of pictures a clip: rgba, segmentation, depth, flow, normal, object coordinates, metadata."""

    on_request: ClassVar[bool] = True

    layers: list[str] = field(default_factory=lambda: list(LAYERS))
    """Names of the layers to write."""

    def __post_init__(self) -> None:
        check_layers(self.layers, 0.0)
        homeless = [name for name in self.layers if name not in LAYERS]
        if homeless:
            raise ValueError(f"kubric: there is no place for {', '.join(homeless)}, choose among {', '.join(LAYERS)}")

    def export(self, about: About, examples: Iterable[Example], folder: Path) -> None:
        """One example in memory at a time. The same examples give the same bytes.

        Raises ValueError if there is no example at all, one that a trainer could not use, or one of more than 255
        instances.
        """

        def write(example: Example) -> dict[str, Any]:
            place = f"{example.split}/{example.clip.clip_id}"
            self._write(example, folder / place)
            return {"folder": place}

        export_pictures(about, examples, folder, CONTENTS, write)

    def _write(self, example: Example, folder: Path) -> None:
        layers, camera = annotated(example)
        for t, frame in enumerate(example.clip.frames):
            opaque = np.full_like(frame[..., :1], 255)
            write_png(folder / f"rgba_{t:05d}.png", np.concatenate([frame, opaque], axis=-1))
        away = _rays(camera)
        for t in range(len(example.clip.frames)):
            if "depth" in self.layers:
                _write_tiff(folder / f"depth_{t:05d}.tiff", np.minimum(layers.depth[t] * away, NOTHING))
            if "segmentation" in self.layers:
                _write_indexed(folder / f"segmentation_{t:05d}.png", layers.segmentation[t], example.clip.clip_id)
            if "normal" in self.layers:
                write_png(folder / f"normal_{t:05d}.png", _sixteen((layers.normal[t].astype(np.float32) + 1) / 2))
            if "object_coordinates" in self.layers:
                place = layers.object_coordinates[t].astype(np.float32)
                write_png(folder / f"object_coordinates_{t:05d}.png", _sixteen(place))
        flows = [name for name in LAYERS if name in self.layers and name.endswith("_flow")]
        _write_json(folder / "data_ranges.json", {name: _write_flow(folder, name, layers) for name in flows})
        _write_json(folder / "metadata.json", _metadata(example, layers, camera))
        _write_json(folder / "events.json", {"collisions": []})


def _rays(camera: Camera) -> Float64:
    """Distance from the camera's centre of what has planar depth 1, (H, W)."""
    height, width = camera.size
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.intrinsics).T
    return np.asarray(np.linalg.norm(rays, axis=-1))


def _sixteen(values: Float32 | Float64) -> npt.NDArray[np.uint16]:
    """0..1 as 16 bits."""
    clipped: Float64 = np.clip(values.astype(np.float64), 0.0, 1.0)
    return np.rint(clipped * 65535.0).astype(np.uint16)


def _write_flow(folder: Path, name: str, layers: Layers) -> dict[str, float]:
    """Write a clip's flow, and return its range [px]."""
    flow = getattr(layers, name)[..., ::-1].astype(np.float64)  # Kubric: rows first
    low, high = float(flow.min()), float(flow.max())
    for t, one in enumerate(flow):
        coded = _sixteen((one - low) / max(high - low, 1e-12))
        write_png(folder / f"{name}_{t:05d}.png", np.concatenate([coded, np.zeros_like(coded[..., :1])], axis=-1))
    return {"min": low, "max": high}


def _write_tiff(path: Path, depth: Float64) -> None:
    from PIL import Image

    coded = io.BytesIO()
    Image.fromarray(depth.astype(np.float32)).save(coded, "TIFF")
    path.write_bytes(coded.getvalue())


def _write_indexed(path: Path, segmentation: npt.NDArray[np.uint16], clip_id: str) -> None:
    from PIL import Image

    if segmentation.max() > 255:
        raise ValueError(f"Clip {clip_id}: kubric holds at most 255 instances, got number {segmentation.max()}")
    colours = [(0.0, 0.0, 0.0)] + [colorsys.hls_to_rgb(i * 0.381966 % 1.0, 0.5, 0.9) for i in range(255)]
    coded, image = io.BytesIO(), Image.fromarray(segmentation.astype(np.uint8), "P")
    image.putpalette([round(255 * channel) for colour in colours for channel in colour])
    image.save(coded, "PNG")
    path.write_bytes(coded.getvalue())


def _metadata(example: Example, layers: Layers, camera: Camera) -> dict[str, Any]:
    clip, scene = example.clip, example.scene
    height, width = camera.size
    facts = {
        "resolution": [width, height],
        "frame_rate": clip.fps,
        "gravity": scene.gravity,
        "num_frames": len(clip.frames),
        "num_instances": len(clip.instances),
    }
    instances = []
    for instance in clip.instances:
        entry: dict[str, Any] = {
            "asset_id": instance.mesh or instance.name,
            "name": instance.name,
            "kind": instance.kind,
            "density": instance.density,
        }
        if instance.kind == "rigid":
            body = scene.bodies[instance.id - 1]
            entry |= {"mass": body.mass, "friction": body.friction, "restitution": body.restitution}
            entry |= _motion(example.trajectory, instance.id - 1, camera) if example.trajectory else {}
        instances.append(entry | _boxes(layers.segmentation == instance.id))
    return {"flags": {}, "metadata": row(example) | facts, "camera": _camera(camera), "instances": instances}


def _motion(happened: Trajectory, number: int, camera: Camera) -> dict[str, Any]:
    """What get_instance_info says of a body in every frame: quaternions w, x, y, z, the picture from 0 to 1."""
    places = happened.body_position[:, number]
    seen = np.einsum("tij,tj->ti", camera.world_to_camera[:, :3, :3], places) + camera.world_to_camera[:, :3, 3]
    shown = seen @ camera.intrinsics.T
    height, width = camera.size
    return {
        "positions": places,
        "quaternions": happened.body_orientation[:, number][:, [3, 0, 1, 2]],
        "velocities": happened.body_velocity[:, number],
        "angular_velocities": happened.body_angular_velocity[:, number],
        "image_positions": shown[:, :2] / shown[:, 2:] / (width, height),
    }


def _boxes(mine: Bool) -> dict[str, Any]:
    """Visible pixels in each frame, and [ymin, xmin, ymax, xmax] in 0..1 where there are any."""
    _, height, width = mine.shape
    boxes, frames = [], []
    for t, mask in enumerate(mine):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            low, high = (rows[0] / height, columns[0] / width), ((rows[-1] + 1) / height, (columns[-1] + 1) / width)
            boxes.append([*low, *high])
            frames.append(t)
    return {"visibility": mine.sum(axis=(1, 2)), "bboxes": boxes, "bbox_frames": frames}


def _camera(camera: Camera) -> dict[str, Any]:
    """The camera as Blender sees it: y up, looking along -z; intrinsics over a picture of width and height 1."""
    from scipy.spatial.transform import Rotation

    height, width = camera.size
    focal = float(camera.intrinsics[0, 0]) * SENSOR / width
    turned = camera.world_to_camera[:, :3, :3].transpose(0, 2, 1)
    places = -np.einsum("tij,tj->ti", turned, camera.world_to_camera[:, :3, 3])
    x, y = focal / SENSOR, focal / SENSOR * width / height
    return {
        "focal_length": focal,
        "sensor_width": SENSOR,
        "field_of_view": 2.0 * float(np.arctan2(SENSOR / 2, focal)),
        "positions": places,
        "quaternions": Rotation.from_matrix(turned * (1.0, -1.0, -1.0)).as_quat()[:, [3, 0, 1, 2]],
        "K": [[x, 0.0, -0.5], [0.0, -y, -0.5], [0.0, 0.0, -1.0]],
    }


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(plain(data), sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
