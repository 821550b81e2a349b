"""Signs of life: every worker, and the command that sent it, keeps a small file in the run's folder up to date.

They tell another process, on this machine or another, who works at what, without asking anybody.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import engines

FOLDER = ".pulse"
BEAT = 5.0
"""Time between two signs of life [s]."""
SILENCE = 60.0
"""Who has given none for so long is taken for dead [s]."""


@dataclass(frozen=True)
class Pulse:
    """What a file says."""

    who: str
    """A worker, or 'command' and its process id."""
    shard: str
    doing: str
    """Stage and unit; empty while there is nothing to do."""
    since: float
    """When that began [s since 1970]."""
    ended: bool
    """Whether it ended as it should."""
    age: float = 0.0
    """Time since the last sign of life [s]."""


@contextmanager
def beating(folder: Path, who: str, shard: str, doing: str) -> Iterator[None]:
    """Give signs of life while the block runs. A full disk takes the signs and nothing else."""
    path = folder / FOLDER / f"{f'{shard} {who}'.strip().replace('/', '-').replace(' ', '_')}.json"
    stop = threading.Event()
    since = time.time()
    _write(path, Pulse(who, shard, doing, since, False))

    def beat() -> None:
        while not stop.wait(BEAT):
            with suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _write(path, Pulse(who, shard, "", time.time(), True))


def alive(folder: Path, shard: str, doing: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do the work in a worker that gives signs of life meanwhile."""
    with beating(folder, engines.worker(), shard, doing):
        return work(*arguments)


def command() -> str:
    """Who a command is."""
    return f"command {socket.gethostname()} {os.getpid()}"


def pulses(folder: Path) -> list[Pulse]:
    """All that a run's folder knows of, the latest sign first."""
    found = []
    for path in (folder / FOLDER).glob("*.json"):
        with suppress(OSError, ValueError, TypeError):  # being written, or gone
            age = max(time.time() - path.stat().st_mtime, 0.0)
            found.append(Pulse(**{**json.loads(path.read_text()), "age": age}))
    return sorted(found, key=lambda pulse: pulse.age)


def forget(folder: Path) -> None:
    """Remove the signs of those who are gone."""
    for path in (folder / FOLDER).glob("*"):
        with suppress(OSError, ValueError):
            if time.time() - path.stat().st_mtime > SILENCE or json.loads(path.read_text())["ended"]:
                path.unlink()


def _write(path: Path, pulse: Pulse) -> None:
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(pulse.__dict__))
        os.replace(unfinished, path)
