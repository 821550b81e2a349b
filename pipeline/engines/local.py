"""All cores of this machine, one process each: crashes and endless loops cost one job, not the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.engines import Engine, Job, Outcome
from pipeline.engines._crew import Crew, usable_cores
from pipeline.engines._limits import check
from pipeline.engines._shift import work_through


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
    gpus: int = 0
    """GPUs that the workers take turns over, each seeing one (CUDA_VISIBLE_DEVICES); 0: each sees all."""

    def __post_init__(self) -> None:
        check(self, workers=0, retries=0, threads=1, gpus=0)

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs, which are drawn as workers come free.

        The processes live as long as this iterator: until it is exhausted, closed, or something is raised, Ctrl-C
        included. Without jobs none is started.
        """
        workers = min(self.at_once, total or self.at_once)
        crew = Crew(workers, self.threads, self.time_limit, self.gpus)
        return work_through(crew, self.retries, jobs, title, total)

    @property
    def at_once(self) -> int:
        """One job a worker."""
        return self.workers or usable_cores()
