"""A process that outlives the one that started it, only to clear away what that leaves: `guard(folder)`.

Ray's agents survive a `kill -9` of the program that started them, and its folder survives every end.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

MARK = "QUICKSAND_RAY"
"""Environment variable by which the processes of a Ray of ours are known; it holds the folder."""
_PATIENCE = 5.0
"""Time that they have to end by themselves [s]."""


def guard(folder: Path) -> None:
    """When this process has ended, however it ends, end those that are marked with the folder, and remove it."""
    # Its end of the pipe closes with this process: nothing is ever written, and nobody else has the other end.
    command = [sys.executable, __file__, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    _open.append(process)


_open: list[subprocess.Popen[bytes]] = []


def _marked(folder: str) -> list[int]:
    """Process ids of those that carry the mark (Linux; elsewhere none are found).

    Some of Ray's write their title over their environment: they are known by the logs that they have open.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            marked = f"{MARK}={folder}\0".encode() in (process / "environ").read_bytes()
            if marked or any(_target(link).startswith(f"{folder}/") for link in (process / "fd").iterdir()):
                found.append(int(process.name))
    return found


def _target(link: Path) -> str:
    with suppress(OSError):
        return os.readlink(link)
    return ""


def _clear_away(folder: str) -> None:
    end = time.monotonic() + _PATIENCE
    while (left := _marked(folder)) and time.monotonic() < end:
        time.sleep(0.2)
    for pid in left:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    _clear_away(sys.argv[1])
