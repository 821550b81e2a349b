"""Files that are whole or absent: JSON, same content same bytes, and one error for all faults."""

from __future__ import annotations

import dataclasses
import enum
import errno
import fcntl
import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
"""Faults of the disk and its rights."""
_LINE = 100
"""JSON values that fit into so many characters stay on one line."""


class StoreError(OSError):
    """A file or folder of the store that is missing, damaged, of another run, or cannot be written."""


def fault(path: Path, expected: str, got: str, remedy: str = "delete its folder and run again") -> StoreError:
    """The one sentence in which the store complains."""
    return StoreError(f"{path}: expected {expected}, got {got}; {remedy}")


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises StoreError if the file is missing or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise fault(path, "a JSON file", "no such file", "run the stage that makes it") from None
    except (OSError, ValueError) as error:
        raise fault(path, "a complete JSON file", f"'{error}'") from error


def write_json(path: Path, data: Any) -> None:
    """Write dataclasses, enums, mappings, sequences, NumPy and primitives as JSON, all at once.

    The same content gives the same bytes: keys are sorted, floats are written so that they come back exactly, NaN
    and the infinities become null. Raises TypeError for other things, StoreError if the file cannot be written.
    """
    write_text(path, laid_out(plain(data, path)) + "\n")


def update_json(path: Path, **entries: Any) -> None:
    """Set some entries of a JSON object and leave the others; the file need not exist. Raises as `write_json` does."""
    write_json(path, {**(read_json(path) if path.exists() else {}), **entries})


def write_text(path: Path, text: str) -> None:
    """Write a text file all at once. Raises StoreError if it cannot be written."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of an empty file to write into; when the block ends well, it becomes `path`, all at once.

    A reader sees the old file or the new one, even if the writer is killed. Raises StoreError if the disk is full or
    read-only.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with claim(temporary(path)) as unfinished:
            try:
                yield unfinished
                sync_file(unfinished)
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what to do about it when `path` cannot be written."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if error.errno not in _UNWRITABLE:  # what else goes wrong in the block is for others to explain
            raise
        got = f"'{error.strerror}'" + (f" at {error.filename}" if error.filename else "")
        raise fault(path, "to write there", got, "make room or make the folder writable, then run again") from error


def plain(value: Any, path: Path) -> Any:
    """The value as JSON knows it."""
    match value:
        case np.ndarray() | np.generic():
            return plain(value.tolist(), path)
        case enum.Enum():
            return plain(value.value, path)
        case None | bool() | int() | str():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case Path():
            return str(value)
        case Mapping():
            return {str(name): plain(item, path) for name, item in value.items()}
        case list() | tuple():
            return [plain(item, path) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), path) for field in dataclasses.fields(value)}
    raise TypeError(
        f"{path}: expected dataclasses, enums, mappings, lists, tuples, NumPy arrays, numbers, texts or None, "
        f"got {type(value).__name__}"
    )


def laid_out(value: Any, indent: int = 0) -> str:
    """JSON for people: one line for what fits into it and for plain lists, one line an item for the rest."""
    line = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    flat = isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)
    if len(line) <= _LINE or flat or not isinstance(value, list | dict):
        return line
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        rows = [f"{json.dumps(name)}: {laid_out(value[name], indent + 1)}" for name in sorted(value)]
        return "{\n" + ",\n".join(pad + row for row in rows) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + laid_out(item, indent + 1) for item in value) + "\n" + " " * indent + "]"


def sha256(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damage(path: Path, expected: str, size: int) -> str:
    """What is wrong with a file of that SHA-256 and size [bytes]; '' if nothing."""
    try:
        if (got := path.stat().st_size) != size:
            return f"{got} of {size} bytes"
        return "" if sha256(path) == expected else "the right size but another SHA-256"
    except OSError as error:
        return f"'{error.strerror}'"


def temporary(path: Path) -> Path:
    """A hidden name beside `path` that nobody else uses; `is_temporary` knows it again."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether the name was made by `temporary`."""
    return re.fullmatch(r"\..+\.\d+-[0-9a-f]{8}\.tmp", path.name) is not None


@contextmanager
def claim(path: Path, folder: bool = False) -> Iterator[Path]:
    """Create a temporary file or folder and hold a lock on it, so that a sweep knows it from a dead process's.

    Process ids do not tell: they are used again, and first of all in containers. The kernel drops the lock when the
    process ends, however it ends.
    """
    while True:
        if folder:
            path.mkdir()
        else:
            path.touch(exist_ok=False)
        descriptor = os.open(path, os.O_RDONLY)
        try_lock(descriptor, wait=True)
        if path.exists():  # else a sweep was faster than the lock
            break
        os.close(descriptor)
    try:
        yield path
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, wait: bool = False, shared: bool = False) -> bool:
    """Whether nobody else holds the lock on an open file; then this process does until it closes the file.

    Several may hold it if all of them ask for it `shared`.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by somebody, or a network drive without locks: leave it alone
        return False
    return True


def sync_file(path: Path) -> None:
    """Wait until the file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the folder's list of names is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
