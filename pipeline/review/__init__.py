"""Where people look at clips and decide.

decisions.py   what was decided: an append-only log (SQLite), one row a decision; undo is a row too
queue.py       what is shown to whom, in which order, on which side, and what comes back unannounced
agreement.py   how far people agree with each other, with themselves and with the judge
room.py        one review: items, queues of those who asked, the log
server.py      the local web page: page.html, *.js and page.css beside it, no resources from elsewhere
overlays.py    flow and scores over a clip, where the reviewer may see them

A decision is always about one clip (its bytes, by SHA-256), also where two are shown side by side.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

KINDS = ("truth", "generated", "pairs")
REASONS = ("floats", "passes through", "vanishes", "melts", "wrong splash", "wrong heap", "artefact", "other")
"""Of a verdict, in the order of the number keys; 'other' is told in the note."""
LEAST_TOKEN = 16
"""Characters below which a token could be guessed."""


def check_reviewer(name: str) -> str:
    """The id of a reviewer. Raises ValueError unless it is a short plain word; 'rule' signs what no person decided."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", name) or name == "rule":
        raise ValueError(f"reviewer: expected up to 40 letters, digits, '_', '.', '-' (not 'rule'), got '{name[:60]}'")
    return name


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach the address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Review:
    """What is reviewed and how."""

    show: list[str] = field(default_factory=list)
    """Some of truth, generated, pairs (both side by side); none: pairs where models have answered, else truth."""
    models: list[str] = field(default_factory=list)
    """Whose answers are shown; none: everybody's. With several, the truth can be told by its coming back."""
    blind: bool = True
    """Nothing tells truth from generated: no names, no overlays; left and right are drawn for each reviewer."""
    double: float = 0.3
    """Share of the queue that two people review, 0..1; the rest is done once somebody has reviewed it."""
    repeats: float = 0.1
    """Share of a reviewer's queue that comes back unannounced, pairs mirrored, 0..1."""
    host: str = "127.0.0.1"
    """Address to listen at. Beyond this machine a token is needed, and made if none is given; the line is not
    encrypted, so an ssh tunnel to 127.0.0.1 is the better way over a network that is not yours."""
    port: int = 8765
    """0: any that is free."""
    token: str = ""
    """Secret that the page's address carries at the first visit."""
    open: bool = True
    """Open the page in a browser, if there is a screen."""

    def __post_init__(self) -> None:
        if not set(self.show) <= set(KINDS):
            raise ValueError(f"review.show: expected some of {', '.join(KINDS)}, got {self.show}")
        for name in ("double", "repeats"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"review.{name}: expected a share within 0..1, got {getattr(self, name)}")
        if not 0 <= self.port < 65536:
            raise ValueError(f"review.port: expected 0..65535, got {self.port}")
        if self.token and not re.fullmatch(rf"[A-Za-z0-9_-]{{{LEAST_TOKEN},}}", self.token):
            raise ValueError(
                f"review.token: expected at least {LEAST_TOKEN} letters, digits, '_', '-', got {len(self.token)} "
                "characters; leave it out and one is made"
            )
