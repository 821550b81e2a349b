"""How well a score tells broken physics from right physics: the statistics of the exam."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.types import Float64

REDRAW = "redraw"
"""Name of the change that changes nothing but what the prompt does not show."""


@dataclass(frozen=True)
class Sitting:
    """One clip of the exam and what the candidates said of it."""

    clip_id: str
    medium: str
    change: str
    """A violation's name, a harmless change's, or REDRAW."""
    level: int
    """Severity, 1..3; for re-draws their number."""
    harmless: bool
    scores: Mapping[str, float]
    """Candidate -> score, higher for more plausible; NaN where it has none."""
    gate: str = ""


def auc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Share of pairs in which the right one scores higher, ties count half; NaN without pairs (Mann & Whitney 1947)."""
    if not len(right) or not len(wrong):
        return float("nan")
    a, b = np.asarray(right, float)[:, None], np.asarray(wrong, float)[None]
    return float((a > b).mean() + 0.5 * (a == b).mean())


def preference_error(sittings: Sequence[Sitting], candidate: str) -> float:
    """Plausibility preference error (LikePhys, Yuan et al. 2025) [%].

    Share of pairs of a re-draw and a violation of the same scene in which the violation is not scored lower.
    """
    wrong = pairs = 0
    for right, broken in _by_scene(sittings, candidate):
        pairs += right.size * broken.size
        wrong += int((right[:, None] <= broken[None]).sum())
    return 100 * wrong / pairs if pairs else float("nan")


def within(sittings: Sequence[Sitting], candidate: str, nuisances: bool = False) -> tuple[list[float], list[float]]:
    """Scores of what is right (re-draws, and harmless changes if `nuisances`) and of what is wrong."""
    right = [s.scores[candidate] for s in sittings if s.harmless and (nuisances or s.change == REDRAW)]
    wrong = [s.scores[candidate] for s in sittings if not s.harmless]
    return [one for one in right if one == one], [one for one in wrong if one == one]


def interval(
    sittings: Sequence[Sitting], figure: Callable[[Sequence[Sitting]], float], draws: int = 400, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a figure when scenes are drawn anew with replacement (bootstrap by scene, Efron 1979)."""
    scenes = sorted({one.clip_id for one in sittings})
    groups = {scene: [one for one in sittings if one.clip_id == scene] for scene in scenes}
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = rng.integers(len(scenes), size=len(scenes))
        found.append(figure([one for index in drawn for one in groups[scenes[index]]]))
    low, high = np.nanpercentile(found, [2.5, 97.5]) if np.isfinite(found).any() else (np.nan, np.nan)
    return float(low), float(high)


def report(sittings: Sequence[Sitting], candidate: str) -> dict[str, Any]:
    """Everything that exam.json says of one candidate."""
    redraws = [one for one in sittings if one.change == REDRAW]
    broken = [one for one in sittings if not one.harmless]

    def against(chosen: Iterable[Sitting]) -> float:
        return auc(*within([*redraws, *chosen], candidate))

    def overall(some: Sequence[Sitting]) -> float:
        return auc(*within(some, candidate))

    changes = sorted({one.change for one in broken})
    levels = sorted({one.level for one in broken})
    media = sorted({one.medium for one in sittings})
    return {
        "auc": overall(sittings),
        "auc_interval": list(interval(sittings, overall)),
        "auc_with_nuisances": auc(*within(sittings, candidate, nuisances=True)),
        "ppe": preference_error(sittings, candidate),
        "by_violation": {
            name: {
                "auc": against(one for one in broken if one.change == name),
                **{
                    str(level): against(one for one in broken if (one.change, one.level) == (name, level))
                    for level in levels
                },
            }
            for name in changes
        },
        "by_severity": {str(level): against(one for one in broken if one.level == level) for level in levels},
        "by_medium": {name: overall([one for one in sittings if one.medium == name]) for name in media},
        "severity_correlation": {name: severity_correlation(broken, candidate, name) for name in changes},
        "redraw_mean": _mean(one.scores[candidate] for one in redraws),
        "harmless_mean": {
            name: _mean(one.scores[candidate] for one in sittings if one.change == name)
            for name in sorted({one.change for one in sittings if one.harmless and one.change != REDRAW})
        },
    }


def severity_correlation(broken: Sequence[Sitting], candidate: str, change: str) -> float:
    """Spearman's rank correlation of severity and the mean score over scenes; NaN for a score that never differs."""
    from scipy.stats import rankdata

    of = [one for one in broken if one.change == change]
    levels = sorted({one.level for one in of})
    means = [_mean(one.scores[candidate] for one in of if one.level == level) for level in levels]
    if len(levels) < 2 or not np.ptp(means) > 0:
        return float("nan")
    return float(np.corrcoef(rankdata(levels), rankdata(means))[0, 1])


def _by_scene(sittings: Sequence[Sitting], candidate: str) -> Iterable[tuple[Float64, Float64]]:
    for scene in sorted({one.clip_id for one in sittings}):
        right, wrong = within([one for one in sittings if one.clip_id == scene], candidate)
        yield np.array(right), np.array(wrong)


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")
