"""What lies in a clip's folder: video, layers, trajectory, and clip.json that says what they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import video
from pipeline._files import damage, fault, read_arrays, read_json, write_arrays
from pipeline._nouns import Arrays, decode, encode, hints_of
from pipeline.types import Camera, Clip, Float32, Instance, Layers, Scene, Trajectory

CLIP = "clip.json"
RGB, PREVIEW = "rgb.mkv", "preview.mp4"
LAYERS, SCENE, TRAJECTORY = "layers.npz", "scene.npz", "trajectory.npz"

_STEPS = 64
"""Flow on disk is counted in steps of 1/64 px, a fifth of what H.264 at crf 10 costs at most."""
_FLOWS = ("forward_flow", "backward_flow")


def write_clip(
    folder: Path, clip: Clip, scene: Scene | None, trajectory: Trajectory | None, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Write all files of a clip but clip.json, and return what goes into that.

    Raises ValueError if layers or trajectory are not of the types and shapes that types.py declares.
    """
    video.write_lossless(folder / RGB, clip.frames, clip.fps)
    video.write_preview(folder / PREVIEW, clip.frames, clip.fps)
    who = f"Clip {clip.clip_id}/{clip.source}"
    written: dict[str, Any] = {"layers": {}, "scene": None}
    if clip.layers:
        arrays = _arrays(clip.layers, f"{who}: layers", clip.frames.shape[:3])
        written["layers"] = {name: _quantise(arrays, name) for name in _FLOWS}
        write_arrays(folder / LAYERS, arrays)
    if trajectory:
        write_arrays(folder / TRAJECTORY, _arrays(trajectory, f"{who}: trajectory", (len(clip.frames),)))
    if scene:
        arrays = {}
        written["scene"] = encode(scene, arrays)
        write_arrays(folder / SCENE, arrays)
    return _description(clip) | written | {"extra": extra}


def _description(clip: Clip) -> dict[str, Any]:
    """A clip in words and small numbers."""
    length, height, width, _ = clip.frames.shape
    camera = clip.camera
    return {
        "clip_id": clip.clip_id,
        "source": clip.source,
        "sample": clip.sample,
        "fps": clip.fps,
        "num_frames": length,
        "size": [height, width],
        "camera": camera
        and {
            "convention": "OpenCV: x right, y down, z forward; pixel centres at +0.5",
            "size": camera.size,
            "intrinsics": camera.intrinsics,
            "world_to_camera": camera.world_to_camera,
        },
        "instances": {str(instance.id): encode(instance, {}) for instance in clip.instances},
        "notes": clip.notes,
        "video": {RGB: video.LOSSLESS, PREVIEW: video.PREVIEW},
    }


def _arrays(noun: Layers | Trajectory, who: str, leading: tuple[int, ...]) -> Arrays:
    """The fields of a noun, if they are of the declared types and lead with the clip's shape."""
    hints, arrays = hints_of(type(noun)), Arrays()
    for field in dataclasses.fields(noun):
        value, hint = getattr(noun, field.name), hints[field.name]
        if hint is float:
            arrays[field.name] = np.asarray(value, np.float64)
            continue
        (declared,) = hint.__args__[1].__args__  # NDArray[x] is ndarray[..., dtype[x]]
        if value.dtype != declared or value.shape[: len(leading)] != leading:
            raise ValueError(
                f"{who}.{field.name}: expected {np.dtype(declared)} of shape {(*leading, '...')}, "
                f"got {value.dtype} of shape {value.shape}"
            )
        arrays[field.name] = value
    return arrays


def _quantise(arrays: Arrays, name: str) -> dict[str, Any]:
    """Count a flow in steps of 1/64 px where int16 holds it, and say so."""
    flow: Float32 = arrays[name]
    steps = np.rint(flow * np.float32(_STEPS))
    if not np.all(np.abs(steps) <= np.iinfo(np.int16).max):  # too fast, or NaN
        return {"stored": "float32", "unit": "px", "steps_per_pixel": 1}
    arrays[name] = steps.astype(np.int16)
    return {"stored": "int16", "unit": f"1/{_STEPS} px", "steps_per_pixel": _STEPS}


def load_clip(folder: Path, layers: bool = True, key: str = "") -> Clip:
    """The clip that was saved there, with its layers if it has any and they are wanted.

    Every file is checked against the SHA-256 in clip.json before it is believed. Raises StoreError if one is missing
    or damaged, or if the folder's key is not `key` (where given).
    """
    folder = Path(folder)
    entry = _entry(folder, key)
    with _explained(folder):
        path = _sound(folder, RGB, entry)
        try:
            frames, _ = video.read(path)
        except video.VideoError as error:
            raise fault(path, f"{entry['num_frames']} frames", f"'{error}'") from error
        return Clip(
            clip_id=entry["clip_id"],
            source=entry["source"],
            sample=entry["sample"],
            frames=frames,
            fps=float(entry["fps"]),
            layers=_layers(folder, entry) if layers and LAYERS in entry["files"] else None,
            camera=entry["camera"] and _camera(entry["camera"]),
            instances=tuple(
                decode(Instance, instance, {})
                for _, instance in sorted(entry["instances"].items(), key=lambda item: int(item[0]))
            ),
            notes=entry["notes"],
        )


def load_scene(folder: Path, key: str = "") -> Scene:
    """The scene that was saved with a clip, bit by bit. Raises StoreError as `load_clip` does."""
    folder = Path(folder)
    entry = _entry(folder, key)
    if not entry.get("scene"):
        raise fault(folder / CLIP, "the scene of a truth clip", "none")
    with _explained(folder):
        return decode(Scene, entry["scene"], read_arrays(_sound(folder, SCENE, entry)))


def load_trajectory(folder: Path, key: str = "") -> Trajectory:
    """The trajectory that was saved with a clip. Raises StoreError as `load_clip` does."""
    folder = Path(folder)
    entry = _entry(folder, key)
    with _explained(folder):
        arrays = read_arrays(_sound(folder, TRAJECTORY, entry))
        spacing = float(arrays.pop("particle_spacing"))
        return Trajectory(**arrays, particle_spacing=spacing)  # type: ignore[arg-type]


def _entry(folder: Path, key: str) -> dict[str, Any]:
    """The folder's clip.json."""
    entry: dict[str, Any] = read_json(folder / CLIP)
    if key and entry.get("key") != key:
        raise fault(folder / CLIP, f"key {key}", f"{entry.get('key')}: other settings or code made it")
    return entry


def _sound(folder: Path, name: str, entry: dict[str, Any]) -> Path:
    """Path of one of the clip's files, which is what it was when it was written."""
    path = folder / name
    if name not in entry["files"]:
        raise fault(path, "a file that clip.json lists", f"only {', '.join(entry['files'])}")
    problem = damage(path, entry["files"][name], entry["sizes"][name])
    if problem:
        raise fault(path, "the file as it was written", problem)
    return path


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what trips over a foreign or older clip.json into the store's own error."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise fault(folder / CLIP, "a clip of this version", f"{type(error).__name__}: {error}") from error


def _camera(entry: dict[str, Any]) -> Camera:
    height, width = entry["size"]
    return Camera(
        size=(height, width),
        intrinsics=np.array(entry["intrinsics"], np.float64),
        world_to_camera=np.array(entry["world_to_camera"], np.float64),
    )


def _layers(folder: Path, entry: dict[str, Any]) -> Layers:
    """The layers, with flow in px again."""
    arrays = read_arrays(_sound(folder, LAYERS, entry))
    for name in _FLOWS:
        if arrays[name].dtype == np.int16:
            arrays[name] = arrays[name] * np.float32(1 / entry["layers"][name]["steps_per_pixel"])
    return Layers(**arrays)  # type: ignore[arg-type]
