"""The rule that decides: its settings, and its steps in their order."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.curation import _choice, _gate
from pipeline.curation._candidate import Candidate, Standing
from pipeline.curation._lessons import ORDERS, Lesson, positions, weights
from pipeline.curation._limits import Admission, admit, balanced, shares
from pipeline.curation._names import Pattern, check, parse
from pipeline.curation._splits import FAMILIES, SPLITS, chance, deal, families
from pipeline.types import Verdict

CHOICES = ("curated", "random")
CELL = ("scenario", "material")
GRADED = (*CELL, "grade")
PAIR = ("body", "material")


@dataclass
class Curation:
    """The rule's settings; docs/curation.md has an example of each.

    People's word stands over the rule: what they reject is out, what they approve passes the gate (all of it but broken
    layers, which nobody can see) and comes first in its cell; an adjudicator's word stands over the majority, and where
    people disagree evenly the clip waits. Where nobody has looked, the rule decides. Its steps:

    1. a gate: the truth clip itself is worth showing, and the models do not answer it well already,
    2. near-duplicates: of clips that look and move alike one stays,
    3. splits: families of clips are dealt to train, validation and test,
    4. limits: balance over the cells of scenario x material, quotas, a total; the most instructive clips come first,
    5. training: which of the train clips are taken, in which mix, how often and in which order a trainer sees them.

    Settings of step 5 leave validation and test as they are, so that studies of training sets share them.
    """

    min_moving_share: float = 0.002
    """Least share of the pixels that must move in the liveliest frame, 0..1."""
    min_body_share: float = 0.002
    """Least share of the first frame that must show a body, 0..1."""
    min_medium_share: float = 0.02
    """Least share of the pixels that must show the medium, where there is one, in the frame that shows most, 0..1."""
    max_plausibility: float = 95.0
    """Clips that the models already answer this well on average teach nothing and are left out, 0..100."""
    min_distance: float = 0.025
    """Of clips nearer than this in look and motion one stays (`_likeness.py` says how it was chosen); 0: all stay."""
    max_ratio: float = 2.0
    """A cell of scenario x material may hold at most this many times the clips of the rarest cell."""
    cell_floor: int = 4
    """A cell may always hold this many clips, however rare the rarest cell is."""
    per_cell: int | None = None
    """Upper limit of clips in a cell; None: balance alone decides."""
    quotas: list[str] = field(default_factory=list)
    """Most clips by scenario/material/grade: [drop/sand/*:20]; `*` stands for all together, `each` for each by itself
    ([each/sand:20]), parts left away at the end are `*`. All that a clip falls under hold."""
    total: int | None = None
    """Most clips in all, of every split; None: no limit."""
    validation: float = 0.15
    """Share of the families for validation, 0..1."""
    test: float = 0.15
    """Share of the families for the test, 0..1."""
    split_seed: int = 0
    """Another number deals the families out anew."""
    family: str = "scene"
    """What never stands on two sides of a split: clips of the same scene, or of the same body, scenario, material,
    combination (scenario x material) or pairing (body x material)."""
    held_out: list[str] = field(default_factory=list)
    """Combinations scenario/material that stand in the test only, with their families: [drop/water,*/gravel]."""
    held_out_bodies: list[str] = field(default_factory=list)
    """The same for body/material, by the last word of a body's name: [ball/water]."""
    choose: str = "curated"
    """How training clips are chosen: curated, or random: as many clips as that would be, drawn from all of the train
    families' clips whatever the rule and people say of them (only broken layers and twins of other splits are out)."""
    train_size: int | None = None
    """Most training clips; fewer are always contained in more. None: all."""
    mix_exponent: float | None = None
    """Training clips per cell by Zipf's law: the k-th cell's share is in proportion to 1 / k^exponent; 0: the same of
    every cell; None: as the limits leave them."""
    weight_exponent: float | None = None
    """The same law for the training clips' sampling weights, whatever their number; None: all weigh 1."""
    order: str = "mixed"
    """In which training clips are first shown: mixed, easy_to_hard (by grade), or hard_only (mixed, hard ones only)."""
    hard: list[str] = field(default_factory=lambda: ["high", "university"])
    """Grades that order=hard_only trains on."""
    draw_seed: int = 0
    """Of what training draws: random clips, the order of the cells in a mix, the order of the clips."""

    def __post_init__(self) -> None:
        for name in ("min_moving_share", "min_body_share", "min_medium_share", "validation", "test"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"curation.{name}: expected a share within 0..1, got {getattr(self, name)}")
        if self.validation + self.test > 1.0:
            raise ValueError(f"curation: validation + test must not exceed 1, got {self.validation} + {self.test}")
        if not 0.0 <= self.max_plausibility <= 100.0:
            raise ValueError(f"curation.max_plausibility: expected 0..100, got {self.max_plausibility}")
        if not 1.0 <= self.max_ratio < math.inf:
            raise ValueError(f"curation.max_ratio: expected at least 1, got {self.max_ratio}")
        for name, least in {"cell_floor": 1, "per_cell": 1, "total": 1, "train_size": 1}.items():
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise ValueError(f"curation.{name}: expected at least {least}, got {getattr(self, name)}")
        for name in ("min_distance", "mix_exponent", "weight_exponent"):
            if getattr(self, name) is not None and not 0.0 <= getattr(self, name) <= 10.0:
                raise ValueError(f"curation.{name}: expected a number within 0..10, got {getattr(self, name)}")
        for name, choices in {"family": tuple(FAMILIES), "choose": CHOICES, "order": ORDERS}.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(choices)
                raise ValueError(f"curation.{name}: there is no '{getattr(self, name)}', choose one of {listed}")
        if self.order == "hard_only" and not self.hard:
            raise ValueError("curation.hard: expected grades for order=hard_only, got none")
        self._quotas()
        self._held_out()

    def check_names(self, scenarios: Sequence[str], materials: Sequence[str], grades: Sequence[str]) -> None:
        """Raises ValueError, with the right names, if quotas, held_out or hard have a wrong one."""
        known = {"scenario": scenarios, "material": materials, "grade": grades}
        for pattern in self._quotas():
            check("quotas", pattern, known)
        for pattern in self._held_out()[0]:
            check("held_out", pattern, {kind: known[kind] for kind in CELL})
        for pattern in self._held_out()[1]:
            check("held_out_bodies", Pattern(pattern.parts[1:]), {"material": materials})
        for grade in self.hard:
            check("hard", Pattern((grade,)), {"grade": grades})

    def decide(self, candidates: Iterable[Candidate], before: Standing | None = None) -> list[Verdict]:
        """Exactly one verdict a candidate, in their order; the order has no influence on what is decided.

        `before` is what an earlier decision of the same `deal` left: families stay in their splits, and clips go before
        new ones that are like them. Decided again with what it left, the same set gets the same verdicts.
        Raises ValueError if a clip stands twice, or if a held-out body is none of the candidates'.
        """
        everyone, before = list(candidates), before or Standing()
        self._check(everyone)
        fates = {one.clip_id: Fate(False, tuple(self.faults(one)), _signed(one, False)) for one in everyone}
        passed = sorted((one for one in everyone if not fates[one.clip_id].reasons), key=_best_first)
        twins = self._twins(passed, before.clips)
        kept = [one for one in passed if one.clip_id not in twins]
        splits, why = self._deal(everyone, kept, before.splits)
        admission = self._admit(kept)
        out = {**twins, **admission.reasons}
        fates |= {one.clip_id: Fate(False, (_gate.lesson(one), out[one.clip_id])) for one in passed}
        fates |= {one.clip_id: _welcome(one, admission) for one in admission.inside}
        fates |= self._train(everyone, admission, splits, fates)
        return [_verdict(one, fates[one.clip_id], splits[one.clip_id], why[one.clip_id]) for one in everyone]

    def faults(self, one: Candidate) -> list[str]:
        """Why people reject a clip, or else why it fails the gate or teaches nothing; empty if it may go on."""
        found = _gate.broken(one)
        if one.votes and not one.approved:
            return [_gate.people(one), *found]
        least = {name: getattr(self, f"min_{name}") for name in _gate.SHARES}
        return found if one.approved else [*found, *_gate.weak(one, least, self.max_plausibility)]

    def family_of(self, one: Candidate) -> str:
        """What the clip has in common with the others of its family."""
        return FAMILIES[self.family](one)

    def deal(self) -> str:
        """Name of the way in which families are dealt to splits; other settings of the splits, another name."""
        said = (
            self.validation,
            self.test,
            self.split_seed,
            self.family,
            sorted(self.held_out),
            sorted(self.held_out_bodies),
        )
        return f"{int(chance(repr(said)) * 16**8):08x}"

    def lessons(
        self, verdicts: Sequence[Verdict], candidates: Sequence[Candidate], grades: Sequence[str]
    ) -> list[Lesson]:
        """Weight and position of every clip, in their order; `grades` from easy to hard."""
        pairs = list(zip(verdicts, candidates, strict=True))
        clips = [one for verdict, one in pairs if verdict.split == "train"]
        cells, exponent = {one.cell for one in clips}, self.weight_exponent
        weight = weights(clips, None if exponent is None else shares(cells, exponent, self.draw_seed))
        position = positions(clips, self.order, self.draw_seed, grades)
        return [
            Lesson(weight.get(one.clip_id, float(verdict.accepted)), position.get(one.clip_id))
            for verdict, one in pairs
        ]

    def idle(self, candidates: Sequence[Candidate]) -> list[str]:
        """Quotas and held-out combinations that none of the candidates falls under."""
        names = [(one.scenario, one.material, one.grade) for one in candidates]
        asked = [("quotas", pattern, len(GRADED)) for pattern in self._quotas()]
        asked += [("held_out", pattern, len(CELL)) for pattern in self._held_out()[0]]
        return [
            f"{setting}: no clip is {'/'.join(pattern.parts)}"
            for setting, pattern, parts in asked
            if not any(pattern.group(named[:parts]) for named in names)
        ]

    def _quotas(self) -> dict[Pattern, int]:
        """Limits by name; of two for the same name the smaller."""
        found: dict[Pattern, int] = {}
        for said in self.quotas:
            name, _, most = said.rpartition(":")
            if not most.strip().isdecimal():
                raise ValueError(f"curation.quotas: expected limits such as drop/sand/*:20, got '{said}'")
            pattern = parse("quotas", name.strip(), GRADED)
            found[pattern] = min(int(most), found.get(pattern, int(most)))
        return found

    def _held_out(self) -> tuple[list[Pattern], list[Pattern]]:
        """Scenario/material, and body/material."""
        combinations = [parse("held_out", name, CELL) for name in self.held_out]
        return combinations, [parse("held_out_bodies", name, PAIR) for name in self.held_out_bodies]

    def _check(self, everyone: Sequence[Candidate]) -> None:
        twice = [name for name, count in Counter(one.clip_id for one in everyone).items() if count > 1]
        if twice:
            raise ValueError(f"curation: every clip may stand once, got {', '.join(sorted(twice))} more than once")
        nouns = sorted({noun for one in everyone for noun in one.nouns})
        for pattern in self._held_out()[1] if everyone else ():
            check("held_out_bodies", Pattern(pattern.parts[:1]), {"body": nouns})

    def _twins(self, passed: Sequence[Candidate], before: Collection[str]) -> dict[str, str]:
        """Clips that go because one like them stays: clip -> reason. What stood in the set before stays first."""
        ordered = sorted(passed, key=lambda one: (not one.approved, one.clip_id not in before))
        return _choice.twins(ordered, self.min_distance)

    def _deal(
        self, everyone: Sequence[Candidate], kept: Sequence[Candidate], settled: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Of every clip: its split, and why. No wanted split is left empty of families that are `kept`."""
        names = {one.clip_id: name for one, name in zip(everyone, families(everyone, self.family), strict=True)}
        why = {one.clip_id: self._held(one) for one in everyone}
        held = {names[clip_id]: reason for clip_id, reason in why.items() if reason}
        stand: dict[str, list[str]] = defaultdict(list)
        for one in everyone:
            stand[names[one.clip_id]] += [settled[self.family_of(one)]] if self.family_of(one) in settled else []
        # families that turn out to be one stay out of the test: what was trained on is no test
        before = {name: min(found, key=SPLITS.index) for name, found in stand.items() if found}
        parts, fill = (self.validation, self.test), {names[one.clip_id] for one in kept}
        splits = deal(names.values(), parts, self.split_seed, held, before, fill)
        told = {
            clip_id: f"{self.family} {name} belongs to {splits[name]}{held.get(name, '')}"
            for clip_id, name in names.items()
        }
        return {clip_id: splits[name] for clip_id, name in names.items()}, told

    def _held(self, one: Candidate) -> str:
        """What holds the clip out; empty if nothing does."""
        combinations, pairs = self._held_out()
        names = [(pattern, (one.scenario, one.material)) for pattern in combinations]
        names += [(pattern, (noun, one.material)) for pattern in pairs for noun in one.nouns]
        held = next((pattern for pattern, said in names if pattern.group(said)), None)
        return f", held out: {'/'.join(held.parts)}" if held else ""

    def _admit(self, kept: Sequence[Candidate]) -> Admission:
        limit = balanced(kept, self.max_ratio, self.cell_floor)
        limit = limit if self.per_cell is None else min(limit, self.per_cell)
        return admit(kept, limit, self._quotas(), self.total)

    def _train(
        self,
        everyone: Sequence[Candidate],
        admission: Admission,
        splits: Mapping[str, str],
        fates: Mapping[str, Fate],
    ) -> dict[str, Fate]:
        """What becomes of clips whose families train, where that is not what became of them so far."""
        may = [one for one in admission.inside if splits[one.clip_id] == "train"]
        learners = [one for one in may if self._hard_enough(one)]
        taken = _choice.best(learners, self.train_size, self.mix_exponent, self.draw_seed)
        if self.choose == "random":
            judges = [one for one in admission.inside if splits[one.clip_id] != "train"]
            pool = [one for one in everyone if splits[one.clip_id] == "train" and not _gate.broken(one)]
            return self._draw(pool, judges, len(taken.inside))
        easy = {one.clip_id: self._too_easy(one) for one in may if not self._hard_enough(one)}
        inside = {one.clip_id for one in taken.inside}
        return {
            clip_id: fates[clip_id].also(clip_id in inside, reason)
            for clip_id, reason in {**easy, **taken.reasons}.items()
        }

    def _draw(self, pool: Sequence[Candidate], judges: Sequence[Candidate], size: int) -> dict[str, Fate]:
        """What becomes of the pool where chance decides; nothing like the clips that judge what was learnt is drawn."""
        out = _choice.like(pool, judges, self.min_distance)
        out |= {one.clip_id: self._too_easy(one) for one in pool if not self._hard_enough(one)}
        drawn = _choice.drawn([one for one in pool if one.clip_id not in out], size, self.draw_seed)
        fates = {clip_id: Fate(False, (reason,)) for clip_id, reason in {**out, **drawn.reasons}.items()}
        return fates | {
            one.clip_id: Fate(True, (drawn.reasons[one.clip_id], _gate.lesson(one))) for one in drawn.inside
        }

    def _hard_enough(self, one: Candidate) -> bool:
        return self.order != "hard_only" or one.grade in self.hard

    def _too_easy(self, one: Candidate) -> str:
        return f"order=hard_only: its grade, {one.grade}, is none of {', '.join(self.hard)}"


@dataclass(frozen=True)
class Fate:
    """What becomes of a clip, and why."""

    accepted: bool
    reasons: tuple[str, ...]
    by: str = "rule"

    def also(self, accepted: bool, reason: str) -> Fate:
        """The clip stays for one more reason, or is left out for it after all: then what it passed is not told."""
        return replace(self, reasons=(*self.reasons, reason)) if accepted else Fate(False, (*self.reasons[1:], reason))


def _best_first(one: Candidate) -> tuple[bool, float, str]:
    """What people approve, then the most instructive."""
    return not one.approved, -(one.instructive or 0.0), one.clip_id


def _signed(one: Candidate, accepted: bool) -> str:
    """Who decided, where people's word is what was decided: their ids; else 'rule'."""
    return ", ".join(vote.reviewer for vote in one.deciding) if one.approved is accepted else "rule"


def _welcome(one: Candidate, admission: Admission) -> Fate:
    reasons = (_gate.passed(one), _gate.lesson(one), admission.reasons[one.clip_id])
    return Fate(True, reasons, _signed(one, True))


def _verdict(one: Candidate, fate: Fate, split: str, why: str) -> Verdict:
    if not fate.accepted:
        return Verdict(one.clip_id, False, fate.reasons, fate.by)
    return Verdict(one.clip_id, True, (*fate.reasons, why), fate.by, split)
