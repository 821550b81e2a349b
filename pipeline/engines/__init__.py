"""Engines: who does the work of many clips."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """One unit of work: a picklable module-level function with picklable arguments.

    Jobs publish what they make through the store, so that doing one twice is harmless; what they return is small.
    """

    name: str
    """For progress and errors, e.g. 'simulate drop-sand-00003'."""
    work: Callable[..., Any]
    arguments: tuple[Any, ...]


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


@dataclass
class Engine(ABC):
    """Runs jobs and survives those that fail."""

    @abstractmethod
    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs; a failing job yields an outcome with an error, never raises."""
