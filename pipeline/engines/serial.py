"""One job after the other in this process: for debuggers and for finding out what parallelism gains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.engines import Engine, Job, Outcome
from pipeline.engines._attempt import attempt, conclude, pack
from pipeline.engines._progress import Progress


@dataclass
class Serial(Engine):
    """Does jobs here and now. A crash or an endless loop takes this process along, `local` survives both.

    Jobs and values are pickled all the same, so that what works here works in every engine, and no job can change
    another's arguments.
    """

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        """One outcome a job, in the order of the jobs."""
        progress = Progress(title, total)
        try:
            for job in jobs:
                try:
                    outcome = conclude(job, attempt(pack(job)))
                except TypeError as error:
                    outcome = Outcome(job.name, error=str(error))
                progress.done(outcome)
                yield outcome
        finally:
            progress.close()
