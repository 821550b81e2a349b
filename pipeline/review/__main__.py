"""The server as a process of its own: stage=review becomes it, and leaves behind what composing a run has piled up.

python -m pipeline.review DESCRIPTOR    # of an open file that holds a pickled `Brief`
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pipeline.review import Review
from pipeline.review.decisions import Log
from pipeline.review.queue import Item


@dataclass(frozen=True)
class Brief:
    """What a review is about."""

    run: str
    items: list[Item]
    log: Path
    """The file of the decisions."""
    seed: int
    review: Review
    reviewer: str
    """Empty: the page asks."""


def become(brief: Brief) -> NoReturn:
    """Turn this process into the server: the same process id, about 30 MB less."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (it has to outlive this program)
    pickle.dump(brief, file)
    file.seek(0)
    os.set_inheritable(file.fileno(), True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pipeline.review", str(file.fileno())])


def main(brief: Brief) -> int:
    """Serve until interrupted, and say what was decided."""
    from pipeline.review.room import Room
    from pipeline.review.server import serve

    try:
        log = Log(brief.log)
        before = len(log.standing())
        with suppress(KeyboardInterrupt):
            serve(Room(brief.run, brief.items, log, brief.seed, brief.review, brief.reviewer), _announce)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    after = len(log.standing())
    log.close()
    print(f"review: {after} decisions stand ({after - before:+d} now)", file=sys.stderr)
    return 0


def _announce(address: str) -> None:
    print(f"review: {address}  (Ctrl-C ends it; every decision is on the disk at once)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    from pipeline.review import __main__ as this  # the name under which the brief was pickled

    with os.fdopen(int(sys.argv[1]), "rb") as told:
        sys.exit(this.main(pickle.load(told)))
