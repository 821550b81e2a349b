"""All cores of this machine, one process each: crashes and endless loops cost one job, not the run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.engines import Engine, Job, Outcome
from pipeline.engines._crew import Crew, usable_cores
from pipeline.engines._progress import Progress
from pipeline.engines._shift import Shift

_AHEAD = 2
"""Jobs handed over per worker, so that none waits for the next."""
_BUFFERED = 64
"""Outcomes per worker that may wait for a slow earlier one."""


@dataclass
class Local(Engine):
    """Does jobs in worker processes. Crashes and time-outs are tried again, a Python exception is final."""

    workers: int = 0
    """Number of processes; 0 for as many as there are usable cores."""
    time_limit: float = 900.0
    """Longest time that one attempt at a job may take [s]."""
    retries: int = 2
    """Further attempts after a crash or a time-out."""
    threads: int = 1
    """Threads that numerical libraries may use in each process."""

    def __post_init__(self) -> None:
        for name, least in (("workers", 0), ("retries", 0), ("threads", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"engine local: {name} must be at least {least}, got {getattr(self, name)}")
        if not self.time_limit > 0:
            raise ValueError(f"engine local: time_limit must be positive [s], got {self.time_limit}")

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs, which are drawn as workers come free.

        The processes live as long as this iterator: until it is exhausted, closed, or something is raised, Ctrl-C
        included. Without jobs none is started.
        """
        workers = self.workers or usable_cores()
        shift = Shift(Crew(min(workers, total or workers), self.threads, self.time_limit), self.retries)
        progress = Progress(title, total)
        numbered = enumerate(jobs)
        done: dict[int, Outcome] = {}
        following = 0
        try:
            while True:
                room = _AHEAD * workers - len(shift) if len(done) < _BUFFERED * workers else 0
                for number, job in itertools.islice(numbered, max(room, 0)):
                    shift.take(number, job)
                if not shift:
                    return
                for number, outcome in shift.finished():
                    progress.done(outcome)
                    done[number] = outcome
                while following in done:
                    yield done.pop(following)
                    following += 1
        finally:
            shift.crew.dismiss()
            progress.close()
