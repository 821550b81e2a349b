"""Sampling until r passes (inverse sampling, Haldane 1945; PassUntil, Hu et al. 2023), and what was counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True)
class Tally:
    """So many passes in so many samples of one scene, counted until `wanted` passes or a cap of samples."""

    passes: int
    samples: int
    wanted: int
    """r, at which sampling stops: at least 2, better 5."""
    cap: int
    """Number of samples at which it stops in any case."""

    def __post_init__(self) -> None:
        _planned(self.wanted, self.cap)
        if not 0 <= self.passes <= min(self.samples, self.wanted) or self.samples > self.cap:
            raise ValueError(f"Tally: expected passes <= samples <= cap and passes <= wanted, got {self}")
        if self.censored and self.samples < self.cap:
            raise ValueError(f"Tally: expected {self.wanted} passes or {self.cap} samples, got {self}; sample on")

    @property
    def censored(self) -> bool:
        """Whether the cap came before the wanted passes: the number of samples was fixed, the passes were not."""
        return self.passes < self.wanted

    @classmethod
    def fixed(cls, passes: int, samples: int) -> Tally:
        """Of a number of samples that was fixed beforehand: nothing could have stopped it early."""
        return cls(passes, samples, samples + 1, samples)


def tally(outcomes: Sequence[bool], wanted: int = 5, cap: int = 1000) -> Tally:
    """Counts outcomes in the order of their sample numbers up to where sampling stops.

    What lies beyond that (a batch that ran further) is ignored: counting it would favour whoever was lucky late.
    Raises ValueError for outcomes that end before sampling may stop.
    """
    _planned(wanted, cap)
    passes = 0
    for number, passed in enumerate(islice(outcomes, cap), start=1):
        passes += bool(passed)
        if passes == wanted or number == cap:
            return Tally(passes, number, wanted, cap)
    raise ValueError(
        f"tally: expected {wanted} passes or {cap} samples, got {passes} passes in {len(outcomes)} samples; "
        "go on with pass_until(..., recorded=outcomes)"
    )


def finished(outcomes: Sequence[bool], wanted: int = 5, cap: int = 1000) -> bool:
    """Whether no further sample is needed."""
    _planned(wanted, cap)
    return len(outcomes) >= cap or sum(map(bool, outcomes)) >= wanted


def pass_until(
    passes: Callable[[int], bool], wanted: int = 5, cap: int = 1000, recorded: Sequence[bool] = ()
) -> tuple[bool, ...]:
    """All outcomes, those recorded earlier included, until `wanted` passes or `cap` samples.

    `passes` makes the sample of this number (0, 1, ...), each drawn independently, and says whether it passes; if it
    keeps what it found, a run that was killed goes on from there. A larger cap continues a censored tally.
    """
    outcomes = [bool(passed) for passed in recorded]
    while not finished(outcomes, wanted, cap):
        outcomes.append(bool(passes(len(outcomes))))
    return tuple(outcomes)


def _planned(wanted: int, cap: int) -> None:
    if wanted < 2:
        raise ValueError(f"Tally: expected wanted >= 2, as (r - 1)/(K - 1) is no estimate for less, got {wanted}")
    if cap < 1:
        raise ValueError(f"Tally: expected a cap of at least 1 sample, got {cap}")
