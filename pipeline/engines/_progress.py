"""Where a run stands: a bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from pipeline.engines import Outcome

_SOON = 10.0
"""Before that, nothing is foretold [s]."""


class Progress:
    """Counts outcomes on standard error as they come, e.g. 'simulate 3/12 drop-sand-00003 14.2 s, 2 min left'."""

    def __init__(self, title: str, total: int | None) -> None:
        self._title = title
        self._total = total
        self._count = self._failed = 0
        self._begun = time.monotonic()
        self._bar: Any = None
        if total != 0 and _on_a_screen():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=title, file=sys.stderr, dynamic_ncols=True)

    def done(self, outcome: Outcome) -> None:
        """Tell of one more; what failed is told on a line of its own, with the reason."""
        self._count += 1
        of = f"/{self._total}" if self._total is not None else ""
        name = outcome.name.removeprefix(f"{self._title} ")
        line = f"{self._title} {self._count}{of} {name} {outcome.wall_seconds:.1f} s"
        if outcome.error:
            times = f" after {outcome.attempts} attempts" if outcome.attempts > 1 else ""
            line += f" FAILED{times}: {outcome.error}"
            self._failed += 1
        line += self._outlook()
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
            return
        if outcome.error:
            self._bar.write(line, file=sys.stderr)
        self._bar.set_postfix_str(f"{name}, {self._failed} failed" if self._failed else name, refresh=False)
        self._bar.update()

    def _outlook(self) -> str:
        """Throughput and the time that is left, once there is something to go by."""
        passed = time.monotonic() - self._begun
        if not self._total or self._count >= self._total or passed < _SOON:
            return ""
        left = (self._total - self._count) * passed / self._count
        failed = f", {self._failed} failed" if self._failed else ""
        return f"; {3600 * self._count / passed:.0f} an hour, {span(left)} left{failed}"

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()


def span(seconds: float) -> str:
    """A time in words, e.g. '2 h 5 min'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _on_a_screen() -> bool:
    """Whether standard error is a terminal that knows its size; tqdm shows nothing on the others."""
    try:
        return sys.stderr.isatty() and min(os.get_terminal_size(sys.stderr.fileno())) > 0
    except OSError:
        return False
