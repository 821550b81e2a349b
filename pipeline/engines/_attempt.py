"""Doing a job once, in whatever process, so that every engine says the same about it."""

from __future__ import annotations

import functools
import logging
import pickle
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engines import Job, Kept, Outcome, worker

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """What came of doing a job once; plain data, so that it travels between processes."""

    value: bytes = b""
    """Pickled."""
    error: str = ""
    """One line; empty if it went well."""
    details: str = ""
    """The traceback behind the error."""
    cpu_seconds: float = 0.0
    """Of all threads of the process meanwhile [s]."""
    wall_seconds: float = 0.0
    worker: str = ""


def pack(job: Job) -> bytes:
    """The job in the form that travels. Raises TypeError if it cannot."""
    try:
        arguments = [pickle.dumps(one.value) if isinstance(one, Kept) else one for one in job.arguments]
        kept = [number for number, one in enumerate(job.arguments) if isinstance(one, Kept)]
        return pickle.dumps((job.prepare, job.work, arguments, kept))
    except Exception as error:  # pickle raises whatever the objects' own methods raise
        raise TypeError(
            f"a job must be a module-level function with picklable arguments, got {job.work!r}: {_one_line(error)}"
        ) from error


def attempt(packed: bytes) -> Attempt:
    """Do the job that `pack` packed; whatever it raises is told, but for a Ctrl-C."""
    cpu, wall = time.process_time(), time.perf_counter()
    value, error, details = b"", "", ""
    try:
        work, arguments = unpack(packed)
        cpu, wall = time.process_time(), time.perf_counter()
        answer = work(*arguments)
        try:
            value = pickle.dumps(answer)
        except Exception as fault:
            raise TypeError(
                f"a job must return something that can be pickled, got {type(answer).__name__}: {_one_line(fault)}"
            ) from fault
    except (Exception, SystemExit) as fault:
        error, details = f"{_one_line(fault)}{_place(fault)}", traceback.format_exc()
    return Attempt(value, error, details, time.process_time() - cpu, time.perf_counter() - wall, worker())


def unpack(packed: bytes) -> tuple[Callable[..., Any], list[Any]]:
    """The work and the arguments that `pack` packed, in a worker that is prepared for it."""
    prepare, work, arguments, kept = pickle.loads(packed)
    if prepare is not None:
        _prepared(prepare)
    for number in kept:
        arguments[number] = _kept(arguments[number])
    return work, arguments


@functools.cache
def _prepared(prepare: Callable[[], None]) -> None:
    """A worker is prepared once; one that failed tries again with its next job."""
    prepare()


@functools.lru_cache(maxsize=4)
def _kept(pickled: bytes) -> Any:
    """The few that a worker needs in turn, no more: a model can fill a GPU."""
    return pickle.loads(pickled)


def conclude(job: Job, last: Attempt, attempts: int = 1) -> Outcome:
    """The outcome of a job after its last attempt; the traceback of a failure goes to the log at level DEBUG."""
    value, error = None, last.error
    if last.details:
        LOG.debug("%s\n%s", job.name, last.details)
    if not error:
        try:
            value = pickle.loads(last.value)
        except Exception as fault:
            error = f"what the job returned cannot be read here: {_one_line(fault)}"
    return Outcome(job.name, value, error, attempts, last.cpu_seconds, last.wall_seconds, last.worker)


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def _place(error: BaseException) -> str:
    """Where it was raised; empty for a function without source, which is called from here or from a chunk."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(last.filename)
    return f" [{path.name}:{last.lineno}]" if path.parent != Path(__file__).parent else ""
