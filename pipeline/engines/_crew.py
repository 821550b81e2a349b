"""A pool of worker processes that is started when the first job comes and leaves nobody behind."""

from __future__ import annotations

import fcntl
import itertools
import math
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engines import WORKER
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

    patience = 60.0
    """Longest silence beyond the time limit before the crew is replaced [s]: pebble can lose a job."""

    def __init__(self, size: int, threads: int, time_limit: float, gpus: int = 0) -> None:
        self.size, self.time_limit = size, time_limit
        self._threads, self._gpus = threads, gpus
        self._pool: ProcessPool | None = None
        self._settings = ExitStack()

    def hand(self, packed: bytes) -> Future[Attempt]:
        """Give a packed job to whoever is free next."""
        if self._pool is None:
            from pebble import ProcessPool

            self._settings.enter_context(environment(threads_of(self._threads)))
            seats = self._settings.enter_context(tempfile.NamedTemporaryFile(prefix="quicksand-seats-"))  # noqa: SIM115
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(self.size, initializer=_settle, initargs=(seats.name, self._gpus), context=spawn)
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


def _settle(seats: str, gpus: int) -> None:
    """What a worker does first: die at once when told to, and with its parent however that dies; take a number."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # pebble's handler waits for the end of a call into C
    threading.Thread(target=_follow_parent, daemon=True).start()
    number = _seat(seats)
    name = f"{os.environ[WORKER]}.{number}" if WORKER in os.environ else str(number)  # of a task: its own come first
    os.environ.update({WORKER: name, **gpu_of(number, gpus)})


def _seat(path: str) -> int:
    """The lowest number that no living worker has; the kernel frees it when the process ends, however it ends."""
    descriptor = os.open(path, os.O_RDWR)  # open until the process ends
    for number in itertools.count():
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            return number
        except OSError:
            continue
    raise AssertionError


def gpu_of(number: int, gpus: int) -> dict[str, str]:
    """The environment that shows a worker one of so many GPUs, in turn; nothing if gpus is 0."""
    if not gpus:
        return {}
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = seen if seen != [""] else [str(one) for one in range(gpus)]
    return {"CUDA_VISIBLE_DEVICES": names[number % min(gpus, len(names))]}


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # returns when the kernel closes the parent's end of a pipe, by kill -9 too
        os.kill(os.getpid(), signal.SIGKILL)


def threads_of(count: int) -> dict[str, str]:
    """The environment in which numerical libraries use so many threads: together the workers fill the cores already."""
    return dict.fromkeys(_THREADS, str(count))


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Let processes that are started meanwhile have these variables."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
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
