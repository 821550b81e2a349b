"""What a piece of work takes: CPU seconds, wall seconds, memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_OWN = Path("/proc/self")


@dataclass
class Spent:
    """Filled in when the work is done."""

    cpu_seconds: float = 0.0
    """Of all threads of this process [s]."""
    wall_seconds: float = 0.0
    """[s]"""
    peak_rss_mb: float = 0.0
    """Largest resident memory of the whole process meanwhile [MB], libraries included; where the system cannot
    forget the peaks of earlier work (not Linux), the largest ever."""


@contextmanager
def stopwatch() -> Iterator[Spent]:
    """Measure what the block takes."""
    spent = Spent()
    with suppress(OSError):
        (_OWN / "clear_refs").write_text("5")  # the peak starts anew (Linux, proc_pid_clear_refs(5))
    cpu, wall = time.process_time(), time.perf_counter()
    yield spent
    spent.cpu_seconds, spent.wall_seconds = time.process_time() - cpu, time.perf_counter() - wall
    spent.peak_rss_mb = _peak()


def _peak() -> float:
    """High-water mark of resident memory [MB]."""
    with suppress(OSError, StopIteration):
        lines = (_OWN / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
