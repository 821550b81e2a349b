"""Families of clips -> train, validation and test, so that no family stands on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from pipeline.curation._candidate import Candidate

SPLITS = ("train", "validation", "test")
FAMILIES: dict[str, Callable[[Candidate], str]] = {
    "scene": lambda one: str(one.seed),
    "body": lambda one: one.noun,
    "scenario": lambda one: one.scenario,
    "material": lambda one: one.material,
    "combination": lambda one: f"{one.scenario}/{one.material}",
    "pairing": lambda one: f"{one.noun}/{one.material}",
}
"""What makes clips one family: name of the setting -> what they have in common."""


def families(candidates: Sequence[Candidate], kind: str) -> list[str]:
    """Of every clip, the name of its family: what is connected by FAMILIES[kind] or by the seed of the scene."""
    root: dict[object, object] = {}

    def find(one: object) -> object:
        while root.setdefault(one, one) != one:
            root[one] = one = root[root[one]]
        return one

    values = [FAMILIES[kind](one) for one in candidates]
    for one, value in zip(candidates, values, strict=True):
        root[find(one.seed)] = find(value)
    first: dict[object, str] = {}
    for value in sorted(set(values), reverse=True):
        first[find(value)] = value
    return [first[find(value)] for value in values]


def deal(
    names: Iterable[str],
    shares: tuple[float, float],
    seed: int,
    held_out: Collection[str] = (),
    settled: Mapping[str, str] | None = None,
    fill: Collection[str] | None = None,
) -> dict[str, str]:
    """Family -> split; `shares` of validation and of test.

    What is held out is in test. What is settled stays where it is. Else a family's place hangs on its own hash, so that
    a growing set does not reshuffle; only where that leaves a wanted split without any family of `fill` (None: of all),
    the one of them that stands nearest to it moves over.
    """
    validation, test = shares
    edges = {
        "train": (0.0, 1.0 - validation - test),
        "validation": (1.0 - validation - test, 1.0 - test),
        "test": (1.0 - test, 1.0),
    }
    place = {name: chance(f"{seed}/{name}") for name in sorted(set(names))}
    fixed = {name: split for name, split in (settled or {}).items() if name in place}
    fixed |= {name: "test" for name in held_out if name in place}
    hashed = {
        name: next(split for split in SPLITS if at < edges[split][1] or split == "test") for name, at in place.items()
    }
    splits, filling = {**hashed, **fixed}, set(place if fill is None else fill)
    for split, (low, high) in edges.items():
        count = Counter(splits[name] for name in filling)
        spare = [name for name in filling if count[splits[name]] > 1 and name not in fixed]
        if not count[split] and high - low > 1e-9 and spare:
            splits[min(spare, key=lambda name: (abs(place[name] - (low + high) / 2), name))] = split
    return splits


def chance(text: str) -> float:
    """A number in 0..1 that depends on the text only, on every machine."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
