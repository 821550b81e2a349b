"""How far people agree: with each other, with themselves, and with the judge.

Every statistic is a ratio of sums over clips, so that a bootstrap over clips is a matter of weights: W of shape (R, N)
counts how often each of R re-samples drew each of N clips. Intervals are the 95 % percentiles of 1000 re-samples.

Sources: Cohen (1960) for kappa; Krippendorff (2011), 'Computing Krippendorff's Alpha-Reliability', nominal data with
values missing, for alpha; Kendall (1945) for tau-b, which allows for ties.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np

from pipeline.review.decisions import Decision, adjudicated, latest
from pipeline.types import Float64

RESAMPLES = 1000
PORTION, BLOCK = 50, 128
"""Re-samples, and rows of the table of pairs, that are in memory at a time: the server stays small."""
Clip = tuple[str, str, int, str]


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % interval."""

    value: float
    """NaN where it is not defined, e.g. because everybody always said the same."""
    low: float
    high: float
    n: int
    """Clips behind it."""


def raw_agreement(units: Sequence[Sequence[Any]], seed: int = 0) -> Estimate:
    """Share of equal pairs of verdicts about the same clip; units of fewer than two verdicts say nothing."""
    units = [unit for unit in units if len(unit) > 1]
    pairs = [[one == two for one, two in combinations(unit, 2)] for unit in units]
    equal = np.array([float(sum(unit)) for unit in pairs])
    every = np.array([float(len(unit)) for unit in pairs])
    return _estimate(len(units), seed, lambda W: _ratio(W @ equal, W @ every))


def kappa(pairs: Sequence[tuple[Any, Any]], seed: int = 0) -> Estimate:
    """Cohen's kappa of two people, or of one person twice: (p_o - p_e) / (1 - p_e)."""
    names = sorted({value for pair in pairs for value in pair})
    table = np.zeros((len(pairs), len(names), len(names)))
    for unit, (one, two) in enumerate(pairs):
        table[unit, names.index(one), names.index(two)] = 1

    def of(W: Float64) -> Float64:
        counts = np.tensordot(W, table, axes=1)  # (R, K, K)
        total = counts.sum(axis=(1, 2))
        observed = _ratio(np.trace(counts, axis1=1, axis2=2), total)
        expected = _ratio((counts.sum(axis=1) * counts.sum(axis=2)).sum(axis=1), total**2)
        return _ratio(observed - expected, 1 - expected)

    return _estimate(len(pairs), seed, of)


def alpha(units: Sequence[Sequence[Any]], seed: int = 0) -> Estimate:
    """Krippendorff's alpha for nominal values: 1 - D_o / D_e, any number of people, values may be missing."""
    units = [unit for unit in units if len(unit) > 1]
    names = sorted({value for unit in units for value in unit})
    counts = np.array([[float(sum(value == name for value in unit)) for name in names] for unit in units])
    people = counts.sum(axis=1, keepdims=True) if len(units) else np.zeros((0, 1))
    counts = counts.reshape(len(units), len(names))
    # o_ck summed over k = c: pairs of equal values within a unit, each unit weighing as many as its values
    equal = (counts * (counts - 1) / np.maximum(people - 1, 1)).sum(axis=1)

    def of(W: Float64) -> Float64:
        n_c = W @ counts  # (R, K)
        n = n_c.sum(axis=1)
        return 1 - _ratio((n - W @ equal) * (n - 1), n**2 - (n_c**2).sum(axis=1))

    return _estimate(len(units), seed, of)


def tau(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Estimate:
    """Kendall's tau-b between two orders of the same clips."""
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)

    def of(W: Float64) -> Float64:
        both, of_x, of_y = np.zeros(len(W)), np.zeros(len(W)), np.zeros(len(W))
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            sx, sy = np.sign(x[rows, None] - x), np.sign(y[rows, None] - y)
            for total, table in ((both, sx * sy), (of_x, sx * sx), (of_y, sy * sy)):
                total += ((W @ table.T) * W[:, rows]).sum(axis=1)
        return _ratio(both, np.sqrt(of_x * of_y))

    return _estimate(len(x), seed, of)


def _estimate(n: int, seed: int, statistic: Callable[[Float64], Float64]) -> Estimate:
    """The statistic with every clip counted once, and its spread over re-samples of the clips in which it exists."""
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    value = float(statistic(np.ones((1, n)))[0])
    rng = np.random.default_rng(seed)
    spread = np.concatenate([statistic(_weights(rng, n)) for _ in range(RESAMPLES // PORTION)])
    spread = spread[np.isfinite(spread)]
    low, high = np.percentile(spread, (2.5, 97.5)).tolist() if len(spread) and math.isfinite(value) else (math.nan,) * 2
    return Estimate(value, low, high, n)


def _weights(rng: np.random.Generator, n: int) -> Float64:
    """How often each of n clips is drawn in n draws, for some re-samples: (PORTION, n)."""
    drawn = rng.integers(n, size=(PORTION, n)) + n * np.arange(PORTION)[:, None]
    return np.bincount(drawn.ravel(), minlength=PORTION * n).reshape(PORTION, n).astype(np.float64)


def _ratio(above: Float64, below: Float64) -> Float64:
    """NaN where nothing is below."""
    ratio: Float64 = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.abs(below) > 1e-12)
    return ratio


@dataclass(frozen=True)
class Dispute:
    """A clip about which people's verdicts differ."""

    clip: Clip
    votes: tuple[Decision, ...]


def disputes(standing: Iterable[Decision]) -> list[Dispute]:
    """The adjudication queue: clips that some approve and others reject, and nobody has adjudicated since."""
    rows = list(standing)
    settled = adjudicated(rows)
    found = []
    for clip, votes in latest(rows).items():
        newest = max(one.number for one in votes.values())
        differ = len({one.verdict for one in votes.values()}) > 1
        if differ and not (clip in settled and settled[clip].number > newest):
            found.append(Dispute(clip, tuple(votes[name] for name in sorted(votes))))
    return found


def summary(standing: Iterable[Decision], plausibility: Mapping[Clip, float], seed: int) -> dict[str, Any]:
    """All statistics of the decisions that stand, as plain data; `plausibility` is the judge's, of generated clips.

    Agreement between people counts first showings, agreement with oneself compares them with the hidden repeats.
    """
    rows = list(standing)
    first = latest(row for row in rows if row.showing == 0)
    units = [[one.verdict for one in votes.values()] for votes in first.values()]
    # One share of approval a clip: the judge is compared with what people say together.
    judged = [clip for clip in first if clip in plausibility]
    approval = [_approval(first[clip].values()) for clip in judged]
    reasons = Counter(reason for votes in first.values() for one in votes.values() for reason in one.reasons)
    return {
        "clips": len(first),
        "raw": raw_agreement(units, seed),
        "alpha": alpha(units, seed),
        "kappa": _kappas(first, seed),
        "tau": tau(approval, [plausibility[clip] for clip in judged], seed),
        "reviewers": _reviewers(rows, seed),
        "sources": _sources(first),
        "reasons": dict(reasons),
        "disputes": len(disputes(rows)),
        "adjudicated": len(adjudicated(rows)),
    }


def _approval(votes: Iterable[Decision]) -> float:
    verdicts = [one.verdict == "approve" for one in votes]
    return sum(verdicts) / len(verdicts)


def _kappas(first: Mapping[Clip, Mapping[str, Decision]], seed: int) -> list[dict[str, Any]]:
    people = sorted({name for votes in first.values() for name in votes})
    found = []
    for one, two in combinations(people, 2):
        shared = [(votes[one].verdict, votes[two].verdict) for votes in first.values() if {one, two} <= votes.keys()]
        if shared:
            found.append({"between": [one, two], "kappa": kappa(shared, seed), "raw": raw_agreement(shared, seed)})
    return found


def _reviewers(rows: Sequence[Decision], seed: int) -> dict[str, dict[str, Any]]:
    found = {}
    for name in sorted({row.reviewer for row in rows if row.act == "decide"}):
        mine = [row for row in rows if row.reviewer == name and row.act == "decide"]
        said = [row for row in mine if row.verdict != "skip"]
        before, again = (
            {(*row.clip, row.item): row.verdict for row in said if row.showing == showing} for showing in (0, 1)
        )
        twice = [(before[clip], again[clip]) for clip in again if clip in before]
        found[name] = {
            "decided": len(said),
            "skipped": len(mine) - len(said),
            "approved": sum(row.verdict == "approve" for row in said),
            "seconds": median(row.seconds for row in said) if said else None,
            "self": {"raw": raw_agreement(twice, seed), "kappa": kappa(twice, seed)},
        }
    return found


def _sources(first: Mapping[Clip, Mapping[str, Decision]]) -> dict[str, dict[str, Any]]:
    shares: dict[str, list[float]] = {}
    for clip, votes in first.items():
        shares.setdefault(clip[1], []).append(_approval(votes.values()))
    return {name: {"clips": len(some), "approved": sum(some) / len(some)} for name, some in sorted(shares.items())}
