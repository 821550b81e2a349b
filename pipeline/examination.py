"""How well a score tells broken physics from right physics: the statistics of the exam.

Scenes are split: what is designed or looked at while designing are the develop scenes, what is quoted comes from the
test scenes. Nothing in the judge is fitted on either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.types import Float64, UInt8

REDRAW = "redraw"
"""Name of the change that changes nothing but what the prompt does not show."""
SPLITS = ("develop", "test")
APPEARANCE = "ssim"
"""The candidate that sees nothing but likeness of the pictures."""
DEGENERATE = ("freeze", "vanish")
"""Violations that show less than they ought to; they and every gated clip must never outrank a re-draw."""


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
    seen: bool = True
    """Whether the change can be seen at all, see `visible`."""


def visible(truth: UInt8, other: UInt8) -> bool:
    """Whether a change shows: in some frame a thousandth of the picture differs by 12 grey levels.

    A body that vanishes below the sand that hides it, or after it has left the picture, breaks nothing that a clip
    shows. Such clips are named and belong neither to what is right nor to what is wrong.
    """
    changed = (np.abs(truth.astype(np.int16) - other) > 12).any(axis=-1)
    return bool(changed.mean(axis=(1, 2)).max() >= 1e-3)


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
    if not scenes:
        return float("nan"), float("nan")
    groups = {scene: [one for one in sittings if one.clip_id == scene] for scene in scenes}
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = rng.integers(len(scenes), size=len(scenes))
        found.append(figure([one for index in drawn for one in groups[scenes[index]]]))
    low, high = np.nanpercentile(found, [2.5, 97.5]) if np.isfinite(found).any() else (np.nan, np.nan)
    return float(low), float(high)


def split(scenes: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Clip id -> develop or test, for (clip id, medium) in the order of their numbers.

    Scenes of a medium take turns, so that both halves hold all media and a scene stays where it is when more are drawn.
    """
    media: dict[str, int] = {}
    found = {}
    for clip_id, medium in scenes:
        turn = media.get(medium, 0)
        found[clip_id] = SPLITS[turn % len(SPLITS)]
        media[medium] = turn + 1
    return found


def report(sittings: Sequence[Sitting], candidate: str) -> dict[str, Any]:
    """Everything that exam.json says of one candidate about some scenes."""
    redraws = [one for one in sittings if one.change == REDRAW]
    broken = [one for one in sittings if not one.harmless]
    figures: dict[str, Callable[[Sequence[Sitting]], float]] = {
        "auc": lambda some: auc(*within(some, candidate)),
        "auc_with_nuisances": lambda some: auc(*within(some, candidate, nuisances=True)),
        "ppe": lambda some: preference_error(some, candidate),
        "redraw_mean": lambda some: _mean(one.scores[candidate] for one in some if one.change == REDRAW),
    }
    media = sorted({one.medium for one in sittings})
    levels = sorted({one.level for one in broken})
    return {
        **{name: figure(sittings) for name, figure in figures.items()},
        "auc_interval": list(interval(sittings, figures["auc"])),
        "intervals": {name: list(interval(sittings, figure)) for name, figure in figures.items()},
        "by_violation": _by_violation([*redraws, *broken], candidate, figures["auc"]),
        "by_severity": {
            str(level): figures["auc"]([*redraws, *(one for one in broken if one.level == level)]) for level in levels
        },
        "by_medium": {name: figures["auc"]([one for one in sittings if one.medium == name]) for name in media},
        "severity_correlation": {
            name: severity_correlation(sittings, candidate, name) for name in sorted({one.change for one in broken})
        },
        "appearance_correlation": appearance_correlation(sittings, candidate),
        "outranking": outranking(sittings, candidate),
        "harmless_mean": {
            name: _mean(one.scores[candidate] for one in sittings if one.change == name)
            for name in sorted({one.change for one in sittings if one.harmless and one.change != REDRAW})
        },
    }


def middle(levels: Iterable[int]) -> int:
    """The middle one of some severities."""
    known = sorted(set(levels))
    return known[len(known) // 2]


def _by_violation(
    sittings: Sequence[Sitting], candidate: str, figure: Callable[[Sequence[Sitting]], float]
) -> dict[str, dict[str, Any]]:
    """AUC of the re-draws against each violation, whole and by severity; its interval at the middle severity."""
    levels = sorted({one.level for one in sittings if not one.harmless})
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({one.change for one in sittings if not one.harmless}):
        scenes = {one.clip_id for one in sittings if one.change == name}
        # Only the re-draws of scenes in which it makes sense: other scenes are no easier or harder for it.
        right = [one for one in sittings if one.harmless and one.clip_id in scenes]
        of = {level: [one for one in sittings if (one.change, one.level) == (name, level)] for level in levels}
        found[name] = {
            "auc": figure([*right, *(one for some in of.values() for one in some)]),
            **{str(level): figure([*right, *some]) for level, some in of.items()},
            "interval": list(interval([*right, *of[middle(levels)]], figure)),
        }
    return found


def severity_correlation(sittings: Sequence[Sitting], candidate: str, change: str) -> float:
    """Spearman's rank correlation of severity and the mean score over scenes, re-draws of these scenes as severity 0.

    Scenes in which every severity can be seen count. A score that has reached 0 has nothing left to fall: severities
    beyond the first such one are left out. NaN for a score that never differs, or where the candidate has none.
    """
    from scipy.stats import rankdata

    broken = [one for one in sittings if one.change == change]
    levels = {one.level for one in broken}
    # Like with like: a severity that cannot be seen in a scene must not change the others' company.
    by_scene = {one.clip_id: {other.level for other in broken if other.clip_id == one.clip_id} for one in broken}
    scenes = {clip for clip, seen in by_scene.items() if seen == levels}
    broken = [one for one in broken if one.clip_id in scenes]
    groups = [[one for one in sittings if one.change == REDRAW and one.clip_id in scenes]]
    groups += [[one for one in broken if one.level == level] for level in sorted({one.level for one in broken})]
    means = [mean for group in groups if (mean := _mean(one.scores[candidate] for one in group)) == mean]
    if 0 in means:
        means = means[: means.index(0) + 1]
    if len(means) < 2 or not np.ptp(means) > 0:
        return float("nan")
    return float(np.corrcoef(np.arange(len(means)), rankdata(means))[0, 1])


def appearance_correlation(sittings: Sequence[Sitting], candidate: str) -> float:
    """Pearson's correlation of a score with likeness of the pictures over harmless changes: how much it is misled.

    0 for a score that treats them all alike; NaN where the likeness is not known.
    """
    pairs = [
        (one.scores[candidate], one.scores.get(APPEARANCE, float("nan")))
        for one in sittings
        if one.harmless and one.change != REDRAW
    ]
    known = np.array([pair for pair in pairs if np.isfinite(pair).all()]).reshape(-1, 2)
    if len(known) < 3:
        return float("nan")
    return float(np.corrcoef(known.T)[0, 1]) if np.ptp(known, axis=0).min() > 1e-9 else 0.0


def outranking(sittings: Sequence[Sitting], candidate: str) -> list[str]:
    """Degenerate clips (frozen, vanished, whatever was gated) that score as high as some re-draw of the scene."""
    found = []
    for one in sittings:
        right = [s.scores[candidate] for s in sittings if s.clip_id == one.clip_id and s.change == REDRAW]
        degenerate = not one.harmless and (one.gate or one.change in DEGENERATE)
        if degenerate and right and one.scores[candidate] >= min(right):
            found.append(f"{one.clip_id}/{one.change}_{one.level}")
    return found


@dataclass(frozen=True)
class Target:
    """One thing that is asked of the judge."""

    what: str
    bound: float
    most: bool
    """Whether `bound` is the largest value that is met, or the smallest."""
    measured: float

    @property
    def met(self) -> bool:
        """NaN never is."""
        return self.measured <= self.bound if self.most else self.measured >= self.bound


def targets(told: Mapping[str, Any], levels: Iterable[int]) -> list[Target]:
    """What is asked of the judge, in what `report` tells of it."""
    found = [
        Target("AUC", 0.95, False, told["auc"]),
        Target("AUC with harmless changes", 0.9, False, told["auc_with_nuisances"]),
        Target("preference error [%]", 5.0, True, told["ppe"]),
        Target("mean score of an unseen re-draw", 95.0, False, told["redraw_mean"]),
        Target("|correlation| with likeness of the picture", 0.15, True, abs(told["appearance_correlation"])),
        Target("degenerate clips that outrank a re-draw", 0.0, True, float(len(told["outranking"]))),
    ]
    level = str(middle(levels))
    for name, row in told["by_violation"].items():
        least = 0.95 if name in ("mass_loss", "freeze", "reverse") else 0.85
        found.append(Target(f"AUC of {name} at severity {level}", least, False, row[level]))
    if len(set(levels)) > 1:
        for name, value in told["severity_correlation"].items():
            found.append(Target(f"severity and score of {name}", -0.9, True, value))
    return found


def _by_scene(sittings: Sequence[Sitting], candidate: str) -> Iterable[tuple[Float64, Float64]]:
    for scene in sorted({one.clip_id for one in sittings}):
        right, wrong = within([one for one in sittings if one.clip_id == scene], candidate)
        yield np.array(right), np.array(wrong)


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")
