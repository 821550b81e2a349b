from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import falling_disc
import numpy as np
import pytest

from pipeline import report
from pipeline.report import Case, ClipRow, Curve, ModelAnswer, Page, StageCount, first_bad_frame, summarise
from pipeline.types import Judgement, Score, Verdict

FRAMES, PROMPT = 17, 4
NASTY = '<script>alert("x")</script> & <b>bold</b>'


def judged(clip_id: str, model: str, plausibility: float, sample: int = 0, gate: str = "") -> Judgement:
    per_frame = np.full(FRAMES, plausibility, np.float32)
    per_frame[:PROMPT] = np.nan
    return Judgement(clip_id, model, sample, plausibility, {"kinetic_energy": plausibility}, per_frame, gate)


def answer(clip_id: str, model: str, plausibility: float, gate: str = "") -> ModelAnswer:
    shown = falling_disc.clip(clip_id, path=falling_disc.fall(FRAMES, 48) * 0.8)
    evidence = np.full(FRAMES, 0.1, np.float32)
    scores = (
        Score(clip_id, model, 0, "kinetic_energy", 0.1, "share of the truth's motion", evidence),
        Score(clip_id, model, 0, "mask_iou", float("nan"), "", evidence * np.nan, failure="the masks are empty"),
    )
    line = np.linspace(0, 1, FRAMES)
    line[0] = np.nan
    curves = (
        Curve("kinetic energy", "px", line, line * 0.5, line * 0.9, line * 1.1),
        Curve("gone", "%", line, line * np.nan),
    )
    take = falling_disc.take(replace(shown, source=model))
    return ModelAnswer(model, 0, take, judged(clip_id, model, plausibility, gate=gate), scores, curves)


def clip_row(number: int, answers: Sequence[ModelAnswer], caption: str = "A red ball drops into sand.") -> ClipRow:
    clip_id = f"drop-sand-{number:05d}"
    case = Case(clip_id, "drop", "sand", "primary")
    truth = falling_disc.take(falling_disc.clip(clip_id, num_frames=FRAMES))
    return ClipRow(case, caption, number, truth, PROMPT, tuple(answers), {"red ball": "2500 kg/m³"})


def a_page(quick: bool = False, caption: str = "A red ball drops into sand.", error: str = "") -> Page:
    rows = [
        clip_row(
            0, [answer("drop-sand-00000", "next_frame", 81.0), answer("drop-sand-00000", "copy_last", 0.0, "static")]
        ),
        clip_row(
            1,
            [answer("drop-sand-00001", "next_frame", 23.0), ModelAnswer("copy_last", 0, failure=f"crashed {error}")],
            caption,
        ),
    ]
    cases = tuple(row.case for row in rows)
    opinions = [one.judgement for row in rows for one in row.answers if one.judgement]
    roles = {"next_frame": "model", "copy_last": "baseline", "truth": "reference"}
    return Page(
        run="first",
        quick=quick,
        facts={"seed": "7", "code": "8a1b2c3"},
        stages=(
            StageCount("simulate", 2),
            StageCount("generate", 3, {"copy_last/drop-sand-00001__s0": f"crashed {error}"}, 2.0, 1.0),
        ),
        summaries=tuple(summarise(model, role, opinions, cases) for model, role in roles.items()),
        clips=iter(rows),
        cases=cases,
        verdicts=(
            Verdict("drop-sand-00000", True, ("passes the gate", "instructive 19"), "rule", "train"),
            Verdict("drop-sand-00001", False, ("nothing moves",), "rule"),
        ),
        notes=("no clip is in validation",),
        exports={"videofolder": "dataset/videofolder"},
    )


@pytest.fixture(scope="module")
def html() -> str:
    return report.render(a_page())


class Reader(HTMLParser):
    """Collects what a browser would load, what is written, and the tags left open."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "poster", "srcset", "action")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "br":
            self.text.append(" ")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    return reader


def words(html: str) -> str:
    return re.sub(r"\s+", " ", "".join(read(html).text))


def test_the_page_needs_nothing_else(html: str) -> None:
    reader = read(html)
    assert all(source.startswith(("data:", "#")) for source in reader.sources)
    assert all(source[1:] in reader.ids for source in reader.sources if source.startswith("#"))
    assert len(set(reader.ids)) == len(reader.ids)
    assert "url(" not in html
    assert "@import" not in html


def test_the_same_page_twice(html: str) -> None:
    assert report.render(a_page()) == html


def test_clips_are_taken_one_at_a_time_and_shown_moving(html: str) -> None:
    assert html.count("data:video/mp4;base64,") == 2
    assert html.count('class="breaks"') == 4  # three answers and the typical one again


def test_numbers_are_numbers_or_have_a_reason(html: str) -> None:
    shown = words(html)
    assert not re.search(r"\b(nan|None|inf|NaN|undefined)\b", shown)
    assert "nan" not in re.sub(r'base64,[^"]*|drop-\w+', "", html).lower().replace("finance", "")
    assert "not measured: the masks are empty" in shown
    assert "not measured: crashed" in shown
    assert "not measured: no clip was judged" in shown  # the reference has no judgement here
    assert "not measured: it is nowhere to be seen in the answer" in shown


def test_failures_are_counted_and_named_with_their_line() -> None:
    shown = words(report.render(a_page(error="KeyError: 'mass'")))
    assert "1 failure." in shown
    assert "generate copy_last/drop-sand-00001__s0 crashed KeyError: 'mass'" in shown
    assert "1 answer without a judgement, in no mean" in shown


def test_degenerate_answers_are_said_so(html: str) -> None:
    assert "degenerate (static), counted as 0" in words(html)


def test_quick_is_said_loudly_and_only_then(html: str) -> None:
    assert "QUICK RUN" not in html
    assert "QUICK RUN" in words(report.render(a_page(quick=True)))


def test_what_others_wrote_is_text_and_not_markup() -> None:
    html = report.render(a_page(caption=NASTY, error=NASTY))
    assert NASTY not in html
    assert words(html).count('alert("x")') >= 3
    assert html.count("<script>") == 1


def test_the_curated_set_is_told_with_reasons(html: str) -> None:
    shown = words(html)
    assert "1 clip accepted, 1 rejected" in shown
    assert "nothing moves" in shown
    assert "passes the gate; instructive 19" in shown
    assert "no clip is in validation" in shown


def test_a_run_without_anything_still_gives_a_page() -> None:
    html = report.render(Page("empty", False, {}, (StageCount("simulate", 0, {"a": "b"}),), (), iter(()), ()))
    assert "No clip is complete" in words(html)
    assert "1 failure." in words(html)


def test_clips_of_odd_size_are_shown() -> None:
    shown = falling_disc.clip("drop-sand-00000", size=52, num_frames=FRAMES)
    odd = replace(shown, frames=shown.frames[:, :51, :49])
    take = replace(falling_disc.take(shown), clip=odd)
    row = replace(
        clip_row(0, [ModelAnswer("next_frame", 0, take, judged("drop-sand-00000", "next_frame", 50.0))]), truth=take
    )
    page = replace(a_page(), clips=iter([row]))
    assert "data:video/mp4" in report.render(page)


def test_samples_of_a_clip_do_not_shrink_the_error() -> None:
    cases = [
        Case("a", "drop", "sand", "primary"),
        Case("b", "drop", "water", "primary"),
        Case("c", "drop", "water", "primary"),
    ]
    opinions = [judged("a", "m", value, sample) for sample, value in enumerate((10.0, 30.0))] + [judged("b", "m", 40.0)]
    found = summarise("m", "model", opinions, cases)
    assert found.plausibility is not None
    assert (found.plausibility.mean, found.plausibility.n) == (30.0, 2)
    assert found.plausibility.standard_error == pytest.approx(10.0)
    assert found.missing == ("c",)
    assert found.by_material["sand"].standard_error is None
    assert found.by_clip == {"a": 20.0, "b": 40.0}


def test_a_long_run_shows_the_worst_the_best_and_some_between() -> None:
    cases = [Case(f"drop-sand-{number:05d}", "drop", "sand", "primary") for number in range(100)]
    summary = summarise(
        "m", "model", [judged(case.clip_id, "m", 100.0 - number) for number, case in enumerate(cases)], cases
    )
    kept = report.chosen([summary], cases, most=10)
    assert len(kept) == 10
    assert kept == sorted(kept)
    assert {"drop-sand-00000", "drop-sand-00099"} <= set(kept)
    assert report.chosen([summary], cases[:10], most=10) == [case.clip_id for case in cases[:10]]


@pytest.mark.parametrize(
    ("values", "frame"),
    [
        ([9, 9, 90, 90, 40, 30, 90], 4),
        ([9, 9, 90, 40, 90, 40, 30], 5),  # one bad frame alone may be noise
        ([9, 9, 90, 90, 90, 90, 10], 6),
        ([9, 9, 90, 90, 90, 90, 90], None),
        ([9, 9, 90, 40, np.nan, 40, 90], 3),
        ([np.nan] * 7, None),
    ],
)
def test_where_a_clip_breaks(values: list[float], frame: int | None) -> None:
    assert first_bad_frame(np.array(values, np.float32), prompt_frames=2) == frame


def test_flow_colours_follow_the_wheel() -> None:
    from pipeline._report.pictures import flow_picture

    flow = np.array([[[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0], [0.5, 0]]], np.float32)
    right, left, down, up, rest, slow = flow_picture(flow, 1.0)[0].astype(int)
    assert right[0] == 255
    assert right[1] < 40
    assert tuple(rest) == (255, 255, 255)
    assert left[0] < 60  # cyan to blue
    assert down[0] > 200  # yellow
    assert down[1] > 200
    assert up[2] == 255  # violet
    assert (slow >= right).all()


def test_the_distance_between_whole_sets_stands_beside_its_model() -> None:
    page = a_page()
    assert "otion distance" not in words(report.render(page))
    shown = words(report.render(replace(a_page(), motion_distances={"next_frame": 0.01234})))
    assert "Motion distance: " in shown
    assert shown.count("0.0123") == 1
