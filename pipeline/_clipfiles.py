"""What lies in a clip's folder: video, layers, trajectory, and clip.json that says what they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import video
from pipeline._arrays import Reel, Series, held, read_arrays, write_arrays
from pipeline._files import damage, fault, read_json
from pipeline._nouns import Arrays, decode, encode, hints_of
from pipeline.types import Camera, Clip, Instance, Layers, Scene, Trajectory, UInt8

CLIP = "clip.json"
RGB, PREVIEW = "rgb.mkv", "preview.mp4"
LAYERS, SCENE, TRAJECTORY = "layers.npz", "scene.npz", "trajectory.npz"

_STEPS = 64
"""Flow on disk is counted in steps of 1/64 px, a fifth of what H.264 at crf 10 costs at most."""
_SPACING = "particle_spacing"
_PARTICLES = ("particle_position", "particle_velocity")
"""The only field of a trajectory that is one number."""
_FLOWS = ("forward_flow", "backward_flow")
_STORED = {
    "int16": {"stored": "int16", "unit": f"1/{_STEPS} px", "steps_per_pixel": _STEPS},
    "float32": {"stored": "float32", "unit": "px", "steps_per_pixel": 1},
}
"""What clip.json says about a flow, by its type on disk."""


def write_clip(
    folder: Path, clip: Clip, scene: Scene | None, trajectory: Trajectory | None, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Write all files of a clip but clip.json, and return what goes into that.

    Raises ValueError if layers or trajectory are not of the types and shapes that pipeline.types declares.
    """
    video.write_lossless(folder / RGB, clip.frames, clip.fps)
    video.write_preview(folder / PREVIEW, clip.frames, clip.fps)
    who, length = f"Clip {clip.clip_id}/{clip.source}", len(clip.frames)
    layers = {}
    if clip.layers:
        arrays = _arrays(clip.layers, f"{who}: layers", clip.frames.shape[:3])
        layers = _write_layers(folder, {name: held(array) for name, array in arrays.items()})
    if trajectory:
        write_arrays(folder / TRAJECTORY, _arrays(trajectory, f"{who}: trajectory", (length,)))
    entry = _write_scene(folder, scene) if scene else None
    return _description(clip, length) | {"layers": layers, "scene": entry, "extra": extra}


def write_shots(
    folder: Path,
    scene: Scene,
    pieces: Iterable[Trajectory],
    film: Callable[[Trajectory], Iterable[tuple[UInt8, Layers | None]]],
    instances: tuple[Instance, ...],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The same, and the same bytes, for a truth clip that is made meanwhile: nothing that grows is kept in memory.

    The trajectory comes in pieces and goes to `film` as a whole whose arrays lie on the disk. Raises ValueError if
    there are not as many frames as the scene has, too.
    """
    who, size = f"Clip {scene.clip_id}/truth", scene.camera.size
    with Reel(folder) as happened, Reel(folder) as layers:
        trajectory, release = _write_trajectory(folder, pieces, happened, f"{who}: trajectory", scene.num_frames)
        count, first = 0, None
        with (
            video.lossless(folder / RGB, size, scene.fps) as keep,
            video.preview(folder / PREVIEW, size, scene.fps) as show,
        ):
            for picture, seen in film(trajectory):
                keep(picture)
                show(picture)
                for name, array in _arrays(seen, f"{who}: frame {count}: layers", size).items() if seen else ():
                    layers.add(name, array)
                first, count = picture[None] if first is None else first, count + 1
                release()
        series = layers.series()
        if first is None or {count, *map(len, series.values())} != {scene.num_frames}:
            raise ValueError(f"{who}: expected {scene.num_frames} frames, all or none with layers, got {count}")
        layers_entry = _write_layers(folder, series) if series else {}
    camera, fps = scene.camera, scene.fps
    clip = Clip(scene.clip_id, "truth", scene.draw, first, fps, camera=camera, instances=instances)
    return _description(clip, count) | {"layers": layers_entry, "scene": _write_scene(folder, scene), "extra": extra}


def _write_trajectory(
    folder: Path, pieces: Iterable[Trajectory], reel: Reel, who: str, length: int
) -> tuple[Trajectory, Callable[[], None]]:
    """Write a trajectory that comes in pieces; it as a whole, on the disk, and what lets go of what was read of it."""
    names = [field.name for field in dataclasses.fields(Trajectory) if field.name != _SPACING]
    spacing = 0.0
    for piece in pieces:
        spacing = piece.particle_spacing
        for name in names:
            for row in getattr(piece, name):
                reel.add(name, row)
        del piece  # or it would stay while the next one is made
    arrays, release = reel.mapped()
    if not arrays:
        raise ValueError(f"{who}: expected {length} frames, got none")
    trajectory = Trajectory(**arrays, particle_spacing=spacing)  # type: ignore[arg-type]
    whole = _arrays(trajectory, who, (length,))
    series = reel.series()
    write_arrays(folder / TRAJECTORY, {name: series.get(name, held(array)) for name, array in whole.items()})
    return trajectory, release


def _write_scene(folder: Path, scene: Scene) -> Any:
    """Write the scene's arrays, and return its entry in clip.json."""
    arrays: Arrays = {}
    entry = encode(scene, arrays)
    write_arrays(folder / SCENE, arrays)
    return entry


def _write_layers(folder: Path, layers: Mapping[str, Series]) -> dict[str, Any]:
    """Write the layers, and return how their flows are stored."""
    stored = {name: _quantised(series) if name in _FLOWS else series for name, series in layers.items()}
    write_arrays(folder / LAYERS, stored)
    return {name: _STORED[stored[name].dtype.name] for name in _FLOWS}


def _description(clip: Clip, length: int) -> dict[str, Any]:
    """A clip in words and small numbers; of its frames, the first would do."""
    height, width = clip.frames.shape[1:3]
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


def _quantised(flow: Series) -> Series:
    """The flow counted in steps of 1/64 px where int16 holds it, else as it is."""

    def steps(piece: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.rint(piece * np.float32(_STEPS)))

    most = np.iinfo(np.int16).max
    if not all(np.all(np.abs(steps(piece)) <= most) for piece in flow.pieces()):  # too fast, or NaN
        return flow
    return Series(np.dtype(np.int16), flow.shape, lambda first, last: steps(flow.rows(first, last)).astype(np.int16))


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


def load_trajectory(folder: Path, key: str = "", particles: bool = True) -> Trajectory:
    """The trajectory that was saved with a clip; without its particles, which are most of it, N is 0.

    Raises StoreError as `load_clip` does.
    """
    folder = Path(folder)
    entry = _entry(folder, key)
    with _explained(folder):
        arrays = read_arrays(_sound(folder, TRAJECTORY, entry), () if particles else _PARTICLES)
        for name in () if particles else _PARTICLES:
            arrays[name] = np.zeros((len(arrays["time"]), 0, 3), np.float32)
        spacing = float(arrays.pop(_SPACING))
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
