"""The jobs that a crew has in hand: which are done, which are tried again, which are given up."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Protocol

from pipeline.engines import Job, Outcome
from pipeline.engines._attempt import Attempt, conclude, pack
from pipeline.engines._progress import Progress

_LOOK = 1.0
"""How often the crew's health is looked at while nothing is heard of it [s]."""
_AHEAD = 2
"""Jobs handed over per worker, so that none waits for the next."""
_BUFFERED = 64
"""Outcomes per worker that may wait for a slow earlier one."""


class Workers(Protocol):
    """Who does the jobs of a shift."""

    time_limit: float
    """Longest time that one attempt may take [s]; past it, its future raises TimeoutError."""
    patience: float
    """Longest silence beyond that before they are replaced [s]."""

    @property
    def size(self) -> int:
        """How many they are; asked after the first job was handed over."""

    @property
    def healthy(self) -> bool:
        """Whether the jobs that were handed over will be done."""

    def hand(self, packed: bytes) -> Future[Attempt]:
        """Give a packed job to whoever is free next; raises RuntimeError if nobody will be."""

    def dismiss(self) -> None:
        """End all of them at once and wait until they are gone; `hand` starts new ones."""


def work_through(
    workers: Workers, retries: int, jobs: Iterable[Job], title: str, total: int | None
) -> Iterator[Outcome]:
    """One outcome a job, in the order of the jobs, which are drawn as workers come free.

    The workers live as long as this iterator: until it is exhausted, closed, or something is raised, Ctrl-C included.
    Without jobs none is started.
    """
    shift, progress = Shift(workers, retries), Progress(title, total)
    numbered = enumerate(jobs)
    done: dict[int, Outcome] = {}
    following, room = 0, 1
    try:
        while True:
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
            room = _AHEAD * workers.size - len(shift) if len(done) < _BUFFERED * workers.size else 0
    finally:
        workers.dismiss()
        progress.close()


@dataclass
class _Task:
    number: int
    job: Job
    packed: bytes
    attempts: int = 0
    wall_seconds: float = 0.0
    """Spent on attempts that came to nothing [s]; their CPU time went with their processes."""
    handed: float = 0.0


class Shift:
    """Jobs in hand, by the future of their present attempt."""

    def __init__(self, crew: Workers, retries: int) -> None:
        self.crew = crew
        self._retries = retries
        self._tasks: dict[Future[Attempt], _Task] = {}
        self._refused: list[tuple[int, Outcome]] = []
        self._heard = time.perf_counter()

    def __len__(self) -> int:
        return len(self._tasks) + len(self._refused)

    def take(self, number: int, job: Job) -> None:
        """Hand over one more job; the number says whose outcome it is."""
        try:
            self._hand(_Task(number, job, pack(job)))
        except TypeError as error:
            self._refused.append((number, Outcome(job.name, error=str(error))))

    def finished(self) -> Iterator[tuple[int, Outcome]]:
        """Wait a moment, then give what is finished for good; crashes and time-outs start over until they may not."""
        refused, self._refused = self._refused, []
        yield from refused
        ready = wait(self._tasks, timeout=0 if refused else _LOOK, return_when=FIRST_COMPLETED).done
        troubles = {future: future.exception() for future in ready}
        if ready:
            self._heard = time.perf_counter()
        if any(isinstance(trouble, BrokenProcessPool) for trouble in troubles.values()) or self._lost():
            self.crew.dismiss()
            broken = BrokenProcessPool("the crew was replaced")
            troubles = {future: future.exception() if future.done() else broken for future in self._tasks}
        for future, trouble in troubles.items():
            task = self._tasks.pop(future)
            task.attempts += 1
            last = future.result() if trouble is None else self._failed(task, trouble)
            if trouble is not None and task.attempts <= self._retries:
                self._hand(task)
            else:
                last = replace(last, wall_seconds=last.wall_seconds + task.wall_seconds)
                yield task.number, conclude(task.job, last, task.attempts)

    def _hand(self, task: _Task) -> None:
        task.handed = self._heard = time.perf_counter()
        try:
            future = self.crew.hand(task.packed)
        except RuntimeError as error:  # the pool broke since it was looked at
            future = Future()
            future.set_exception(BrokenProcessPool(str(error)))
        self._tasks[future] = task

    def _lost(self) -> bool:
        """Whether jobs in hand will never finish: pebble can lose one whose worker is killed as it takes it."""
        silence = time.perf_counter() - self._heard
        return not self.crew.healthy or silence > self.crew.time_limit + self.crew.patience

    def _failed(self, task: _Task, trouble: BaseException) -> Attempt:
        """An attempt that ended without an answer."""
        if isinstance(trouble, TimeoutError):
            task.wall_seconds += self.crew.time_limit
            limit = f"time_limit = {self.crew.time_limit:g} s"
            return Attempt(error=f"took longer than {limit}: raise it with engine.time_limit=, or ask for less")
        task.wall_seconds += time.perf_counter() - task.handed
        return Attempt(error=f"its process died: {_cause(trouble)}")


def _cause(trouble: BaseException) -> str:
    """What ended a process, as far as its exit code tells."""
    code = getattr(trouble, "exitcode", None)
    if code is None:
        return str(trouble)
    if code >= 0:
        return f"exit code {code}"
    if -code == signal.SIGKILL:
        return "killed by SIGKILL, as the kernel does when memory runs out"
    return f"killed by {signal.Signals(-code).name}"
