"""What is shown to whom."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from pipeline.review import Review, check_reviewer
from pipeline.review.decisions import Decision
from pipeline.review.queue import GAP, Item, Shown, Task, items, state, tasks, wanted


def shown(number: int, source: str = "truth") -> Shown:
    clip_id = f"drop-sand-{number:05d}"
    return Shown(clip_id, source, 0, f"hash-{source}-{number}", Path("somewhere"), 24.0, 17, (64, 64), "a ball falls")


def pairs(count: int) -> list[Item]:
    return items([shown(n) for n in range(count)], [shown(n, "model") for n in range(count)], ["pairs"])


def decided(task: Task, reviewer: str, verdict: str = "approve") -> list[Decision]:
    return [
        Decision(
            f"{reviewer}{task.id}{side}",
            "decide",
            reviewer,
            *(one.clip_id, one.source, one.sample, one.hash, verdict),
            task=task.id,
            item=task.item.id,
            showing=task.showing,
            side=side,
        )
        for side, one in task.sides.items()
    ]


def test_the_queue_follows_from_seed_and_reviewer_alone() -> None:
    some = pairs(40)
    assert tasks(some, "anna", 3, Review()) == tasks(some, "anna", 3, Review())
    for other in (tasks(some, "ben", 3, Review()), tasks(some, "anna", 4, Review())):
        mine = tasks(some, "anna", 3, Review())
        assert [one.item.id for one in mine] != [one.item.id for one in other]
        assert not {one.id for one in mine} & {one.id for one in other}


def test_every_item_is_there_once_and_the_share_of_repeats_comes_back_later_and_mirrored() -> None:
    some = pairs(100)
    queue = tasks(some, "anna", 0, Review(repeats=0.1))
    first = {one.item.id: place for place, one in enumerate(queue) if one.showing == 0}
    again = {one.item.id: place for place, one in enumerate(queue) if one.showing == 1}
    assert len(first) == 100
    assert len(again) == 10
    assert all(place > first[item] + GAP for item, place in again.items())
    assert all(queue[place].swapped != queue[first[item]].swapped for item, place in again.items())
    assert len({one.id for one in queue}) == 110


def test_sides_are_fair_and_every_reviewers_own() -> None:
    some = pairs(400)
    left = {
        name: {one.item.id: one.swapped for one in tasks(some, name, 0, Review(repeats=0))} for name in ("anna", "ben")
    }
    for sides in left.values():
        assert abs(sum(sides.values()) / 400 - 0.5) < 0.1  # four standard deviations
    same = sum(left["anna"][item] == left["ben"][item] for item in left["anna"]) / 400
    assert abs(same - 0.5) < 0.1
    task = dataclasses.replace(tasks(some, "anna", 0, Review())[0], swapped=True)
    assert [one.source for one in task.sides.values()] == ["model", "truth"]


def test_ids_tell_nothing() -> None:
    for task in tasks(pairs(20), "anna", 0, Review()):
        assert len(task.id) == 16
        assert int(task.id, 16) >= 0
        assert task.id != task.item.id


def test_a_share_is_for_two_and_the_rest_is_done_after_one() -> None:
    some, review = pairs(20), Review(double=0.25, repeats=0.0)
    people = wanted(some, 0, review)
    assert sorted(people.values()) == [1] * 15 + [2] * 5
    queues = {name: tasks(some, name, 0, review) for name in ("anna", "ben", "carla")}
    rows: list[Decision] = []
    counts = []
    for name, queue in queues.items():
        counts.append(len(state(queue, name, rows, people).open))
        for task in state(queue, name, rows, people).open:
            rows += decided(task, name)
        assert state(queue, name, rows, people).open == []
    assert counts == [20, 5, 0]


def test_a_skipped_item_goes_to_others_and_its_repeat_does_not_come() -> None:
    some, review = pairs(20), Review(double=0.0, repeats=1.0)
    people, queue = wanted(some, 0, review), tasks(some, "anna", 0, review)
    back = next(one for one in queue if one.showing)
    first = next(one for one in queue if one.item == back.item and not one.showing)
    assert back in state(queue, "anna", [], people).open
    assert back in state(queue, "anna", decided(first, "anna"), people).open
    assert back not in state(queue, "anna", decided(first, "anna", "skip"), people).open
    theirs = tasks(some, "ben", 0, review)
    assert first.item in [one.item for one in state(theirs, "ben", decided(first, "anna", "skip"), people).open]
    assert first.item not in [one.item for one in state(theirs, "ben", decided(first, "anna"), people).open]


def test_progress_never_jumps() -> None:
    some, review = pairs(15), Review(repeats=0.3)
    people, queue = wanted(some, 0, review), tasks(some, "anna", 0, review)
    rows: list[Decision] = []
    for number, task in enumerate(queue):
        now = state(queue, "anna", rows, people)
        assert (now.done, now.total, now.open[0]) == (number, len(queue), task)
        half = [*rows, decided(task, "anna")[0]]
        assert state(queue, "anna", half, people).open[0] == task  # one side of a pair is not the pair
        rows += decided(task, "anna")
    assert state(queue, "anna", rows, people).open == []


def test_without_settings_it_is_pairs_where_models_have_answered_else_the_truth() -> None:
    truths, answers = [shown(0), shown(1)], [shown(1, "model")]
    assert [one.kind for one in items(truths, answers, [])] == ["pair"]
    assert [one.kind for one in items(truths, [], [])] == ["truth", "truth"]
    assert [one.kind for one in items(truths, answers, ["generated", "truth"])] == ["generated", "truth", "truth"]
    with pytest.raises(ValueError, match=r"expected clips of pairs, got none.*review.show=\[truth\]"):
        items(truths, [], ["pairs"])


def test_a_thousand_pairs_cost_no_time() -> None:
    some, review = pairs(1000), Review()
    people, queue = wanted(some, 0, review), tasks(some, "anna", 0, review)
    rows = [row for task in queue[:500] for row in decided(task, "anna")]
    begun = time.process_time()
    assert state(queue, "anna", rows, people).done == 500
    assert time.process_time() - begun < 0.2


@pytest.mark.parametrize("name", ["", "rule", "../x", "a b", "a" * 41, "-x", "<b>", "anna\n"])
def test_a_reviewers_id_is_a_plain_word(name: str) -> None:
    with pytest.raises(ValueError, match="reviewer: expected"):
        check_reviewer(name)


@pytest.mark.parametrize(
    "wrong", [{"show": ["all"]}, {"double": 1.5}, {"repeats": -0.1}, {"port": 70000}, {"token": "short"}]
)
def test_wrong_settings_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"review.{next(iter(wrong))}"):
        Review(**wrong)  # type: ignore[arg-type]


def test_what_a_run_has_to_show(outputs: Path) -> None:
    from pipeline.app import compose
    from pipeline.review import overlays
    from pipeline.stages.review import clips

    asked = [f"outputs={outputs}", "run=walk", "stage=review"]
    truths, answers = clips(compose([*asked, "review.models=[next_frame,copy_last]"]))
    assert [one.source for one in truths] == ["truth"] * 3
    assert sorted(one.source for one in answers) == ["copy_last"] * 3 + ["next_frame"] * 3
    for one in (*truths, *answers):
        assert one.flow is not None
        assert overlays.thinned(one.flow).shape == (one.num_frames - 1, 32, 32, 2)
        assert (overlays.opinion(one.opinion) is None) == (one.source == "truth")
        assert len(one.hash) == 64
        assert one.caption
    with pytest.raises(ValueError, match=r"review.models: expected some of .*next_frame.*, got sora"):
        clips(compose([*asked, "review.models=[sora]"]))
