"""Curation: which truth clips go into the training set, and why.

People's word stands over the rule: what they reject is out, what they approve passes the gate (all of it but broken
layers, which nobody can see) and comes first in its cell; an adjudicator's word stands over the majority, and where
people disagree evenly the clip waits. Balance and splits hold for all.

Where nobody has looked, a rule decides in three steps, each of which leaves its numbers in the reasons of the verdict:
1. a gate: the truth clip itself is worth showing (something moves, body and medium are seen, no broken frames),
2. how instructive it is: 100 minus the plausibility of what the models made of it,
3. balance: no cell of scenario x material outgrows the rarest one; inside a cell the most instructive clips win.

Accepted clips are split by the seed of their scene, so that no scene stands on two sides of a split.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

from pipeline.types import Clip, Judgement, Scene, Verdict

SPLITS = ("train", "validation", "test")
MOVING = 0.5
"""Least motion relative to the background that counts as moving [px per frame]."""
BLANK = 2.0
"""Standard deviation of the grey values (0..255) below which a frame shows nothing."""


@dataclass(frozen=True)
class Vote:
    """What one person says of a clip."""

    reviewer: str
    approved: bool
    reasons: tuple[str, ...] = ()
    """With the note, if there is one."""
    final: bool = False
    """An adjudicator's word."""


@dataclass(frozen=True)
class Candidate:
    """One truth clip and what is known about it."""

    clip_id: str
    scenario: str
    material: str
    grade: str
    seed: int
    """Of the scene: clips that share it share a split."""
    has_body: bool
    """The scene holds a body, so the first frame has to show some of it."""
    has_medium: bool
    """The same for a medium."""
    checks: Mapping[str, float]
    """What `inspect` measured."""
    judgements: tuple[Judgement, ...] = ()
    """What the models made of the clip's prompt; re-draws of the truth are left out of account."""
    votes: tuple[Vote, ...] = ()
    """What people say of these very frames: the latest word of each."""

    @property
    def deciding(self) -> tuple[Vote, ...]:
        """The votes that decide: the adjudicator's, else those of the majority; empty if there is none."""
        final = [vote for vote in self.votes if vote.final]
        if final:
            return (final[-1],)
        sides = [tuple(vote for vote in self.votes if vote.approved is side) for side in (True, False)]
        fewer, more = sorted(sides, key=len)
        return more if len(more) > len(fewer) else ()

    @property
    def approved(self) -> bool | None:
        """What people decided; None if they have not."""
        return self.deciding[0].approved if self.deciding else None

    @property
    def cell(self) -> str:
        """Scenario and material, what the set is balanced over."""
        return f"{self.scenario} x {self.material}"

    @property
    def plausibility(self) -> float | None:
        """Mean over the models' answers, 0..100; None if there are none."""
        answers = [one.plausibility for one in self.judgements if one.model != "truth"]
        return fmean(answers) if answers else None

    @property
    def instructive(self) -> float | None:
        """How much the models get wrong here, 0..100; None if they were not judged."""
        return None if self.plausibility is None else 100.0 - self.plausibility


def candidate(
    scene: Scene, checks: Mapping[str, float], judgements: Sequence[Judgement] = (), votes: Sequence[Vote] = ()
) -> Candidate:
    """Everything that curation wants to know about a truth clip; `checks` is what `inspect` measured."""
    return Candidate(
        clip_id=scene.clip_id,
        scenario=scene.scenario,
        material=scene.material,
        grade=scene.grade,
        seed=scene.seed,
        has_body=bool(scene.bodies),
        has_medium=scene.medium is not None,
        checks=checks,
        judgements=tuple(judgements),
        votes=tuple(votes),
    )


def inspect(clip: Clip) -> dict[str, float]:
    """Simple measurements of a truth clip, from its frames and exact layers.

    body_share, medium_share: share of the first frame's pixels that show a body, the medium.
    moving_share: largest share of pixels, over the frames, that belong to a body or the medium and move by MOVING
    or more against the background.
    blank_frames: frames without contrast. repeated_frames: frames equal to the one before although the layers say
    that something moves. broken_values: layer values that are not finite where they claim to be valid.
    """
    layers = clip.layers
    if layers is None:
        raise ValueError(
            f"Clip {clip.clip_id}/{clip.source}: curation needs the exact layers of a truth clip, got none"
        )
    thing = layers.material > 0
    moving = np.array(
        [
            _moving_share(flow, seen, valid)
            for flow, seen, valid in zip(layers.forward_flow[:-1], thing[:-1], layers.valid[:-1], strict=True)
        ]
    )
    same = np.array([np.array_equal(one, two) for one, two in zip(clip.frames[:-1], clip.frames[1:], strict=True)])
    broken = ~np.isfinite(layers.forward_flow).all(axis=-1) | ~np.isfinite(layers.depth)
    return {
        "body_share": float((layers.material[0] == 1).mean()),
        "medium_share": float((layers.material[0] >= 2).mean()),
        "moving_share": float(moving.max(initial=0.0)),
        "blank_frames": float(sum(frame.mean(axis=-1).std() < BLANK for frame in clip.frames)),
        "repeated_frames": float((same & (moving > 0)).sum()),
        "broken_values": float((broken & layers.valid).sum()),
    }


def _moving_share(flow: np.ndarray, thing: np.ndarray, valid: np.ndarray) -> float:
    background = flow[valid & ~thing]
    drift = np.median(background, axis=0) if len(background) else np.zeros(2)
    return float((thing & valid & (np.hypot(*np.moveaxis(flow - drift, -1, 0)) >= MOVING)).mean())


@dataclass
class Curation:
    """The rule's settings."""

    min_moving_share: float = 0.002
    """Least share of the pixels that must move in the liveliest frame, 0..1."""
    min_body_share: float = 0.002
    """Least share of the first frame that must show a body, 0..1."""
    min_medium_share: float = 0.02
    """Least share of the first frame that must show the medium, where there is one, 0..1."""
    max_plausibility: float = 95.0
    """Clips that the models already answer this well on average teach nothing and are left out, 0..100."""
    max_ratio: float = 2.0
    """A cell of scenario x material may hold at most this many times the clips of the rarest cell."""
    cell_floor: int = 4
    """A cell may always hold this many clips, however rare the rarest cell is."""
    per_cell: int | None = None
    """Upper limit of clips in a cell; None: balance alone decides."""
    validation: float = 0.15
    """Share of the scenes for validation, 0..1."""
    test: float = 0.15
    """Share of the scenes for the test, 0..1."""
    split_seed: int = 0
    """Another number deals the scenes out anew."""

    def __post_init__(self) -> None:
        for name in ("min_moving_share", "min_body_share", "min_medium_share", "validation", "test"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"curation.{name}: expected a share within 0..1, got {getattr(self, name)}")
        if self.validation + self.test > 1.0:
            raise ValueError(f"curation: validation + test must not exceed 1, got {self.validation} + {self.test}")
        if not 0.0 <= self.max_plausibility <= 100.0:
            raise ValueError(f"curation.max_plausibility: expected 0..100, got {self.max_plausibility}")
        if self.max_ratio < 1.0:
            raise ValueError(f"curation.max_ratio: expected at least 1, got {self.max_ratio}")
        if self.cell_floor < 1 or (self.per_cell is not None and self.per_cell < 1):
            raise ValueError(
                f"curation: cell_floor and per_cell must be at least 1, got {self.cell_floor} and {self.per_cell}"
            )

    def decide(self, candidates: Iterable[Candidate]) -> list[Verdict]:
        """Exactly one verdict a candidate, in their order; the order has no influence on what is decided."""
        everyone = list(candidates)
        twice = [name for name, count in Counter(one.clip_id for one in everyone).items() if count > 1]
        if twice:
            raise ValueError(f"curation: every clip may stand once, got {', '.join(sorted(twice))} more than once")
        faults = {one.clip_id: self.faults(one) for one in everyone}
        ranks = self._ranks([one for one in everyone if not faults[one.clip_id]])
        chosen = [one for one in everyone if one.clip_id in ranks and ranks[one.clip_id].inside]
        splits = self.split(one.seed for one in chosen)
        verdicts = []
        for one in everyone:
            rank = ranks.get(one.clip_id)
            by = ", ".join(vote.reviewer for vote in one.deciding) or "rule"
            if rank is None:
                out = by if one.approved is False else "rule"
                verdicts.append(Verdict(one.clip_id, False, tuple(faults[one.clip_id]), out))
            elif not rank.inside:
                verdicts.append(Verdict(one.clip_id, False, (_lesson(one), rank.reason), "rule"))
            else:
                why = _people(one) if one.approved else _passed(one)
                reasons = (why, _lesson(one), rank.reason, f"scene {one.seed} belongs to {splits[one.seed]}")
                verdicts.append(Verdict(one.clip_id, True, reasons, by, splits[one.seed]))
        return verdicts

    def faults(self, one: Candidate) -> list[str]:
        """Why people reject a clip, or else why it fails the gate or teaches nothing; empty if it may go on."""
        broken = one.checks["broken_values"]
        found = [f"broken layers: {broken:.0f} values are not finite"] if broken else []
        if one.votes and not one.approved:
            return [_people(one), *found]
        return found if one.approved else [*found, *self._faults(one)]

    def _faults(self, one: Candidate) -> list[str]:
        """What the rule finds in the pictures, and in what the models made of them."""
        checks, found = one.checks, []
        if checks["blank_frames"]:
            found.append(f"degenerate frames: {checks['blank_frames']:.0f} show nothing")
        if checks["repeated_frames"]:
            found.append(f"degenerate frames: {checks['repeated_frames']:.0f} repeat the one before during motion")
        if checks["moving_share"] < self.min_moving_share:
            found.append(f"nothing moves: {_least(checks['moving_share'], self.min_moving_share)} in the best frame")
        if one.has_body and checks["body_share"] < self.min_body_share:
            found.append(f"no body in the first frame: {_least(checks['body_share'], self.min_body_share)}")
        if one.has_medium and checks["medium_share"] < self.min_medium_share:
            found.append(f"no medium in the first frame: {_least(checks['medium_share'], self.min_medium_share)}")
        if one.plausibility is not None and one.plausibility > self.max_plausibility:
            found.append(
                f"nothing to learn: the models reach {one.plausibility:.1f}, more than {self.max_plausibility:g}"
            )
        return found

    def split(self, seeds: Iterable[int]) -> dict[int, str]:
        """Scene seed -> split. A seed's place hangs on its own hash, so that a growing set does not reshuffle; only
        where that leaves a wanted split empty, the scene that stands nearest to it moves over."""
        place = {seed: _hash(self.split_seed, seed) for seed in sorted(set(seeds))}
        edges = {
            "train": (0.0, 1.0 - self.validation - self.test),
            "validation": (1.0 - self.validation - self.test, 1.0 - self.test),
            "test": (1.0 - self.test, 1.0),
        }
        splits = {
            seed: next(name for name in SPLITS if at < edges[name][1] or name == "test") for seed, at in place.items()
        }
        for name in SPLITS:
            low, high = edges[name]
            count = Counter(splits.values())
            if count[name] or high - low < 1e-9:
                continue
            spare = [seed for seed in place if count[splits[seed]] > 1]
            if spare:
                splits[min(spare, key=lambda seed: (abs(place[seed] - (low + high) / 2), seed))] = name
        return splits

    def _ranks(self, candidates: Sequence[Candidate]) -> dict[str, _Rank]:
        """Where every clip that passed stands in its cell: first what people approve, then the most instructive."""
        cells: dict[str, list[Candidate]] = defaultdict(list)
        for one in sorted(candidates, key=lambda one: (not one.approved, -(one.instructive or 0.0), one.clip_id)):
            cells[one.cell].append(one)
        if not cells:
            return {}
        limit = max(self.cell_floor, int(self.max_ratio * min(len(cell) for cell in cells.values())))
        limit = limit if self.per_cell is None else min(limit, self.per_cell)
        return {
            one.clip_id: _Rank(number <= limit, f"{name}: number {number} of {len(cell)}, the cell takes {limit}")
            for name, cell in cells.items()
            for number, one in enumerate(cell, start=1)
        }


@dataclass(frozen=True)
class _Rank:
    inside: bool
    reason: str


def row(verdict: Verdict, one: Candidate) -> dict[str, Any]:
    """One line of curation.jsonl: the verdict, its reasons and the numbers behind them."""
    return {
        "clip_id": verdict.clip_id,
        "accepted": verdict.accepted,
        "split": verdict.split,
        "by": verdict.by,
        "reasons": list(verdict.reasons),
        "scenario": one.scenario,
        "material": one.material,
        "grade": one.grade,
        "seed": one.seed,
        "instructive": one.instructive,
        "plausibility": {f"{each.model}/{each.sample}": each.plausibility for each in one.judgements},
        "checks": dict(one.checks),
        "votes": [asdict(vote) for vote in one.votes],
    }


def _people(one: Candidate) -> str:
    """What people decided, with everybody's words."""
    words = [
        f"{vote.reviewer}{' (adjudicator)' if vote.final else ''} {'approves' if vote.approved else 'rejects'}"
        + (f" ({', '.join(vote.reasons)})" if vote.reasons else "")
        for vote in one.votes
    ]
    verdict = {True: "people approve", False: "people reject", None: "people disagree, it waits for an adjudicator"}
    return f"{verdict[one.approved]}: {'; '.join(words)}"


def _passed(one: Candidate) -> str:
    checks = one.checks
    body = f", a body fills {checks['body_share']:.1%} of the first frame" if one.has_body else ""
    medium = f", the medium {checks['medium_share']:.1%}" if one.has_medium else ""
    return f"passes the gate: {checks['moving_share']:.1%} of the pixels move{body}{medium}"


def _lesson(one: Candidate) -> str:
    if one.instructive is None:
        return "how instructive it is was not measured: no model was judged on it"
    return f"instructive {one.instructive:.1f} of 100: the models reach a plausibility of {one.plausibility:.1f}"


def _least(share: float, least: float) -> str:
    return f"{share:.2%} of the pixels, at least {least:.2%} are needed"


def _hash(split_seed: int, seed: int) -> float:
    """A number in 0..1 that depends on the two seeds only, on every machine."""
    digest = hashlib.sha256(f"{split_seed}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
