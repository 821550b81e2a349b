"""Engines: who does the work of many clips."""

from __future__ import annotations

import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

WORKER = "QUICKSAND_WORKER"
"""Environment variable that holds the number of a worker process, or of the task that it belongs to and its own."""


def worker() -> str:
    """Name of this process among those that work: host and number, e.g. 'node7/3', or 'node7/96-1.3' in a task."""
    return f"{socket.gethostname()}/{os.environ.get(WORKER, '0')}"


@dataclass(frozen=True)
class Kept:
    """An argument that a worker reads once and keeps for all its jobs, e.g. a model with its weights.

    Two are one if their pickles are equal; what is kept must not remember one job for the next.
    """

    value: Any


@dataclass(frozen=True)
class Job:
    """One unit of work: a picklable module-level function with picklable arguments.

    Jobs publish what they make through the store, so that doing one twice is harmless; what they return is small.
    """

    name: str
    """For progress and errors, e.g. 'simulate drop-sand-00003'."""
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    """Those wrapped in `Kept` reach the work without the wrapper."""
    prepare: Callable[[], None] | None = None
    """Done once in every worker, before its first job that names it; not counted into the job's seconds."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    name: str
    value: Any = None
    error: str = ""
    """One line that says what went wrong; empty if nothing did."""
    attempts: int = 1
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    worker: str = ""
    """Who did the last attempt; empty if nobody lived to tell."""


@dataclass
class Engine(ABC):
    """Runs jobs and survives those that fail."""

    @abstractmethod
    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs; a failing job yields an outcome with an error, never raises."""

    @property
    def at_once(self) -> int:
        """How many jobs it does at a time; 0 if that is up to others."""
        return 1
