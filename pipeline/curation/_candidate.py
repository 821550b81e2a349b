"""What is known of a clip when it is decided about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pipeline.types import Judgement, Scene


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
    bodies: tuple[str, ...] = ()
    """What the bodies are called, e.g. 'heavy red ball'; the one that the scene is about first."""
    likeness: tuple[float, ...] = ()
    """What `describe` measured; empty: unknown, and nothing is like the clip."""

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
    def nouns(self) -> tuple[str, ...]:
        """What the bodies are: the last words of their names, e.g. 'ball'."""
        return tuple(name.split()[-1] for name in self.bodies if name.split())

    @property
    def noun(self) -> str:
        """What the scene is about: the first body; 'no body' without one."""
        return self.nouns[0] if self.nouns else "no body"

    @property
    def plausibility(self) -> float | None:
        """Mean over the models' answers, 0..100; None if there are none."""
        said = [one.plausibility for one in self.judgements if one.model != "truth"]
        answers = [value for value in said if math.isfinite(value)]
        return fmean(answers) if answers else None

    @property
    def instructive(self) -> float | None:
        """How much the models get wrong here, 0..100; None if they were not judged."""
        return None if self.plausibility is None else 100.0 - self.plausibility


@dataclass(frozen=True)
class Standing:
    """What an earlier decision left, for a set that grows."""

    splits: Mapping[str, str] = field(default_factory=dict)
    """Family -> the split that it stands in."""
    clips: frozenset[str] = frozenset()
    """Accepted clips, without those that were drawn at random."""


def candidate(
    scene: Scene,
    checks: Mapping[str, float],
    judgements: Sequence[Judgement] = (),
    votes: Sequence[Vote] = (),
    likeness: Sequence[float] = (),
) -> Candidate:
    """Everything that curation wants to know about a truth clip; `checks` is what `inspect` measured, `likeness` what
    `describe` did."""
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
        bodies=tuple(body.name for body in scene.bodies),
        likeness=tuple(likeness),
    )
