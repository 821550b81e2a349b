"""Some jobs on another machine: what a task of a job array does, and what is read of it meanwhile."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.engines import WORKER, Engine, Job, Outcome
from pipeline.engines._attempt import unpack

Packed = tuple[int, str, bytes]
"""Number, name, and what `pack` made of a job."""


def do_chunk(path: str, chunk: Sequence[Packed], engine: Engine, title: str) -> None:
    """Do the jobs and write each outcome down as it comes, so that a task that is cut off loses only what it had in
    hand."""
    os.environ[WORKER] = Path(path).stem
    jobs = (Job(name, _do, (packed,)) for _, name, packed in chunk)
    with open(path, "ab") as file:
        for (number, _, _), outcome in zip(chunk, engine.run(jobs, title, len(chunk)), strict=True):
            file.write(pickle.dumps((number, outcome)))
            file.flush()
            os.fsync(file.fileno())


def _do(packed: bytes) -> Any:
    work, arguments = unpack(packed)
    return work(*arguments)


def written(path: Path) -> Iterator[tuple[int, Outcome]]:
    """The outcomes that a task has written so far; one that is not whole yet is left for later."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except (EOFError, pickle.UnpicklingError):
                return
