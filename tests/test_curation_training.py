"""What studies of training sets vary: choice, size, mix, weights and order. Validation and test stay as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_clips import known, sets

from pipeline.curation import Candidate, Curation, Lesson, Vote, _limits
from pipeline.scenarios import GRADES

LOOSE = {"cell_floor": 1000, "min_distance": 0.0}
SIZES = (1, 4, 8, 16)


def of_split(rule: Curation, some: list[Candidate], *splits: str) -> set[str]:
    return {one.clip_id for one in rule.decide(some) if one.split in splits}


def taught(rule: Curation, some: list[Candidate]) -> dict[str, Lesson]:
    verdicts = rule.decide(some)
    lessons = rule.lessons(verdicts, some, GRADES)
    return {one.clip_id: lesson for one, lesson in zip(verdicts, lessons, strict=True) if one.split == "train"}


def wide(count: int = 120) -> list[Candidate]:
    """Many scenes in four cells and three grades, all different."""
    materials, scenarios, grades = ("sand", "water"), ("drop", "heap"), ("primary", "middle", "high")
    return [
        known(
            number,
            materials[number % 2],
            float(number % 90),
            scenarios[number // 2 % 2],
            grades[number % 3],
            likeness=(float(number), 0.0),
        )
        for number in range(count)
    ]


study = st.fixed_dictionaries(
    {
        "choose": st.sampled_from(["curated", "random"]),
        "train_size": st.none() | st.integers(1, 30),
        "mix_exponent": st.none() | st.sampled_from([0.0, 1.0, 2.5]),
        "weight_exponent": st.none() | st.sampled_from([0.0, 1.0]),
        "order": st.sampled_from(["mixed", "easy_to_hard", "hard_only"]),
        "draw_seed": st.integers(0, 3),
    }
)


@settings(max_examples=120, deadline=None)
@given(sets(), study)
def test_laws_of_studies(some: list[Candidate], asked: dict[str, object]) -> None:
    rule = Curation(**asked)  # type: ignore[arg-type]
    verdicts = rule.decide(some)
    assert [one.clip_id for one in verdicts] == [one.clip_id for one in some]
    assert all(one.reasons and all(one.reasons) and bool(one.split) == one.accepted for one in verdicts)
    assert rule.decide(some[::-1]) == verdicts[::-1]
    assert of_split(rule, some, "validation", "test") == of_split(Curation(), some, "validation", "test")
    train = taught(rule, some)
    assert rule.train_size is None or len(train) <= rule.train_size
    assert sorted(one.position for one in train.values()) == list(range(len(train)))  # type: ignore[type-var]
    if train:
        assert sum(one.weight for one in train.values()) == pytest.approx(len(train))
    for verdict, lesson in zip(verdicts, rule.lessons(verdicts, some, GRADES), strict=True):
        if verdict.split != "train":
            assert lesson == Lesson(float(verdict.accepted), None)
    if rule.choose == "random":
        assert len(train) == len(taught(replace(rule, choose="curated"), some))


@settings(max_examples=60, deadline=None)
@given(sets(), study)
def test_a_smaller_training_set_is_contained_in_a_larger(some: list[Candidate], asked: dict[str, object]) -> None:
    before: set[str] = set()
    for size in (*SIZES, None):
        now = set(taught(Curation(**{**asked, "train_size": size}), some))  # type: ignore[arg-type]
        assert before <= now
        before = now


def test_equally_many_random_clips() -> None:
    some = wide()
    for size in (None, 16):
        curated, random = (Curation(choose=word, train_size=size, **LOOSE) for word in ("curated", "random"))
        assert len(taught(curated, some)) == len(taught(random, some))
    asked = {"train_size": 16, **LOOSE}
    draws = [set(taught(Curation(choose="random", draw_seed=seed, **asked), some)) for seed in (0, 1)]  # type: ignore[arg-type]
    assert draws[0] != draws[1]
    assert draws[0] != set(taught(Curation(**asked), some))  # type: ignore[arg-type]


def test_random_heeds_neither_rule_nor_people_but_only_broken_layers_and_other_splits() -> None:
    some = [known(number) for number in range(10)]
    still = [known(10 + number, moving_share=0.0) for number in range(10)]
    refused = [replace(known(20 + number), votes=(Vote("anna", False),)) for number in range(10)]
    broken = [known(30 + number, broken_values=2.0) for number in range(10)]
    rule = Curation(choose="random", validation=0.0, test=0.0, cell_floor=40)
    everyone = [*some, *still, *refused, *broken]
    verdicts = rule.decide(everyone)
    drawn = {one.clip_id for one in verdicts if one.accepted}
    assert len(drawn) == 10
    assert not drawn <= {one.clip_id for one in some}
    assert not drawn & {one.clip_id for one in broken}
    told = {one.clip_id: one.reasons for one in verdicts}
    assert all("drawn at random: number" in told[one.clip_id][0] for one in [*some, *still, *refused])
    assert "broken layers" in told[broken[0].clip_id][0]


def test_random_clips_are_not_like_those_of_the_test() -> None:
    rule = Curation(choose="random", cell_floor=40, validation=0.0)
    some = [known(number, likeness=(float(number), 0.0)) for number in range(20)]
    tested = next(one for one, verdict in zip(some, rule.decide(some), strict=True) if verdict.split == "test")
    learnt = next(one for one, verdict in zip(some, rule.decide(some), strict=True) if verdict.split == "train")
    twin = replace(learnt, clip_id="twin", likeness=tested.likeness, votes=(Vote("anna", False),))
    (verdict,) = [one for one in rule.decide([*some, twin]) if one.clip_id == "twin"]
    assert verdict.reasons[0].startswith(f"near-duplicate of {tested.clip_id}, which stays")


def test_uniform_and_long_tailed_mixes() -> None:
    """Zipf's law: the k-th cell holds 1 / k^exponent of what the first does."""
    some = [known(number, material) for number in range(60) for material in ("sand", "water", "none")]
    asked = {"validation": 0.0, "test": 0.0, **LOOSE}

    def held(exponent: float, size: int | None = None, seed: int = 0) -> list[int]:
        rule = Curation(mix_exponent=exponent, train_size=size, draw_seed=seed, **asked)  # type: ignore[arg-type]
        return sorted(Counter(name.split("-")[1] for name in taught(rule, some)).values(), reverse=True)

    assert held(0.0) == [60, 60, 60]
    assert held(1.0) == [60, 30, 20]
    assert held(2.0) == [60, 15, 6]
    assert held(0.0, 12) == [4, 4, 4]
    assert held(1.0, 11) == [6, 3, 2]  # every beginning holds the mix
    heads = {
        max(count := Counter(name.split("-")[1] for name in taught(rule, some)), key=lambda cell: count[cell])
        for rule in (Curation(mix_exponent=1.0, draw_seed=seed, **asked) for seed in range(8))  # type: ignore[arg-type]
    }
    assert len(heads) > 1  # which cell is the first is drawn


def test_the_scarcest_cell_bounds_a_mix_and_the_reason_says_so() -> None:
    some = [known(number) for number in range(30)] + [known(number, "water") for number in range(30, 33)]
    rule = Curation(mix_exponent=0.0, validation=0.0, test=0.0, **LOOSE)  # type: ignore[arg-type]
    verdicts = rule.decide(some)
    assert sum(one.accepted for one in verdicts) == 6
    assert "mix_exponent: the mix takes 3 of the 30 training clips of drop x sand" in verdicts[20].reasons[-1]


def test_weights_make_up_for_the_mix() -> None:
    some = [known(number) for number in range(30)] + [known(number, "water") for number in range(30, 36)]
    asked = {"validation": 0.0, "test": 0.0, **LOOSE}
    even = taught(Curation(weight_exponent=0.0, **asked), some)  # type: ignore[arg-type]
    by_cell = Counter[str]()
    for name, lesson in even.items():
        by_cell[name.split("-")[1]] += lesson.weight  # type: ignore[assignment]
    assert by_cell["sand"] == pytest.approx(18)
    assert by_cell["water"] == pytest.approx(18)
    tail = taught(Curation(weight_exponent=1.0, **asked), some)  # type: ignore[arg-type]
    sums = sorted(
        sum(lesson.weight for name, lesson in tail.items() if f"-{cell}-" in name) for cell in ("sand", "water")
    )
    assert sums == pytest.approx([12, 24])
    assert {one.weight for one in taught(Curation(**asked), some).values()} == {1.0}  # type: ignore[arg-type]


def test_orders() -> None:
    some = wide()
    grades = {one.clip_id: GRADES.index(one.grade) for one in some}

    def shown(**asked: object) -> list[str]:
        lessons = taught(Curation(**{**LOOSE, **asked}), some)  # type: ignore[arg-type]
        return sorted(lessons, key=lambda name: lessons[name].position or 0)

    mixed, climbing, hard = (shown(order=order) for order in ("mixed", "easy_to_hard", "hard_only"))
    assert set(mixed) == set(climbing)
    assert [grades[name] for name in climbing] == sorted(grades[name] for name in mixed)
    assert [grades[name] for name in mixed] != sorted(grades[name] for name in mixed)
    assert set(hard) == {name for name in mixed if GRADES[grades[name]] == "high"}
    assert hard == [name for name in mixed if name in hard]  # a clip more or less moves no other
    assert set(shown(order="hard_only", hard=["middle", "high"])) > set(hard)
    assert mixed != shown(order="mixed", draw_seed=1)
    early = np.mean([grades[name] for name in mixed[: len(mixed) // 2]])
    assert abs(early - np.mean([grades[name] for name in mixed])) < 0.4


def test_hard_only_says_what_was_too_easy() -> None:
    (verdict,) = Curation(order="hard_only", validation=0.0, test=0.0).decide([known(0)])
    assert not verdict.accepted
    assert verdict.reasons[-1] == "order=hard_only: its grade, primary, is none of high, university"
    (drawn,) = Curation(order="hard_only", choose="random", validation=0.0, test=0.0).decide([known(0)])
    assert drawn.reasons == ("order=hard_only: its grade, primary, is none of high, university",)


def test_shares() -> None:
    assert list(_limits.shares("abc", 0.0, 0).values()) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert list(_limits.shares("abc", 1.0, 0).values()) == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert len({tuple(_limits.shares("abc", 1.0, seed)) for seed in range(30)}) == 6  # the order is dealt
    assert _limits.shares("", 1.0, 0) == {}
