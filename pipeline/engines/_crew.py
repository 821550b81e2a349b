"""A pool of worker processes that is started when the first job comes and leaves nobody behind."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engines._attempt import Attempt, attempt

if TYPE_CHECKING:
    from pebble import ProcessPool

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "RAYON_NUM_THREADS",
)
"""What NumPy, torch, OpenCV and pysplashsurf read once, when they are loaded."""


class Crew:
    """Processes that do one job at a time each.

    They are spawned, not forked: warp, torch and PyBullet do not survive a fork of a process that has used them, and
    a fork server would outlive the run. A spawned worker costs its imports once and again after a crash.
    """

    def __init__(self, workers: int, threads: int, time_limit: float) -> None:
        self.time_limit = time_limit
        self._workers, self._threads = workers, threads
        self._pool: ProcessPool | None = None
        self._settings = ExitStack()

    def hand(self, packed: bytes) -> Future[Attempt]:
        """Give a packed job to whoever is free next."""
        if self._pool is None:
            from pebble import ProcessPool

            self._settings.enter_context(_environment(self._threads))
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(self._workers, initializer=_settle, context=spawn)
        return self._pool.schedule(attempt, (packed,), timeout=self.time_limit)

    @property
    def healthy(self) -> bool:
        """Whether the jobs that were handed over will be done: a pool breaks if a worker dies between two jobs."""
        return self._pool is None or self._pool.active

    def dismiss(self) -> None:
        """End all processes at once and wait until they are gone; `hand` starts new ones."""
        pool, self._pool = self._pool, None
        try:
            if pool is not None:
                pool.stop()  # type: ignore[no-untyped-call]
                pool.join()  # type: ignore[no-untyped-call]
        finally:
            self._settings.close()


def _settle() -> None:
    """What a worker does first: die at once when told to, and with its parent however that dies."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # pebble's handler waits for the end of a call into C
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # returns when the kernel closes the parent's end of a pipe, by kill -9 too
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Let processes that are started meanwhile use so many threads each: together they fill the cores already."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def usable_cores() -> int:
    """Cores that this process may use: those of the machine, less what taskset or a container's quota takes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or no quota: 'max'
        return cores
