from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import falling_disc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_clips import SOUND, judged, known

from pipeline.curation import Candidate, Curation, Vote, candidate, inspect, notes, row, totals
from pipeline.scenarios import GRADES
from pipeline.types import Clip


def measured(shown: Clip, material: str = "sand") -> Candidate:
    return candidate(falling_disc.scene(shown, material), inspect(shown))


candidates = st.lists(
    st.builds(
        known,
        st.integers(0, 10_000),
        st.sampled_from(["sand", "water", "none"]),
        st.none() | st.floats(0, 100),
        moving_share=st.sampled_from([0.0, 0.05]),
    ),
    max_size=40,
    unique_by=lambda one: one.clip_id,
)


@settings(max_examples=60, deadline=None)
@given(candidates, st.floats(1, 4), st.integers(1, 6), st.none() | st.integers(1, 6))
def test_laws_of_every_curation(some: list[Candidate], ratio: float, floor: int, per_cell: int | None) -> None:
    rule = Curation(max_ratio=ratio, cell_floor=floor, per_cell=per_cell)
    verdicts = rule.decide(some)
    assert [one.clip_id for one in verdicts] == [one.clip_id for one in some]  # exactly one each, in order
    assert all(one.reasons and all(one.reasons) and one.by == "rule" for one in verdicts)
    assert all((one.split in ("train", "validation", "test")) == one.accepted for one in verdicts)
    backwards = rule.decide(some[::-1])[::-1]
    assert backwards == verdicts
    of_seed: dict[int, set[str]] = {}
    for verdict, one in zip(verdicts, some, strict=True):
        if verdict.accepted:
            of_seed.setdefault(one.seed, set()).add(verdict.split)
    assert all(len(splits) == 1 for splits in of_seed.values())
    passed = Counter(one.cell for one in some if not rule.faults(one))
    held = Counter(one.cell for verdict, one in zip(verdicts, some, strict=True) if verdict.accepted)
    limit = max(floor, int(ratio * min(passed.values(), default=0)))
    assert all(held[cell] == min(count, limit, per_cell or limit) for cell, count in passed.items())


def test_a_sound_clip_is_accepted_with_its_numbers() -> None:
    shown = falling_disc.clip()
    (verdict,) = Curation().decide([measured(shown)])
    assert verdict.accepted
    assert "passes the gate" in verdict.reasons[0]
    assert any("instructive" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("fault", "damage"),
    [
        ("nothing moves", lambda: falling_disc.clip(path=np.full(17, 12.0))),
        ("no body in the first frame", lambda: falling_disc.clip(path=falling_disc.fall(17, 48) - 30)),
        ("no medium to be seen", lambda: falling_disc.clip(material="none")),
        ("show nothing", lambda: _painted(falling_disc.clip(), 5, 0)),
        ("repeat the one before", lambda: _repeated(falling_disc.clip())),
        ("not finite", lambda: _broken(falling_disc.clip())),
    ],
)
def test_a_degenerate_clip_is_rejected_with_the_reason(fault: str, damage: object) -> None:
    (verdict,) = Curation().decide([measured(damage())])  # type: ignore[operator]
    assert not verdict.accepted
    assert any(fault in reason for reason in verdict.reasons)


def _painted(shown: Clip, frame: int, value: int) -> Clip:
    frames = shown.frames.copy()
    frames[frame] = value
    return replace(shown, frames=frames)


def _repeated(shown: Clip) -> Clip:
    frames = shown.frames.copy()
    frames[9] = frames[8]
    return replace(shown, frames=frames)


def _broken(shown: Clip) -> Clip:
    assert shown.layers is not None
    flow = shown.layers.forward_flow.copy()
    flow[3, 4, 5] = np.nan
    return replace(shown, layers=replace(shown.layers, forward_flow=flow))


def test_coming_to_rest_is_no_fault() -> None:
    shown = falling_disc.clip(num_frames=25)
    assert np.array_equal(shown.frames[-1], shown.frames[-2])
    assert inspect(shown)["repeated_frames"] == 0


def test_a_medium_may_come_later() -> None:
    """Sand that runs out of a funnel is hidden in the first frame."""
    shown = falling_disc.clip()
    assert shown.layers is not None
    material = shown.layers.material.copy()
    material[:9][material[:9] == 2] = 0
    (verdict,) = Curation().decide([measured(replace(shown, layers=replace(shown.layers, material=material)))])
    assert verdict.accepted


def test_a_panning_camera_is_not_motion_of_the_event() -> None:
    shown = falling_disc.clip(path=np.full(17, 12.0))
    assert shown.layers is not None
    panned = replace(shown.layers, forward_flow=shown.layers.forward_flow + np.float32(3))
    assert inspect(replace(shown, layers=panned))["moving_share"] == 0


def test_a_clip_without_layers_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="drop-sand-00000/truth: curation needs the exact layers"):
        inspect(replace(falling_disc.clip(), layers=None))


def test_the_most_instructive_clips_win_in_a_full_cell() -> None:
    some = [known(number, plausibility=10.0 * number) for number in range(8)] + [known(1, "water")]
    accepted = {one.clip_id for one in Curation(cell_floor=2).decide(some) if one.accepted}
    assert accepted == {"drop-sand-00000", "drop-sand-00001", "drop-water-00001"}


def test_what_the_models_already_know_teaches_nothing() -> None:
    (verdict,) = Curation().decide([known(0, plausibility=97.0)])
    assert not verdict.accepted
    assert "nothing to learn" in verdict.reasons[0]


def test_redraws_of_the_truth_are_no_models_answer() -> None:
    one = replace(known(0, plausibility=None), judgements=(judged("drop-sand-00000", 99.0, "truth"),))
    assert one.instructive is None
    (verdict,) = Curation().decide([one])
    assert verdict.accepted
    assert any("not measured" in reason for reason in verdict.reasons)


def test_a_row_holds_the_numbers_and_no_noun() -> None:
    one = known(0)
    rule = Curation()
    (verdict,) = rule.decide([one])
    (lesson,) = rule.lessons([verdict], [one], GRADES)
    entry = json.loads(json.dumps(row(verdict, one, lesson, rule), allow_nan=False))
    assert entry["instructive"] == 60.0
    assert entry["plausibility"] == {"next_frame/0": 40.0}
    assert entry["checks"]["moving_share"] == 0.05


@pytest.mark.parametrize(
    "wrong",
    [
        {"validation": 0.8, "test": 0.3},
        {"max_ratio": 0.5},
        {"max_ratio": float("nan")},
        {"max_ratio": float("inf")},
        {"cell_floor": 0},
        {"per_cell": 0},
        {"total": 0},
        {"train_size": 0},
        {"test": -1},
        {"test": float("nan")},
        {"min_distance": -0.1},
        {"mix_exponent": float("nan")},
        {"mix_exponent": 1e3},
        {"weight_exponent": -1.0},
        {"quotas": ["drop:-1"]},
        {"quotas": ["drop/sand/primary/red:1"]},
        {"quotas": ["drop//primary:1"]},
        {"quotas": ["drop"]},
        {"quotas": ["drop:many"]},
        {"held_out": ["drop/sand/primary"]},
        {"held_out_bodies": [""]},
        {"family": "colour"},
        {"choose": "best"},
        {"order": "hard_to_easy"},
        {"hard": [], "order": "hard_only"},
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"curation.*{next(iter(wrong))}"):
        Curation(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("approved", [False, True])
def test_what_was_not_measured_is_no_reason_to_accept(name: str, approved: bool) -> None:
    missing = {key: value for key, value in SOUND.items() if key != name}
    for checks in ({**SOUND, name: float("nan")}, missing):
        one = replace(known(0), checks=checks, votes=(Vote("anna", True),) if approved else ())
        (verdict,) = Curation().decide([one])
        assert verdict.accepted == (approved and name != "broken_values")
        assert verdict.accepted or verdict.reasons == (f"not measured: {name} is no number",)
        rule = Curation()
        assert json.dumps(row(verdict, one, rule.lessons([verdict], [one], GRADES)[0], rule), allow_nan=False)


def test_a_judgement_that_is_no_number_is_none() -> None:
    one = replace(known(0), judgements=(judged("drop-sand-00000", float("nan")), judged("drop-sand-00000", 40.0)))
    assert one.instructive == 60.0
    assert replace(one, judgements=one.judgements[:1]).instructive is None


def test_what_became_of_the_whole_set_is_counted_and_told() -> None:
    assert Curation().decide([]) == []
    assert totals([], []) == {"accepted": 0, "rejected": 0, "train": 0, "validation": 0, "test": 0, "cells": {}}
    assert notes([], [], Curation())[0].startswith("there was no clip")
    still = [known(number, moving_share=0.0) for number in range(3)]
    verdicts = Curation().decide(still)
    told = totals(verdicts, still)
    assert told["cells"] == {
        "drop/sand/primary": {"accepted": 0, "rejected": 3, "train": 0, "validation": 0, "test": 0}
    }
    assert notes(verdicts, still, Curation())[0].startswith("every clip was rejected")
    alone = [known(0)]
    assert totals(Curation().decide(alone), alone)["train"] == 1
    assert notes(Curation().decide(alone), alone, Curation()) == ["no clip is in validation", "no clip is in test"]
    many = [known(number) for number in range(20)]
    asked = Curation(cell_floor=20, train_size=15, quotas=["heap:3"], held_out=["*/water"])
    assert notes(asked.decide(many), many, asked) == [
        f"train_size=15 was asked for, there are {totals(asked.decide(many), many)['train']}: simulate more clips",
        "quotas: no clip is heap/*/*",
        "held_out: no clip is */water",
    ]


def test_a_clip_may_not_stand_twice() -> None:
    with pytest.raises(ValueError, match="drop-sand-00000 more than once"):
        Curation().decide([known(0), known(0)])


def voted(one: Candidate, *votes: tuple[str, bool], final: tuple[str, bool] | None = None) -> Candidate:
    words = tuple(Vote(name, approved, ("melts",)) for name, approved in votes)
    return replace(one, votes=(*words, Vote(*final, final=True)) if final else words)


@pytest.mark.parametrize(
    ("votes", "final", "accepted", "by", "words"),
    [
        ([("anna", True)], None, True, "anna", "people approve: anna approves (melts)"),
        ([("anna", False)], None, False, "anna", "people reject: anna rejects (melts)"),
        ([("anna", True), ("ben", True), ("carla", False)], None, True, "anna, ben", "people approve"),
        ([("anna", True), ("ben", False)], None, False, "rule", "people disagree, it waits for an adjudicator"),
        ([("anna", True), ("ben", True)], ("dora", False), False, "dora", "dora (adjudicator) rejects"),
        ([("anna", False)], ("dora", True), True, "dora", "dora (adjudicator) approves"),
    ],
)
@pytest.mark.parametrize("checks", [{}, {"moving_share": 0.0}])
def test_people_stand_over_the_rule(
    votes: list[tuple[str, bool]],
    final: tuple[str, bool] | None,
    accepted: bool,
    by: str,
    words: str,
    checks: dict[str, float],
) -> None:
    one = voted(known(0, **checks), *votes, final=final)
    (verdict,) = Curation().decide([one])
    assert (verdict.accepted, verdict.by) == (accepted, by)
    assert words in verdict.reasons[0]
    rule = Curation()
    (lesson,) = rule.lessons([verdict], [one], GRADES)
    assert row(verdict, one, lesson, rule)["votes"][0]["reviewer"] == votes[0][0]


def test_nobody_can_approve_broken_layers_that_nobody_sees() -> None:
    (verdict,) = Curation().decide([voted(known(0, broken_values=3.0), ("anna", True))])
    assert (verdict.accepted, verdict.by) == (False, "rule")
    assert "broken layers" in verdict.reasons[0]


def test_what_people_approve_comes_first_in_a_full_cell() -> None:
    some = [known(number, plausibility=10.0 * number) for number in range(8)] + [known(1, "water")]
    some[7] = voted(some[7], ("anna", True))
    verdicts = Curation(cell_floor=2).decide(some)
    assert {one.clip_id for one in verdicts if one.accepted} == {
        "drop-sand-00000",
        "drop-sand-00007",
        "drop-water-00001",
    }
    assert [one.by for one in verdicts if one.clip_id == "drop-sand-00007"] == ["anna"]
