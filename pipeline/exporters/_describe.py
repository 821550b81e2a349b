"""What every layout says about an example: one flat row for tables, one full annotation for those who read layers."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pipeline.types import Camera, Example, Layers, Mesh

SPLITS = ("train", "validation", "test")
LONGEST = 200
"""Of a clip's id [bytes]: file names have 255, and get endings."""
LAYERS = tuple(entry.name for entry in fields(Layers))
CONVENTIONS = {
    "axes": "world z up; camera as in OpenCV: x right, y down, z forward",
    "pixels": "origin at the top left corner, pixel centres at +0.5",
    "flow": "(u right, v down) in px; forward t to t+1, backward t to t-1",
    "depth": "planar, along the optical axis [m]; inf where a ray hits nothing",
    "segmentation": "0 background, otherwise the id of an instance",
    "material": "0 background, 1 rigid, 2 grains, 3 liquid",
}


def check(example: Example, seen: set[str]) -> None:
    """Refuse an example that a trainer could not use, or that stood here before; remember its id in `seen`.

    Ids become file names, stand in lines of text, and WebDataset cuts a name at its first dot.
    """
    clip_id = example.clip.clip_id
    if example.split not in SPLITS:
        raise ValueError(f"Example {clip_id}: split must be one of {', '.join(SPLITS)}, got '{example.split}'")
    if not re.fullmatch(r"[\w-]+", clip_id) or len(clip_id.encode()) > LONGEST:
        raise ValueError(
            f"Example {clip_id!r}: a clip id must be a plain name of letters, digits, _, -, without dots and slashes, "
            f"of at most {LONGEST} bytes"
        )
    if not example.captions:
        raise ValueError(f"Example {clip_id}: expected at least one caption, got none")
    if clip_id in seen:
        raise ValueError(f"Example {clip_id}: stands twice in the data set")
    seen.add(clip_id)


def check_some(name: str, seen: set[str]) -> None:
    """Refuse a data set without examples."""
    if not seen:
        raise ValueError(f"Dataset {name}: nothing to export, no clip was accepted (see curation.jsonl for why)")


def annotated(example: Example) -> tuple[Layers, Camera]:
    """The clip's layers and camera. Raises ValueError if it has none."""
    clip = example.clip
    if clip.layers is None or clip.camera is None:
        raise ValueError(f"Clip {clip.clip_id}/{clip.source}: expected a truth clip with layers and camera, got none")
    return clip.layers, clip.camera


def row(example: Example) -> dict[str, Any]:
    """The facts that one filters and trains by: flat, the same columns for every example of a run."""
    clip, scene = example.clip, example.scene
    num_frames, height, width, _ = clip.frames.shape
    return {
        "text": example.captions[0],
        "captions": list(example.captions),
        "clip_id": clip.clip_id,
        "scenario": scene.scenario,
        "material": scene.material,
        "grade": scene.grade,
        "seed": scene.seed,
        "fps": float(clip.fps),
        "num_frames": num_frames,
        "height": height,
        "width": width,
        "split": example.split,
        **dict(sorted(example.curated.items())),
        **{f"provenance_{name}": str(value) for name, value in sorted(example.provenance.items())},
    }


def annotation(example: Example) -> dict[str, Any]:
    """Camera, instances, the scene as it was drawn (without mesh corners), conventions and provenance."""
    clip = example.clip
    return {
        "clip_id": clip.clip_id,
        "camera": plain(clip.camera, whole=True),
        "instances": plain(clip.instances),
        "scene": plain(example.scene),
        "provenance": plain(example.provenance),
        "conventions": CONVENTIONS,
    }


def plain(value: Any, whole: bool = False) -> Any:
    """Nouns as JSON values. Meshes shrink to their counts and, unless `whole`, a camera to its size."""
    if isinstance(value, Mesh):
        return {"vertices": len(value.vertices), "faces": len(value.faces)}
    if isinstance(value, Camera) and not whole:
        return {"size": list(value.size)}
    if is_dataclass(value):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def check_layers(names: Sequence[str], flow_step: float) -> None:
    """Say which layers there are if one is asked for that is not."""
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        raise ValueError(f"layers: there is no {', '.join(unknown)}, choose among {', '.join(LAYERS)}")
    if flow_step < 0:
        raise ValueError(f"flow_step: expected 0 (exact) or a step in px, got {flow_step}")


def layers_file(example: Example, names: Sequence[str], flow_step: float) -> bytes:
    """The chosen layers and the camera as the bytes of a compressed .npz; the same example gives the same bytes.

    Flow is rounded to multiples of `flow_step` [px] (0: exact), which halves the file and is recorded in it.
    Raises ValueError if the clip carries no layers or no camera.
    """
    layers, camera = annotated(example)
    arrays: dict[str, npt.NDArray[Any]] = {
        "intrinsics": camera.intrinsics,
        "world_to_camera": camera.world_to_camera,
        "flow_step": np.asarray(flow_step, dtype=np.float64),
    }
    for name in names:
        layer = cast("npt.NDArray[Any]", getattr(layers, name))
        if name.endswith("_flow") and flow_step:
            layer = (np.round(layer / flow_step) * flow_step).astype(np.float32)
        arrays[name] = layer
    return _npz(arrays)


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """What `numpy.savez_compressed` writes, at level 1: five times as fast for a file that is 5 % larger."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            # ZipInfo without a date is of 1980: the bytes do not depend on when they were written.
            entry = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()
