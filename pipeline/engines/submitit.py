"""Slurm job arrays through submitit: every task does a chunk of the jobs as the engine `local` does."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.engines import Engine, Job, Outcome
from pipeline.engines._attempt import pack
from pipeline.engines._chunk import Packed, do_chunk, written
from pipeline.engines._crew import environment
from pipeline.engines._limits import check, package
from pipeline.engines._progress import Progress
from pipeline.engines.local import Local as _Local


@dataclass
class Submitit(Engine):
    """Does jobs in chunks, each a task of a Slurm job array (extra `slurm`), by `workers` processes in it.

    A task that ends early, e.g. preempted, is submitted again for what it has not done. The run's folder, this code
    and its Python must be where they are here, on every machine.
    """

    cluster: str = "slurm"
    """slurm, or local: tasks are processes of this machine, to try it out."""
    tasks: int = 16
    """Most tasks at a time."""
    chunk: int = 32
    """Jobs in a task."""
    workers: int = 1
    """Processes, and cores, in each task."""
    time_limit: float = 900.0
    """Longest time that one attempt at a job may take [s]."""
    retries: int = 2
    """Further attempts after a crash or a time-out of a job, and further submissions of a task that ended early."""
    threads: int = 1
    """Threads that numerical libraries may use in each process."""
    gpus: int = 0
    """GPUs of each task, over which its processes take turns."""
    memory_gb: float = 4.0
    """Of each process [GB]."""
    minutes: int = 240
    """Time that is asked for a task [min]."""
    slurm: dict[str, str] = field(default_factory=dict)
    """Further options of sbatch, e.g. engine.slurm={partition:long,account:physics}."""
    folder: str = "outputs/.slurm"
    """Where tasks find their jobs and leave their logs, seen by all machines; emptied at the end if all went well."""

    def __post_init__(self) -> None:
        check(self, tasks=1, chunk=1, workers=1, retries=0, threads=1, gpus=0, minutes=1)
        if self.cluster not in ("slurm", "local"):
            raise ValueError(f"engine submitit: cluster must be slurm or local, got '{self.cluster}'")

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs, which are drawn as tasks come free.

        Raises ValueError if submitit is not installed. The tasks live as long as this iterator.
        """
        package("submitit", "slurm")
        return _Array(self, title, total).work_through(jobs)

    @property
    def at_once(self) -> int:
        """As many processes as all tasks have."""
        return self.tasks * self.workers

    def executor(self, folder: Path) -> Any:
        """submitit's own, with the settings above. Raises ValueError where there is no Slurm."""
        submitit = package("submitit", "slurm")
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self.cluster)
        except RuntimeError as error:
            raise ValueError(
                f"engine submitit: expected to be on a machine of a Slurm cluster, got '{error}'; "
                "go there, or try engine.cluster=local"
            ) from error
        executor.update_parameters(
            name="quicksand",
            timeout_min=self.minutes,
            cpus_per_task=self.workers * self.threads,
            mem_gb=self.memory_gb * self.workers,
            slurm_array_parallelism=self.tasks,
            slurm_additional_parameters=dict(self.slurm),
            **({"gpus_per_node": self.gpus} if self.gpus else {}),
        )
        return executor


@dataclass
class _Task:
    """A chunk of jobs that was submitted."""

    handle: Any
    path: Path
    chunk: list[Packed]
    submissions: int
    heard: int = 0
    """Outcomes that were read."""


class _Array:
    """The tasks of one stage."""

    def __init__(self, settings: Submitit, title: str, total: int | None) -> None:
        self._settings, self._title = settings, title
        self._progress = Progress(title, total)
        self._workers = _Local(settings.workers, settings.time_limit, settings.retries, settings.threads, settings.gpus)
        self._folder: Path | None = None
        self._tasks: list[_Task] = []
        self._done: dict[int, Outcome] = {}

    def work_through(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        numbered, following, ends = enumerate(jobs), 0, False
        try:
            while True:
                room = self._settings.tasks - len(self._tasks)
                chunks = [
                    chunk for _ in range(room) if (chunk := list(itertools.islice(numbered, self._settings.chunk)))
                ]
                self._submit([(packed, 1) for chunk in chunks if (packed := self._packed(chunk))])
                self._look()
                while following in self._done:
                    yield self._done.pop(following)
                    following += 1
                if not self._tasks and not chunks:
                    ends = True
                    return
        finally:
            self._dismiss(keep_logs=not ends)
            self._progress.close()

    def _packed(self, chunk: list[tuple[int, Job]]) -> list[Packed]:
        """The jobs that can travel; the others are refused."""
        packed: list[Packed] = []
        for number, job in chunk:
            try:
                packed.append((number, job.name, pack(job)))
            except TypeError as error:
                self._conclude(number, Outcome(job.name, error=str(error)))
        return packed

    def _submit(self, chunks: list[tuple[list[Packed], int]]) -> None:
        """Submit chunks as one array."""
        if not chunks:
            return
        if self._folder is None:
            base = Path(self._settings.folder)
            base.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=f"{self._title}-", dir=base)).resolve()
        executor = self._settings.executor(self._folder)
        paths = [self._folder / f"{chunk[0][0]}-{submissions}.outcomes" for chunk, submissions in chunks]
        with environment({"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}), executor.batch():
            handles = [
                executor.submit(do_chunk, str(path), chunk, self._workers, self._title)
                for path, (chunk, _) in zip(paths, chunks, strict=True)
            ]
        self._tasks += [
            _Task(handle, path, chunk, submissions)
            for handle, path, (chunk, submissions) in zip(handles, paths, chunks, strict=True)
        ]

    def _look(self) -> None:
        """Read what the tasks have written; what a task that is gone has not done is submitted again."""
        again: list[tuple[list[Packed], int]] = []
        for task in list(self._tasks):
            gone = task.handle.done()
            outcomes = list(written(task.path))
            for number, outcome in outcomes[task.heard :]:
                self._conclude(number, outcome)
            task.heard = len(outcomes)
            if task.heard == len(task.chunk):
                self._tasks.remove(task)
            elif gone:
                self._tasks.remove(task)
                known = {number for number, _ in outcomes}
                again.append(([one for one in task.chunk if one[0] not in known], self._after(task)))
        for chunk, submissions in again:
            if submissions > self._settings.retries + 1:
                for number, name, _ in chunk:
                    error = f"its task ended early {submissions - 1} times: the logs are in {self._folder}"
                    self._conclude(number, Outcome(name, error=error, attempts=submissions - 1))
        self._submit([one for one in again if one[1] <= self._settings.retries + 1])
        if self._tasks and not again:
            time.sleep(0.2 if self._settings.cluster == "local" else 2.0)

    def _after(self, task: _Task) -> int:
        """How often the rest of a task was submitted when it is submitted again: one that got on starts over."""
        return 2 if task.heard else task.submissions + 1

    def _conclude(self, number: int, outcome: Outcome) -> None:
        self._progress.done(outcome)
        self._done[number] = outcome

    def _dismiss(self, keep_logs: bool) -> None:
        """Cancel what still runs, and wait until local tasks are gone."""
        for task in self._tasks:
            with suppress(Exception):  # Slurm may be out of reach: the tasks end by themselves
                task.handle.cancel()
        for task in self._tasks:
            process = getattr(task.handle, "_process", None)
            if process is not None:
                process.wait(timeout=10)
        if self._folder is not None and not keep_logs:
            shutil.rmtree(self._folder, ignore_errors=True)
            with suppress(OSError):
                self._folder.parent.rmdir()
