"""The finished run -> wherever fsspec reaches: a folder, a bucket. What arrived is read back and compared.

Files go first, the clip.json or manifest.json of each folder after them, published.json last: who finds that, finds
all that it lists. The same command again goes on where the last one ended.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from pipeline import store
from pipeline.stages import Run, Tally
from pipeline.stages._layout import PLAN, lost

PUBLISHED = "published.json"
_LAST = (store.CLIP, store.MANIFEST)
"""Files that promise the others of their folder."""
_AT_ONCE = 8
"""Uploads at a time: most of an upload is waiting."""


@dataclass(frozen=True)
class _File:
    path: str
    """Below the run's folder."""
    sha256: str
    size: int


def publish(run: Run) -> Tally:
    """Copy the run's files to <publish>/<run>, and list them with their checksums in published.json there.

    Raises ValueError if a truth clip is missing or a file is not what its clip.json says, if the URL is not one, or if
    the package for it is not installed.
    """
    if (run.folder / PLAN).exists() and (missing := lost(run)):
        raise ValueError(
            f"publish: expected all clips of {run.folder}, got none of {', '.join(list(missing)[:5])} "
            f"({len(missing)} in all): run stage=simulate, or stage=verify repair=true"
        )
    system, root = _there(run)
    files = list(_files(run.folder))
    promise = json.dumps({"run": run.run, "files": [asdict(one) for one in files]}, indent=1, sort_keys=True).encode()
    if system.exists(f"{root}/{PUBLISHED}") and system.cat_file(f"{root}/{PUBLISHED}") != promise:
        system.rm_file(f"{root}/{PUBLISHED}")  # it promises what is now replaced
    journal = run.folder / f".published-{store.key(root, type(system).__name__)[:16]}.jsonl"
    sent = _sent(journal)
    todo = [one for one in files if one not in sent or not _is_there(system, root, one)]
    failed: dict[str, str] = {}
    for promises in (False, True):
        batch = [one for one in todo if (Path(one.path).name in _LAST) is promises]
        with ThreadPoolExecutor(_AT_ONCE) as pool, journal.open("a") as done:
            problems = pool.map(functools.partial(_send, system, root, run.folder), batch)
            for one, problem in zip(batch, problems, strict=True):
                if problem:
                    failed[one.path] = problem
                else:
                    done.write(json.dumps(asdict(one)) + "\n")
                    done.flush()
        if failed:
            break
    else:
        system.pipe_file(f"{root}/{PUBLISHED}", promise)
    kept = tuple(one.path for one in files if one.path not in failed)
    return Tally("publish", kept, len(todo) - len(failed), failed)


def _there(run: Run) -> tuple[Any, str]:
    """The file system of the URL, and the run's folder in it."""
    import fsspec

    if not run.publish:
        raise ValueError("publish: expected a folder or a URL such as s3://bucket/sets, got none: set publish=")
    try:
        system, root = fsspec.core.url_to_fs(run.publish)
    except ImportError as error:
        raise ValueError(
            f"publish: {run.publish} needs a package that is not installed: {error} (for s3: pip install -e '.[s3]')"
        ) from error
    system.makedirs(folder := f"{root.rstrip('/')}/{run.run}", exist_ok=True)
    return system, folder


def _files(folder: Path) -> Iterator[_File]:
    """The run's files, hidden ones left out. Raises ValueError if one is not what its folder's clip.json says."""
    promised: dict[Path, str] = {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    for path in paths:
        if path.name in _LAST:
            promised |= {path.parent / name: sha256 for name, sha256 in store.read_json(path).get("files", {}).items()}
    for path in paths:
        sha256 = store.sha256(path)
        if promised.get(path, sha256) != sha256:
            raise ValueError(f"publish: {path}: expected the file as it was written, got another: run stage=verify")
        yield _File(path.relative_to(folder).as_posix(), sha256, path.stat().st_size)


def _sent(journal: Path) -> set[_File]:
    """What earlier commands have sent and read back."""
    found = set()
    for line in journal.read_text().splitlines() if journal.exists() else ():
        try:
            found.add(_File(**json.loads(line)))
        except (ValueError, TypeError):
            continue  # the last line of a command that was killed
    return found


def _is_there(system: Any, root: str, one: _File) -> bool:
    try:
        return bool(system.size(f"{root}/{one.path}") == one.size)
    except OSError:
        return False


def _send(system: Any, root: str, folder: Path, one: _File) -> str:
    """Copy a file and read it back; what went wrong, '' if nothing."""
    there = f"{root}/{one.path}"
    try:
        system.makedirs(there.rpartition("/")[0], exist_ok=True)
        system.put_file(str(folder / one.path), there)
        with system.open(there, "rb") as file:
            got = _sha256(file)
    except OSError as error:
        return f"{there}: {type(error).__name__}: {error}"
    return "" if got == one.sha256 else f"{there}: expected SHA-256 {one.sha256}, read back {got}"


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(2**20):
        digest.update(piece)
    return digest.hexdigest()
