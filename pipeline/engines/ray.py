"""Many machines, or the cores of this one, through Ray: actors that keep kernels and models loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.engines import Engine, Job, Outcome
from pipeline.engines._actors import Actors
from pipeline.engines._crew import usable_cores
from pipeline.engines._limits import check, package
from pipeline.engines._shift import work_through


@dataclass
class Ray(Engine):
    """Does jobs in Ray actors (extra `ray`). Crashes and time-outs are tried again, a Python exception is final.

    On a cluster the run's folder, this code and its Python must be where they are here, on every machine.
    """

    address: str = ""
    """Of the cluster's head, or auto on one of its machines; empty: a Ray of its own on this machine."""
    workers: int = 0
    """Number of actors; 0 for as many as the cores suffice for."""
    time_limit: float = 900.0
    """Longest time that one attempt at a job may take [s]; an actor's wait for a place is not counted."""
    retries: int = 2
    """Further attempts after a crash or a time-out."""
    threads: int = 1
    """Threads that numerical libraries may use in each actor."""
    cpus: float = 1.0
    """Cores that Ray sets aside for each actor."""
    gpus: float = 0.0
    """GPUs, or a part of one, that Ray gives each actor to see; 0: none is set aside."""

    def __post_init__(self) -> None:
        check(self, workers=0, retries=0, threads=1, cpus=0, gpus=0)

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs, which are drawn as actors come free.

        Raises ValueError if ray is not installed. The actors live as long as this iterator.
        """
        package("ray", "ray")
        workers = min(self.at_once, total or self.at_once)
        actors = Actors(self.address, workers, usable_cores(), self.threads, self.cpus, self.gpus, self.time_limit)
        return work_through(actors, self.retries, jobs, title, total)

    @property
    def at_once(self) -> int:
        """One job an actor; 0 where the cluster will tell how many."""
        return self.workers or (0 if self.address else max(1, int(usable_cores() / (self.cpus or 1))))
