"""Quotas, balance, totals."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_clips import known, sets

from pipeline.curation import Candidate, Curation

SHELVES = (["drop", "heap"], ["none", "sand", "water"], ["primary", "middle", "high"])
part = {
    0: st.sampled_from(["drop", "heap", "*", "each", "d*"]),
    1: st.sampled_from(["sand", "water", "*", "each"]),
    2: st.sampled_from(["primary", "high", "*", "each"]),
}
quotas = st.dictionaries(st.tuples(part[0], part[1], part[2]).map("/".join), st.integers(0, 5), max_size=4)


def said(asked: dict[str, int]) -> list[str]:
    return [f"{name}:{most}" for name, most in asked.items()]


def accepted(rule: Curation, some: list[Candidate]) -> list[Candidate]:
    return [one for one, verdict in zip(some, rule.decide(some), strict=True) if verdict.accepted]


@settings(max_examples=80, deadline=None)
@given(sets(), quotas, st.none() | st.integers(1, 12), st.randoms())
def test_laws_of_limits(some: list[Candidate], asked: dict[str, int], total: int | None, random) -> None:
    rule = Curation(quotas=said(asked), total=total, cell_floor=6)
    verdicts = rule.decide(some)
    assert [one.clip_id for one in verdicts] == [one.clip_id for one in some]  # exactly one each, in order
    assert all(one.reasons and all(one.reasons) for one in verdicts)
    held = [one for one, verdict in zip(some, verdicts, strict=True) if verdict.accepted]
    for name, most in asked.items():  # no quota is exceeded
        wanted = name.split("/")
        inside = [
            names
            for names in ((one.scenario, one.material, one.grade) for one in held)
            if all(want == "each" or fnmatchcase(got, want) for want, got in zip(wanted, names, strict=True))
        ]
        groups = Counter(
            tuple(got for want, got in zip(wanted, names, strict=True) if want == "each") for names in inside
        )
        assert max(groups.values(), default=0) <= most
    assert total is None or len(held) <= total
    mixed = some.copy()
    random.shuffle(mixed)  # the order of the candidates decides nothing
    assert {one.clip_id: one for one in rule.decide(mixed)} == {one.clip_id: one for one in verdicts}


@settings(max_examples=40, deadline=None)
@given(sets(), quotas)
def test_a_smaller_total_is_contained_in_a_larger_and_deals_the_same_splits(
    some: list[Candidate], asked: dict[str, int]
) -> None:
    before: dict[str, str] = {}
    for total in (2, 5, 11, None):
        verdicts = Curation(quotas=said(asked), total=total).decide(some)
        now = {one.clip_id: one.split for one in verdicts if one.accepted}
        assert before.items() <= now.items()
        before = now


def test_a_star_counts_all_together_and_each_counts_every_one() -> None:
    some = [known(number, material) for number in range(9) for material in ("sand", "water")]
    together = Counter(one.material for one in accepted(Curation(quotas=["drop/*:5"], cell_floor=9), some))
    apart = Counter(one.material for one in accepted(Curation(quotas=["drop/each:5"], cell_floor=9), some))
    assert sum(together.values()) == 5
    assert abs(together["sand"] - together["water"]) == 1  # cells take turns
    assert apart == {"sand": 5, "water": 5}


def test_of_several_limits_all_hold_and_the_full_one_is_named() -> None:
    some = [known(number, grade=("primary", "middle")[number % 2]) for number in range(12)]
    rule = Curation(quotas=["drop/sand:6", "drop/sand/*: 5", "*/*/middle:1"], cell_floor=20, total=4)
    verdicts = rule.decide(some)
    assert [one.accepted for one in verdicts] == [True, True, True, False, True] + 7 * [False]
    assert "quota */*/middle: all 1 places are taken" in verdicts[3].reasons[1]
    assert "total: all 4 places are taken" in verdicts[6].reasons[1]
    assert "quota */*/middle: place 1 of 1; total: place 2 of 4" in verdicts[1].reasons[2]
    smaller = Curation(quotas=["drop/sand:6", "drop/sand/*:5"], cell_floor=20)
    assert len(accepted(smaller, some)) == 5  # the smaller of two that mean the same


def test_a_quota_of_none_keeps_all_of_them_out() -> None:
    some = [known(number, material) for number in range(4) for material in ("sand", "water")]
    assert {one.material for one in accepted(Curation(quotas=["*/water:0"]), some)} == {"sand"}
    assert accepted(Curation(quotas=["*:0"]), some) == []


def test_a_quota_does_not_make_its_cell_the_rarest() -> None:
    some = [known(number, material) for number in range(20) for material in ("sand", "water")]
    held = Counter(one.material for one in accepted(Curation(quotas=["*/water:1"], cell_floor=1), some))
    assert held == {"sand": 20, "water": 1}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"quotas": ["dorp/sand:3"]}, "curation.quotas: no scenario is called 'dorp' .* there are drop, heap"),
        ({"quotas": ["drop/sand*t:3"]}, "no material is called 'sand.t' .* there are none, sand, water"),
        ({"quotas": ["*/*/easy:3"]}, "no grade is called 'easy' .* there are primary, middle, high"),
        ({"held_out": ["*/grit"]}, "curation.held_out: no material is called 'grit'"),
        ({"held_out_bodies": ["ball/grit"]}, "curation.held_out_bodies: no material is called 'grit'"),
        ({"hard": ["hardest"]}, "curation.hard: no grade is called 'hardest'"),
    ],
)
def test_a_wrong_name_lists_the_right_ones(wrong: dict[str, object], told: str) -> None:
    rule = Curation(**{"hard": ["high"], **wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=told):
        rule.check_names(*SHELVES)


def test_right_names_and_wildcards_pass() -> None:
    Curation(quotas=["drop/s*:3", "each/*/high:2"], held_out=["*/water", "heap"], hard=["high"]).check_names(*SHELVES)
