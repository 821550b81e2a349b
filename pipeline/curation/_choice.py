"""Which of the clips that may train do train: what studies of training sets vary, while validation and test stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pipeline.curation._candidate import Candidate
from pipeline.curation._lessons import shuffled
from pipeline.curation._likeness import near, near_earlier
from pipeline.curation._limits import Admission, by_cell, in_turn, mixed, shares
from pipeline.types import Float64


def best(clips: Sequence[Candidate], size: int | None, exponent: float | None, seed: int) -> Admission:
    """The first `size`, cell by cell in turn, in each in the order in which they were let in; with an exponent the
    cells have Zipf's shares, in the order of their turns and in all."""
    cells = by_cell(clips)
    wanted = shares(cells, exponent or 0.0, seed)
    most = {cell: len(found) for cell, found in cells.items()} if exponent is None else mixed(cells, wanted)
    beyond = {
        one.clip_id: f"mix_exponent: the mix takes {most[cell]} of the {len(found)} training clips of {cell}"
        for cell, found in cells.items()
        for one in found[most[cell] :]
    }
    fitting = {cell: found[: most[cell]] for cell, found in cells.items()}
    first = _first(list(in_turn(fitting, wanted)), size, "train_size")
    return Admission(first.inside, {**first.reasons, **beyond})


def drawn(pool: Sequence[Candidate], size: int, seed: int) -> Admission:
    """`size` clips of the pool, drawn by the seed; fewer are the first of more."""
    return _first(shuffled(pool, seed), size, "drawn at random")


def _first(clips: Sequence[Candidate], size: int | None, word: str) -> Admission:
    """The first `size`; None: all."""
    if size is None:
        return Admission(tuple(clips), {})
    number = {one.clip_id: f"{word}: number {n} of {len(clips)}, {size} are taken" for n, one in enumerate(clips, 1)}
    return Admission(tuple(clips[:size]), number)


def vectors(clips: Sequence[Candidate]) -> Float64:
    """What they look like and how they move, shape (N, D)."""
    return np.array([one.likeness for one in clips], dtype=np.float64).reshape(len(clips), -1 if clips else 0)


def known(one: Candidate) -> bool:
    """Whether the clip's likeness was measured."""
    return bool(one.likeness) and all(map(math.isfinite, one.likeness))


def twins(ordered: Sequence[Candidate], least: float) -> dict[str, str]:
    """Of those clips that are nearer than `least` to an earlier one that stays: clip -> reason."""
    clips = [one for one in ordered if known(one)]
    goes = near_earlier(vectors(clips), least)
    going, staying = ([one for one, gone in zip(clips, goes, strict=True) if gone == side] for side in (True, False))
    return like(going, sorted(staying, key=lambda one: one.clip_id), least)


def like(some: Sequence[Candidate], others: Sequence[Candidate], least: float) -> dict[str, str]:
    """Of those clips that are nearer than `least` to one of the others: clip -> reason."""
    mine, theirs = [one for one in some if known(one)], [one for one in others if known(one)]
    found = near(vectors(mine), vectors(theirs), least)
    return {
        one.clip_id: f"near-duplicate of {theirs[twin.number].clip_id}, which stays: distance {twin.distance:.4f}, "
        f"at least {least:g} is needed"
        for one, twin in zip(mine, found, strict=True)
        if twin
    }
