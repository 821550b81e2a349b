"""The cellar: keyed, atomic, resumable folders. A folder with its manifest is finished; one without is not there.

    if not store.is_complete(folder, key):
        with store.publish(folder, key, {"what": "..."}) as temporary:
            ...  # write files into `temporary`

A kill at any moment leaves the old complete folder, the new complete folder, or none, which the next run fills.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from pipeline._arrays import read_arrays, write_arrays
from pipeline._clipfiles import CLIP, load_clip, load_scene, load_trajectory, write_clip, write_shots
from pipeline._files import (
    StoreError,
    claim,
    damage,
    fault,
    is_temporary,
    read_json,
    replacing,
    sha256,
    sync_file,
    sync_folder,
    temporary,
    try_lock,
    update_json,
    write_json,
    write_text,
    writing,
)
from pipeline._longjson import read_long, write_long
from pipeline._nouns import decode, encode
from pipeline.types import Clip, Instance, Layers, Scene, Trajectory, UInt8

__all__ = [
    "CLIP",
    "MANIFEST",
    "StoreError",
    "code_version",
    "decode",
    "encode",
    "is_complete",
    "key",
    "load_clip",
    "load_scene",
    "load_trajectory",
    "lock",
    "publish",
    "read_arrays",
    "read_json",
    "read_long",
    "replacing",
    "save_clip",
    "save_shots",
    "sha256",
    "sweep",
    "turn",
    "unfinished",
    "update_json",
    "verify",
    "write_arrays",
    "write_json",
    "write_long",
    "write_text",
    "writing",
]

MANIFEST = "manifest.json"
_CODE = Path(__file__).parent
_OURS = ("key", "files", "sizes")
"""What `publish` itself writes into a manifest."""


def key(*parts: Any) -> str:
    """SHA-256 of settings, inputs and code version: same parts, same key, in every process and on every machine.

    Parts are dataclasses (their class counts, so that two plug-ins with equal fields differ), enums, mappings with
    text keys, lists, tuples, NumPy arrays and numbers, primitives; floats count with every bit, 1 is not 1.0, and a
    list is the tuple of the same items. A path counts as its text, not as what lies there. Raises TypeError for
    anything else.
    """
    text = json.dumps([_canonical(part) for part in parts], sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(part: Any) -> Any:
    """The part as JSON in which different parts differ."""
    match part:
        case np.ndarray() if part.dtype != object:
            digest = hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
            return {"array": [part.dtype.str, list(part.shape), digest]}
        case np.generic():
            return _canonical(part.item())
        case enum.Enum():
            return {"enum": [_name(type(part)), part.name]}
        case None | bool() | int() | str():
            return part
        case float():
            return {"float": float.__repr__(part)}
        case bytes():
            return {"bytes": hashlib.sha256(part).hexdigest()}
        case PurePath():
            return {"path": part.as_posix()}
        case list() | tuple():
            return [_canonical(item) for item in part]
        case Mapping() if all(isinstance(name, str) for name in part):
            return {"mapping": {name: _canonical(item) for name, item in part.items()}}
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {field.name: _canonical(getattr(part, field.name)) for field in dataclasses.fields(part)}
        return {"class": _name(type(part)), "fields": fields}
    raise TypeError(
        "store.key: expected dataclasses, enums, mappings with text keys, sequences, arrays and primitives, "
        f"got {type(part).__name__}: {part!r}; hand over the settings that it stands for"
    )


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@functools.cache
def code_version(*modules: str) -> str:
    """SHA-256 of the source of modules and packages (with all that is below them) of pipeline, e.g. 'simulators'.

    Only what is named counts, so that an edit of the report does not make the simulations stale; what a module imports
    has to be named too. Raises ValueError for an unknown name.
    """
    digest = hashlib.sha256()
    for module in sorted({name.removeprefix("pipeline.") for name in modules}):
        for path in _sources(module):
            digest.update(f"{path.relative_to(_CODE).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


def _sources(module: str) -> list[Path]:
    """A module's file, or all files of a package, in a fixed order."""
    path = _CODE.joinpath(*module.split("."))
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    if path.with_suffix(".py").is_file():
        return [path.with_suffix(".py")]
    raise ValueError(f"store.code_version: expected modules of pipeline, got '{module}'")


@contextmanager
def publish(folder: Path, key: str, manifest: Mapping[str, Any] | None = None, name: str = MANIFEST) -> Iterator[Path]:
    """Yield a temporary folder to write into; when the block ends well, it becomes `folder`, all at once.

    The manifest (read when the block ends, so the block may fill it) gets the key and every file's SHA-256 and size,
    and is written last. An older folder of that name is replaced, unless it already has this key and is complete
    (another process was quicker). If the block raises, nothing is left behind.

    Raises StoreError if the disk is full or read-only, or if `folder` holds files that no `publish` wrote; ValueError
    if the manifest has entries of its own called key, files or sizes.
    """
    folder = Path(folder)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with claim(temporary(folder), folder=True) as workshop:
            try:
                yield workshop
                _seal(workshop, key, manifest or {}, name)
                _move(workshop, folder, key, name)
            finally:
                shutil.rmtree(workshop, ignore_errors=True)


def _seal(workshop: Path, key: str, manifest: Mapping[str, Any], name: str) -> None:
    """Wait until all files are on the disk, then write the manifest."""
    taken = [entry for entry in _OURS if entry in manifest]
    if taken or (workshop / name).exists():
        raise ValueError(f"{workshop}: {name} and its {', '.join(_OURS)} are written by publish, got {taken or name}")
    files = _files(workshop)
    for file in files:
        sync_file(workshop / file)
    hashes = {file: sha256(workshop / file) for file in files}
    sizes = {file: (workshop / file).stat().st_size for file in files}
    write_json(workshop / name, {**manifest, "key": key, "files": hashes, "sizes": sizes})


def _files(folder: Path) -> list[str]:
    """Paths of all files below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _move(workshop: Path, folder: Path, key: str, name: str) -> None:
    """Put the finished folder in its place; an older one steps aside first and is removed last."""
    if is_complete(folder, key, name):
        return
    if folder.exists() and any(folder.iterdir()) and not (folder / name).exists():
        raise fault(folder, f"a folder with {name}, or none", "files of somebody else", "move them away")
    aside = temporary(folder)
    with suppress(FileNotFoundError):
        os.rename(folder, aside)
    try:
        os.rename(workshop, folder)
    except OSError:
        if not is_complete(folder, key, name):  # else another process finished the same in this moment
            raise
    sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def is_complete(folder: Path, key: str, name: str = MANIFEST) -> bool:
    """Whether the folder was published under this key and its files have their sizes; `verify` looks closer."""
    try:
        manifest = read_json(Path(folder) / name)
        sizes = manifest["sizes"].items()
        return manifest["key"] == key and all((Path(folder) / file).stat().st_size == size for file, size in sizes)
    except (OSError, KeyError, TypeError, AttributeError):
        return False


def verify(folder: Path, name: str = MANIFEST) -> list[str]:
    """Everything that is wrong with a published folder, one line each: missing, changed and foreign files."""
    folder = Path(folder)
    try:
        manifest = read_json(folder / name)
        hashes, sizes = manifest["files"], manifest["sizes"]
    except (StoreError, KeyError, TypeError) as error:
        return [f"{folder / name}: expected a manifest, got {error}"]
    problems = [(file, damage(folder / file, hashes[file], sizes.get(file, -1))) for file in sorted(hashes)]
    foreign = [(file, "a file that the manifest does not list") for file in _files(folder) if file not in hashes]
    return [f"{folder / file}: {problem}" for file, problem in problems + foreign if problem and file != name]


def sweep(root: Path) -> list[Path]:
    """Remove what killed processes left half written below `root`, and return it; what a live one holds stays."""
    return [stale for stale in unfinished(root) if _remove(stale)]


def _remove(stale: Path) -> bool:
    try:
        descriptor = os.open(stale, os.O_RDONLY)
    except OSError:  # gone by itself
        return False
    try:
        if not try_lock(descriptor):
            return False
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


@contextmanager
def lock(folder: Path, part: str = "") -> Iterator[None]:
    """Be the only process that works in a run's folder, or on one part of it while others work on other parts.

    The kernel lets go when the process ends, even by kill -9. Raises StoreError that names the process id of the other.
    """
    with _held(Path(folder), "", shared=bool(part)):
        if not part:
            yield
            return
        with _held(Path(folder), f"-{part}", shared=False):
            yield


@contextmanager
def _held(folder: Path, ending: str, shared: bool) -> Iterator[None]:
    path = folder / f".lock{ending}"
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    with file:
        if not try_lock(file.fileno(), shared=shared):
            file.seek(0)
            got = f"process {file.read().strip() or '?'} at work"
            raise fault(folder, "to be alone there", got, "wait for it, or choose another name with run=")
        if not shared:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for this folder: for the moment of changing a file they share."""
    with writing(Path(folder)):
        file = (Path(folder) / ".turn").open("a+")
    with file:
        try_lock(file.fileno(), wait=True)
        yield


def unfinished(root: Path) -> list[Path]:
    """What processes, living or killed, have half written below `root`; `sweep` removes what is nobody's."""
    found = []
    for parent, folders, files in os.walk(root):
        found += [Path(parent) / name for name in folders + files if is_temporary(Path(name))]
        folders[:] = [name for name in folders if not is_temporary(Path(name))]
    return sorted(found)


def save_clip(
    folder: Path,
    key: str,
    clip: Clip,
    scene: Scene | None = None,
    trajectory: Trajectory | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Publish a clip: rgb.mkv, preview.mp4, what there is of layers.npz, scene.npz and trajectory.npz, and clip.json.

    Flow is kept to 1/64 px where int16 holds it, all else bit by bit; `extra` is kept in clip.json under that name.
    Same clip, same bytes. Raises as `publish` does, ValueError if arrays are not as pipeline.types declares them.
    """
    entry: dict[str, Any] = {}
    with publish(folder, key, entry, CLIP) as workshop:
        entry.update(write_clip(workshop, clip, scene, trajectory, extra or {}))


def save_shots(
    folder: Path,
    key: str,
    scene: Scene,
    pieces: Iterable[Trajectory],
    film: Callable[[Trajectory], Iterable[tuple[UInt8, Layers | None]]],
    instances: tuple[Instance, ...],
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Publish a truth clip that is made while it is written: the folder is that of `save_clip`, to the byte.

    `pieces` are its trajectory, one after the other and of any length; `film` makes its frames of the whole, each a
    picture (H, W, 3) and its layers of leading shape (H, W). Neither particles nor frames are kept in memory. Raises as
    `save_clip` does, and whatever `pieces` and `film` raise; then nothing is left behind.
    """
    entry: dict[str, Any] = {}
    with publish(folder, key, entry, CLIP) as workshop:
        entry.update(write_shots(workshop, scene, pieces, film, instances, extra or {}))
